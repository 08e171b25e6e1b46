"""From staged rows to decided rows: routing, proof of references, search in narratives, outcome.

Everything happens in temporary tables and sets; only references that no account holder has, and narratives of rows
without an account, ever come to Python. Must run inside the transaction that staged the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import connection
from psycopg import sql

from ims.common import clock
from ims.common.sql import read
from ims.formats.records import EntryKind
from ims.funds.models import Fund, ReferenceRule, VatCode
from ims.imports import elsewhere
from ims.imports.errors import ImportRefusal
from ims.imports.models import FileProfile, RoutingRule
from ims.imports.routing_sql import routed
from ims.imports.rules import Rule, parse_actions, parse_groups
from ims.imports.staging import Report, as_routed
from ims.references.narrative import find_references
from ims.references.rules import ReferenceRule as Pattern
from ims.references.rules import check_many

COLUMNS = (
    "line", "is_parent", "kind", "status", "currency", "amount", "received_on", "type_code", "bank_reference",
    "reference", "end_to_end", "payer_name", "narrative", "fund", "method_of_payment", "office", "vat_code", "account",
    "raw", "problem", "problem_code", "problem_field", "content", "across", "file_fund", "file_reference",
)  # fmt: skip
_RETURNS = ["unpaid_direct_debit", "returned_credit", "indemnity_claim", "chargeback", "refund"]
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Settings:
    """What decides about the rows of one file, apart from the rows."""

    profile: FileProfile
    rules: Sequence[Rule]
    suspense_fund: str
    suspense_vat: str
    finds_references: bool
    holds_duplicates: bool

    @property
    def kinds(self) -> list[str]:
        """The kinds of entry that are posted."""
        return kinds_posted(self.profile.entries)


def settings_for(profile: FileProfile) -> Settings:
    """The settings of an import under `profile`. Raises `ImportRefusal` while there is no suspense fund or VAT code."""
    fund = Fund.objects.filter(is_suspense=True).first()
    if fund is None:
        raise ImportRefusal(
            "There is no suspense fund. Ask finance to mark one under Funds; then check the file again."
        )
    vat = VatCode.objects.filter(is_for_suspense=True).values_list("pk", flat=True).first()
    return Settings(
        profile=profile,
        rules=rules_for(profile),
        suspense_fund=fund.pk,
        suspense_vat=vat or fund.vat_code_id,
        finds_references=profile.finds_references,
        holds_duplicates=profile.duplicates == FileProfile.Duplicates.HOLD,
    )


def rules_for(profile: FileProfile) -> list[Rule]:
    """The enabled routing rules for `profile`, in the order in which they run."""
    enabled = RoutingRule.objects.filter(is_enabled=True)
    return [as_rule(rule) for rule in enabled if not rule.profiles or profile.code in rule.profiles]


def as_rule(rule: RoutingRule) -> Rule:
    """The record as plain data. Raises `InvalidInput` when it makes no sense."""
    return Rule(
        id=rule.pk,
        name=rule.name,
        groups=parse_groups(rule.groups),
        actions=parse_actions(rule.actions),
        stops=rule.stops,
        valid_from=rule.valid_from,
        valid_to=rule.valid_to,
    )


def kinds_posted(entries: str) -> list[EntryKind]:
    """The kinds of entry that a profile posts."""
    if entries == FileProfile.Entries.NOTHING:
        return []
    if entries == FileProfile.Entries.RECEIPTS:
        return ["receipt"]
    if entries == FileProfile.Entries.RECEIPTS_AND_RETURNS:
        return ["receipt", *_RETURNS]
    return ["receipt", *_RETURNS, "payment", "fee", "interest", "transfer"]


def route(settings: Settings) -> None:
    """Apply the routing rules and the profile's defaults to the staged rows, into ``ims_routed``."""
    profile = settings.profile
    as_read = {"file_fund": "fund", "file_reference": "reference"}
    source = sql.SQL("SELECT {}, touched FROM ims_stage").format(
        sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(
                sql.Identifier(as_read[name]) if name in as_read else as_routed(name), sql.Identifier(name)
            )
            for name in COLUMNS
        )
    )
    defaults = {
        "fund": profile.fund_id,
        "method_of_payment": profile.method_of_payment_id,
        "office": profile.office_id,
    }
    outputs = [
        sql.SQL("CASE WHEN {name} = '' THEN {default} ELSE {name} END AS {name}").format(
            name=sql.Identifier(name), default=sql.Literal(defaults[name])
        )
        if defaults.get(name)
        else sql.Identifier(name)
        for name in COLUMNS
    ]
    _execute(sql.SQL(read("ims.imports", "twins.sql")))
    _execute(
        sql.SQL(read("ims.imports", "routed.sql")).format(
            outputs=sql.SQL(", ").join(outputs), routed=routed(source, COLUMNS, settings.rules)
        )
    )


def find_accounts(settings: Settings, report: Report) -> None:
    """Prove the references that no account holder has, and look for accounts in the narratives of rows without one."""
    kinds = sql.Literal(settings.kinds)
    _execute(sql.SQL(read("ims.imports", "unknown.sql")).format(kinds=kinds))
    _prove(report)
    if not settings.finds_references:
        return
    rules = patterns()
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(read("ims.imports", "searched.sql")).format(kinds=kinds))
        searched = _in_pieces(cursor)
        candidates = [found for rows in searched for found in _search(rows, rules)]
    _copy("ims_candidate", candidates)
    _execute(sql.SQL(read("ims.imports", "found.sql")).format(kinds=kinds))


def decide(settings: Settings, *, batch_id: int, target: str = "imports_importrow") -> None:
    """Write the rows with their outcomes into `target`; ``ims_earlier`` says which were received before."""
    elsewhere.find()
    _execute(
        sql.SQL(read("ims.imports", "decide.sql")).format(
            target=sql.Identifier(target),
            batch=sql.Literal(batch_id),
            kinds=sql.Literal(settings.kinds),
            today=sql.Literal(clock.today()),
            suspense_fund=sql.Literal(settings.suspense_fund),
            suspense_vat=sql.Literal(settings.suspense_vat),
            default_vat=sql.Literal(settings.profile.vat_code_id) + sql.SQL("::text"),
            doubt_to_suspense=sql.Literal(settings.profile.doubt == FileProfile.Doubt.SUSPENSE),
        )
    )


def patterns() -> dict[str, Pattern]:
    """The reference rule of every fund in use that has one."""
    funds = Fund.objects.filter(is_active=True, is_suspense=False, reference_rule__isnull=False)
    return {
        fund.pk: as_pattern(fund.reference_rule)
        for fund in funds.select_related("reference_rule__check_digit")
        if fund.reference_rule
    }


def as_pattern(rule: ReferenceRule) -> Pattern:
    """A fund's reference rule in the shape that checks references."""
    return Pattern.from_config(rule.as_config())


def _prove(report: Report) -> None:
    """Run every fund's own rule over the references that belong to nobody, and keep what is wrong with them."""
    rules = patterns()
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT fund, reference FROM ims_unknown WHERE fund = ANY({}) ORDER BY fund").format(
                sql.Literal(list(rules))
            )
        )
        wrong = [found for rows in _in_pieces(cursor) for found in _wrong(rows, rules)]
    report(0, 0, "Checking references")
    _copy("ims_wrong", wrong)


def _wrong(rows: Sequence[tuple[str, str]], rules: dict[str, Pattern]) -> Iterator[tuple[str, str, str]]:
    for fund, group in groupby(rows, key=lambda row: row[0]):
        references = [reference for _, reference in group]
        for reference, verdict in zip(references, check_many(rules[fund], references), strict=True):
            if not verdict.valid:
                yield fund, reference, verdict.reason


def _search(rows: Sequence[tuple[int, str, str]], rules: dict[str, Pattern]) -> Iterator[tuple[int, str, str]]:
    for line, fund, text in rows:
        wanted = {fund: rules[fund]} if fund in rules else ({} if fund else rules)
        for found in find_references(text, wanted):
            yield line, found.rule, found.reference


def _in_pieces(cursor: Any) -> Iterator[list[tuple]]:
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield rows


def _copy(table: str, rows: Iterable[tuple]) -> None:
    with (
        connection.connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy,
    ):
        for row in rows:
            copy.write_row(row)
    _execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))


def _execute(statement: sql.Composable) -> None:
    # Without parameters, so that a percent sign in a rule's value is only a percent sign.
    with connection.cursor() as cursor:
        cursor.execute(statement)


__all__ = [
    "Settings",
    "as_rule",
    "decide",
    "find_accounts",
    "kinds_posted",
    "patterns",
    "route",
    "rules_for",
    "settings_for",
]
