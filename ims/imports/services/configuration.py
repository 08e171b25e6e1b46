"""Profiles and routing rules: saving them with their history, and trying them before they are used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from psycopg import sql

from ims.audit import personal
from ims.audit.actors import Actor, acting, authorise
from ims.common.errors import InvalidInput
from ims.common.money import ZERO
from ims.formats import profile_draft, profile_reading, registry
from ims.formats.profile import Profile
from ims.formats.records import Entry, Problem
from ims.formats.summary import checked
from ims.imports.models import FileProfile, ImportRow, RoutingRule
from ims.imports.models.profiles import LAYOUT
from ims.imports.routing_sql import condition_sql
from ims.imports.rules import SETTABLE
from ims.imports.weighing import as_rule

ROWS_TRIED = 50_000
MATCHES_SHOWN = 50
SAMPLE_SHOWN = 20


@dataclass(frozen=True)
class Match:
    """A past row on which a rule would have fired: what it has, and what the rule would make of it."""

    batch_id: int
    line: int
    amount: Decimal | None
    narrative: str
    changes: dict[str, tuple[str, str]]
    """Field → (as it is, as the rule would set it); only what differs."""


@dataclass(frozen=True)
class Trial:
    """A rule run over past rows, changing nothing."""

    rows_tried: int
    fired: int
    would_change: int
    matches: list[Match]


@dataclass
class Sample:
    """What a profile makes of a file, keeping nothing."""

    entries: list[Entry] = field(default_factory=list)
    count: int = 0
    credits: Decimal = ZERO
    debits: Decimal = ZERO
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0


def save_profile(*, actor: Actor, profile: FileProfile, reason: str) -> FileProfile:
    """Add or change a profile, with its history. Raises `InvalidInput` with every fault in `details`."""
    _authorise_saving(actor, profile, "file profiles")
    with acting(actor, _reason(reason)), transaction.atomic():
        _clean(profile)
        profile.save()
    return profile


def retire_profile(*, actor: Actor, profile: FileProfile, reason: str) -> FileProfile:
    """Take a profile out of use. What was imported under it stays as it is."""
    profile.is_active = False
    return save_profile(actor=actor, profile=profile, reason=reason)


def save_rule(*, actor: Actor, rule: RoutingRule, reason: str) -> RoutingRule:
    """Add or change a routing rule, with its history. Raises `InvalidInput` for a rule that makes no sense."""
    _authorise_saving(actor, rule, "routing rules")
    with acting(actor, _reason(reason)), transaction.atomic():
        rule.actions = dict(as_rule(rule).actions)
        unknown = set(rule.profiles) - set(FileProfile.objects.values_list("code", flat=True))
        if unknown:
            raise InvalidInput(f"There is no file profile “{min(unknown)}”.")
        _check_codes(rule.actions)
        _clean(rule)
        rule.save()
    return rule


def try_rule(*, actor: Actor, rule: RoutingRule) -> Trial:
    """Run a rule, saved or not, over the latest rows received, and say what it would have changed. Writes nothing."""
    authorise(actor, "imports.view_routingrule", what="try routing rules")
    plain = as_rule(rule)
    source = sql.SQL(
        "SELECT batch_id, line, kind, amount, received_on, type_code, source_reference AS bank_reference,"
        " btrim(file_reference) AS reference, end_to_end, payer_name, narrative, upper(btrim(file_fund)) AS fund,"
        " method_of_payment, office, vat_code, account, fund AS decided_fund, account_reference AS decided_reference"
        " FROM imports_importrow {where} ORDER BY id DESC LIMIT {most}"
    ).format(where=_within(actor, rule), most=sql.Literal(ROWS_TRIED))
    changes = sql.SQL(" OR ").join(
        sql.SQL("{} <> {}").format(_decided(name), sql.Literal(value)) for name, value in plain.actions.items()
    )
    fields = sql.SQL(", ").join(_decided(name) for name in SETTABLE)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "WITH tried AS MATERIALIZED ({source}), fired AS MATERIALIZED (SELECT r.* FROM tried r WHERE {fires})"
                " SELECT (SELECT count(*) FROM tried), (SELECT count(*) FROM fired),"
                " (SELECT count(*) FROM fired r WHERE {changes})"
            ).format(source=source, fires=condition_sql(plain), changes=changes)
        )
        tried, fired, would_change = cursor.fetchone()
        cursor.execute(
            sql.SQL(
                "SELECT batch_id, line, amount, narrative, {fields} FROM ({source}) AS r WHERE {fires} LIMIT {most}"
            ).format(fields=fields, source=source, fires=condition_sql(plain), most=sql.Literal(MATCHES_SHOWN))
        )
        matches = [_match(actor, row, plain.actions) for row in cursor.fetchall()]
    return Trial(tried, fired, would_change, matches)


def try_sample(*, actor: Actor, format: str, layout: Mapping[str, Any], stream: BinaryIO) -> Sample:
    """Read a sample file under settings not yet saved. Keeps nothing.

    Raises `InvalidInput` for settings that cannot be used and `UnreadableFile` for a file they do not fit.
    """
    authorise(actor, "imports.view_fileprofile", what="try file profiles")
    if format == LAYOUT:
        records = profile_reading.read(stream, Profile.from_config({"name": "sample", **layout}))
    else:
        records = registry.read(stream, format)
    sample = Sample()
    for record in checked(records):
        if isinstance(record, Entry):
            sample.count += 1
            if len(sample.entries) < SAMPLE_SHOWN:
                sample.entries.append(record)
            if record.parent is None:
                sample.credits += max(record.amount, ZERO)
                sample.debits += max(-record.amount, ZERO)
        elif isinstance(record, Problem):
            sample.problem_count += 1
            if len(sample.problems) < SAMPLE_SHOWN:
                sample.problems.append(record)
    return sample


def draft_layout(
    *, actor: Actor, stream: BinaryIO, delimiter: str = "", encoding: str = "", sheet: str = ""
) -> dict[str, Any]:
    """Settings of a layout told from a sample file, for a person to look over. Keeps nothing.

    Raises `UnreadableFile` for a file whose columns cannot be told.
    """
    authorise(actor, "imports.view_fileprofile", what="try file profiles")
    return profile_draft.draft(stream, delimiter=delimiter, encoding=encoding, sheet=sheet)


def _authorise_saving(actor: Actor, record: FileProfile | RoutingRule, what: str) -> None:
    verb = "add" if record.pk is None else "change"
    authorise(actor, f"imports.{verb}_{record._meta.model_name}", what=f"{verb} {what}")


def _reason(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput("Give a reason for the change. Its history keeps it.")
    return reason.strip()


def _clean(record: FileProfile | RoutingRule) -> None:
    try:
        record.full_clean()
    except ValidationError as error:
        raise InvalidInput(error.messages[0], details=error.messages) from error


def _check_codes(actions: Mapping[str, str]) -> None:
    for name, model in (("fund", "fund"), ("method_of_payment", "methodofpayment"), ("office", "office"),
                        ("vat_code", "vatcode")):  # fmt: skip
        value = actions.get(name)
        if value and not _exists(model, value):
            raise InvalidInput(f"There is no {name.replace('_', ' ')} “{value}”. Choose one from the list.")


def _exists(model: str, code: str) -> bool:
    return apps.get_model("funds", model).objects.filter(pk=code).exists()


def _within(actor: Actor, rule: RoutingRule) -> sql.Composable:
    """Rows of the rule's profiles, within the actor's scope."""
    conditions = [
        sql.SQL("{} = ANY({})").format(sql.Identifier(column), sql.Literal(sorted(codes)))
        for column, codes in (
            ("posting_fund", actor.funds),
            ("office", actor.offices),
            ("method_of_payment", actor.methods),
        )
        if codes is not None
    ]
    if rule.profiles:
        of_profiles = sql.SQL(
            "batch_id IN (SELECT b.id FROM imports_importbatch b JOIN imports_fileprofile p ON p.id = b.profile_id"
            " WHERE p.code = ANY({}))"
        )
        conditions.append(of_profiles.format(sql.Literal(list(rule.profiles))))
    return sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(conditions)) if conditions else sql.SQL("")


def _decided(name: str) -> sql.Composable:
    renamed = {"fund": "decided_fund", "reference": "decided_reference"}.get(name, name)
    return sql.SQL("r.{}").format(sql.Identifier(renamed))


def _match(actor: Actor, row: tuple, actions: Mapping[str, str]) -> Match:
    batch_id, line, amount, narrative, *values = row
    narrative = personal.veiled_value(actor, ImportRow, "narrative", narrative)
    now = dict(zip(SETTABLE, values, strict=True))
    changes = {name: (now[name], value) for name, value in actions.items() if now[name] != value}
    return Match(batch_id, line, amount, narrative, changes)
