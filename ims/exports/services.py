"""Building journals and handing them out. Each function authorises, decides, writes and records, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.text import slugify

from ims.audit.actors import Actor, acting, authorise
from ims.audit.scope import require_whole
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import InvalidInput
from ims.common.money import ZERO, format_pounds
from ims.exports import journal, layout, selectors
from ims.exports.errors import ExportRefusal, NothingToExport
from ims.exports.journal import JournalLine
from ims.exports.layout import BatchFacts
from ims.exports.models import ExportBatch, ExportProfile

LONGEST_PERIOD_DAYS = 366
MOST_MISSING_NAMED = 30

_CLAIM = """
CREATE TEMP TABLE exports_claim ON COMMIT DROP AS
SELECT e.id AS entry_id
FROM ledger_entry e JOIN funds_fund f ON f.code = e.fund_id AND f.is_exported_to_ledger
WHERE e.accounting_date BETWEEN %(first)s AND %(last)s
  AND NOT EXISTS (SELECT 1 FROM exports_exportedentry x WHERE x.profile_id = %(profile)s AND x.entry_id = e.id)
"""
_CLAIMED = "FROM exports_claim c JOIN ledger_entry e ON e.id = c.entry_id WHERE true"
_KEEP = """
INSERT INTO exports_exportedentry (profile_id, entry_id, batch_id)
SELECT %(profile)s, entry_id, %(batch)s FROM exports_claim ORDER BY entry_id
"""
_LINE_COLUMNS = (
    "batch_id, number, side, accounting_date, gl_code, cost_centre, fund, method_of_payment, office, vat_code, "
    "debit, credit, entry_count, entry_id, description"
)


@dataclass(frozen=True)
class Built:
    """The batch that has the journal; `created` is False when it had been built before."""

    batch: ExportBatch
    created: bool


def build(
    *, actor: Actor, profile: ExportProfile, first: date, last: date | None = None, key: str, reason: str = ""
) -> ExportBatch:
    """Build the journal of every entry of `first` to `last` (both included) that has not gone out by `profile`.

    `key` names the request: the same request again returns the batch built first. Entries that arrive later go into
    a further batch of the same days. Raises `NothingToExport` when no entry waits (its `batches` have what went out),
    `ExportRefusal` when a general ledger code is missing, naming every combination; nothing is written then.
    """
    authorise(actor, "exports.build_export", what="build exports")
    last = last or first
    check_request(actor=actor, profile=profile, first=first, last=last)
    with transaction.atomic():
        # Two people at once: the second waits here, and then finds what the first left.
        locked = ExportProfile.objects.select_for_update().get(pk=profile.pk)
        earlier = ExportBatch.objects.defer("content").filter(key=key).first()
        if earlier is not None:
            _refuse_other_journal(earlier, locked)
            return earlier
        return _build(actor, locked, first, last, key, reason)


def build_or_reissue(
    *, actor: Actor, profile: ExportProfile, first: date, last: date | None = None, key: str, reason: str = ""
) -> Built:
    """As `build`; when no entry waits, the last batch that holds those days, as it was sent."""
    known = ExportBatch.objects.filter(key=key).exists()
    try:
        batch = build(actor=actor, profile=profile, first=first, last=last, key=key, reason=reason)
    except NothingToExport as refusal:
        if not refusal.batches:
            raise
        return Built(refusal.batches[-1], created=False)
    return Built(batch, created=not known)


@transaction.atomic
def download(*, actor: Actor, batch_id: int) -> tuple[ExportBatch, bytes]:
    """The batch and the very bytes that were built. Who fetched them stays on record.

    Raises `ExportRefusal` when the bytes no longer give the SHA-256 they were kept with.
    """
    authorise(actor, "exports.download_export", what="download exports")
    batch = selectors.get_batch(actor, batch_id)
    content = bytes(batch.content)
    if hashlib.sha256(content).hexdigest() != batch.sha256:
        raise ExportRefusal(
            f"{batch} has been altered since it was built: do not send it. Tell the system administrator.",
            code="altered",
        )
    record("export_downloaded", actor=actor, subject=batch, data={"sha256": batch.sha256, "file": batch.file_name})
    return batch, content


@transaction.atomic
def save_profile(*, actor: Actor, profile: ExportProfile, reason: str) -> ExportProfile:
    """Add or change a profile, with a reason. Raises `InvalidInput` when its layout cannot be used."""
    needed = "exports.change_exportprofile" if profile.pk else "exports.add_exportprofile"
    authorise(actor, needed, what="set up exports")
    check_profile(profile)
    with acting(actor, reason):
        profile.full_clean()
        profile.save()
    return profile


def check_profile(profile: ExportProfile) -> None:
    """Raise `InvalidInput` unless the layout, grouping and file name of `profile` can be used."""
    fixed = profile.file_format == ExportProfile.FileFormat.FIXED_WIDTH
    layout.from_config(profile.layout, is_fixed_width=fixed)
    unknown = sorted(set(profile.group_by) - set(journal.GROUPINGS))
    if unknown:
        raise InvalidInput(f"Lines cannot be added up by “{unknown[0]}”. Use {', '.join(journal.GROUPINGS)}.")
    if fixed and profile.neutralise_formulas:
        raise InvalidInput("A fixed-width file is for machines: its text is never altered. Turn “for people” off.")
    if fixed and profile.encoding == ExportProfile.Encoding.UTF_8_MARKED:
        raise InvalidInput("A fixed-width file cannot begin with a mark for spreadsheets. Choose another encoding.")
    _file_name(profile, 1, date(2026, 4, 1), date(2026, 4, 1))


def check_request(*, actor: Actor, profile: ExportProfile, first: date, last: date) -> None:
    """Raise `ExportRefusal` or `NotAllowed` for days, a profile or an actor that no journal can be built for."""
    require_whole(actor, "A journal")
    if not profile.is_active:
        raise ExportRefusal(f"The export profile “{profile}” is not in use. Choose another.", code="not_in_use")
    if last < first:
        raise ExportRefusal(f"The period ends on {last:%-d %b %Y}, before it starts on {first:%-d %b %Y}.")
    if (last - first).days >= LONGEST_PERIOD_DAYS:
        raise ExportRefusal("A journal covers a year at most. Choose a shorter period.", code="period_too_long")
    if last > clock.today():
        raise ExportRefusal(f"{last:%-d %b %Y} is still to come. Choose today or an earlier day.", code="in_the_future")


def _build(actor: Actor, profile: ExportProfile, first: date, last: date, key: str, reason: str) -> ExportBatch:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.exports_claim")
        cursor.execute(_CLAIM, {"first": first, "last": last, "profile": profile.pk})
    found = selectors.sources(_CLAIMED, {}, is_detail=profile.is_detail)
    if not found:
        raise _nothing(profile, first, last)
    lines, missing = selectors.journal_of(profile, found, first, last)
    _refuse_missing(missing)
    debits, credits = sum((line.debit for line in lines), ZERO), sum((line.credit for line in lines), ZERO)
    if debits != credits:
        raise ExportRefusal(
            f"The journal does not balance: debits {format_pounds(debits)}, credits {format_pounds(credits)}.",
            code="does_not_balance",
        )
    sequence = (profile.batches.order_by("-sequence").values_list("sequence", flat=True).first() or 0) + 1
    rendered = rendering(profile, lines, sequence=sequence, first=first, last=last)
    batch = ExportBatch.objects.create(
        profile=profile,
        sequence=sequence,
        key=key,
        first_date=first,
        last_date=last,
        entry_count=sum(source.entry_count for source in found),
        line_count=len(lines),
        debit_total=debits,
        credit_total=credits,
        file_name=_file_name(profile, sequence, first, last),
        content=rendered.content,
        sha256=hashlib.sha256(rendered.content).hexdigest(),
        actor_kind=actor.kind,
        actor_id=actor.identifier,
        actor_name=actor.name,
        reason=reason,
    )
    _keep(batch, lines)
    record("export_built", actor=actor, subject=batch, reason=reason, data=_summary(batch, rendered.notices))
    return batch


def rendering(
    profile: ExportProfile, lines: Sequence[JournalLine], *, sequence: int, first: date, last: date
) -> layout.Rendered:
    """The bytes of a journal with these lines. Writes nothing."""
    fixed = profile.file_format == ExportProfile.FileFormat.FIXED_WIDTH
    shape = layout.from_config(profile.layout, is_fixed_width=fixed)
    facts = BatchFacts(
        batch_number=sequence,
        profile=profile.name,
        first_date=first,
        last_date=last,
        built_at=timezone.localtime(clock.now()),
        line_count=len(lines),
        record_count=len(lines) + shape.extra_records,
        debit_total=sum((line.debit for line in lines), ZERO),
        credit_total=sum((line.credit for line in lines), ZERO),
    )
    return layout.render(
        shape,
        lines,
        facts,
        encoding=profile.encoding,
        line_end="\r\n" if profile.line_end == ExportProfile.LineEnd.WINDOWS else "\n",
        neutralise_formulas=profile.neutralise_formulas,
    )


def _nothing(profile: ExportProfile, first: date, last: date) -> NothingToExport:
    days = f"{first:%-d %b %Y}" if first == last else f"{first:%-d %b %Y} to {last:%-d %b %Y}"
    earlier = selectors.batches_holding(profile, first, last)
    if not earlier:
        return NothingToExport(f"There is nothing to export: no entry has an accounting date of {days}.")
    named = ", ".join(str(batch) for batch in earlier[-3:])
    latest = earlier[-1]
    return NothingToExport(
        f"Every entry of {days} has gone out already ({named}; the last was built by {latest.actor_name}). "
        "Download that batch again if you need the file.",
        batches=earlier,
    )


def _refuse_other_journal(earlier: ExportBatch, profile: ExportProfile) -> None:
    if earlier.profile_id != profile.pk:
        raise ExportRefusal(
            f"This request has built {earlier} already, which is not “{profile}”. Begin again from Exports.",
            code="key_used",
        )


def _refuse_missing(missing: Sequence[journal.Missing]) -> None:
    if not missing:
        return
    named = [str(one) for one in missing[:MOST_MISSING_NAMED]]
    if len(missing) > MOST_MISSING_NAMED:
        named.append(f"and {len(missing) - MOST_MISSING_NAMED} more")
    raise ExportRefusal(
        f"The journal cannot be built: {len(missing)} general ledger codes are missing. Add them under General ledger "
        f"mappings. Missing: {'; '.join(named)}.",
        code="missing_mapping",
        details=named,
    )


def _file_name(profile: ExportProfile, sequence: int, first: date, last: date) -> str:
    try:
        name = profile.file_name.format(profile=slugify(profile.name), batch=sequence, first=first, last=last)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise InvalidInput(
            f"The file name “{profile.file_name}” cannot be used: {error}. "
            "It may hold {profile}, {batch:06d}, {first:%Y%m%d} and {last:%Y%m%d}."
        ) from error
    if not name or any(character in name for character in '/\\:*?"<>|\r\n\0') or name.startswith("."):
        raise InvalidInput(f'“{name}” cannot be the name of a file. Leave out / \\ : * ? " < > and |.')
    return name


def _keep(batch: ExportBatch, lines: Sequence[JournalLine]) -> None:
    """Write the journal lines and mark the entries as gone, by COPY and one statement, however many there are."""
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY exports_exportline ({_LINE_COLUMNS}) FROM STDIN") as copy:
            for number, line in enumerate(lines, start=1):
                copy.write_row(
                    (
                        batch.pk,
                        number,
                        line.side,
                        line.accounting_date,
                        line.gl_code,
                        line.cost_centre,
                        line.fund,
                        line.method_of_payment,
                        line.office,
                        line.vat_code,
                        line.debit,
                        line.credit,
                        line.entry_count,
                        line.entry,
                        line.description,
                    )
                )
        cursor.execute(_KEEP, {"profile": batch.profile_id, "batch": batch.pk})


def _summary(batch: ExportBatch, notices: Sequence[str]) -> Mapping[str, Any]:
    return {
        "entries": batch.entry_count,
        "lines": batch.line_count,
        "debits": str(batch.debit_total),
        "credits": str(batch.credit_total),
        "sha256": batch.sha256,
        "notices": list(notices),
    }
