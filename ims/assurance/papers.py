"""What an auditor takes away: the trail as CSV, a sample as a workpaper in CSV or XLSX. Formulas are made harmless."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from django.utils.timezone import localtime
from openpyxl import Workbook

from ims.assurance.sampling import Item, Sample
from ims.assurance.selectors import Act
from ims.audit import personal
from ims.audit.actors import Actor
from ims.audit.admin import neutral
from ims.common import clock
from ims.imports.models import ImportRow
from ims.ledger.models import Entry, SealedPosting

Row = Sequence[Any]

TRAIL_HEADINGS = (
    "When",
    "Who",
    "Kind of actor",
    "Address",
    "What",
    "Kind of record",
    "Record",
    "Key",
    "Field",
    "Before",
    "After",
    "Reason",
)
SAMPLE_HEADINGS = (
    "Receipt number",
    "Received on",
    "Accounting date",
    "Fund",
    "Account reference",
    "Method of payment",
    "Amount",
    "Hits",
    "Payer",
    "Narrative",
    "Posted by",
    "Seal",
    "File",
    "SHA-256 of the file",
    "Line of the file",
    "The line as it arrived",
    "Agrees with the source (yes or no)",
    "Auditor's remarks",
)


def trail_lines(acts: Iterable[Act]) -> Iterator[str]:
    """The file line by line, one for each field that changed. Starts with the mark that says UTF-8."""
    yield "\ufeff" + _line(TRAIL_HEADINGS)
    for act in acts:
        when = f"{localtime(act.moment):%Y-%m-%d %H:%M:%S}"
        head = (when, act.actor_name, act.actor_kind, act.address, act.what, act.kind_of_record, act.record, act.key)
        for difference in act.differences or (None,):
            shown = (difference.field, difference.before, difference.after) if difference else ("", "", "")
            yield _line((*head, *shown, act.reason))


def _line(values: Row) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([neutral(value) for value in values])
    return buffer.getvalue()


def workpaper(sample: Sample, *, actor: Actor, council: str) -> Iterator[Row]:
    """The workpaper's rows: how the sample was drawn, then what was drawn, with room for the auditor's findings."""
    request, population = sample.request, sample.population
    yield (f"Sample of receipts, {council}",)
    yield ("Drawn", f"{localtime(clock.now()):%-d %b %Y, %H:%M}", "by", actor.name)
    yield ("Method", "Monetary unit" if request.method == "monetary_unit" else "Random")
    yield ("Seed", request.seed)
    yield ("Accounting dates", request.first, request.last)
    yield ("Fund", request.fund or "All")
    yield ("Population ends at entry", request.last_entry)
    yield ("Receipts in the population", population.count, population.total)
    yield ("Returned receipts, not sampled", population.negative_count, population.negative_total)
    if request.method == "monetary_unit":
        yield ("Interval and start, in pounds", sample.interval, sample.start)
    yield ("Drawn", len(sample.items), sample.total)
    yield ()
    yield SAMPLE_HEADINGS
    sources = _sources(actor, [item.entry for item in sample.items])
    seals = dict(
        SealedPosting.objects.filter(posting__in={item.entry.posting_id for item in sample.items}).values_list(
            "posting_id", "seal_id"
        )
    )
    for item in sample.items:
        yield _sampled(item, seals.get(item.entry.posting_id, ""), sources.get(item.entry.pk))


def _sampled(item: Item, seal: int | str, row: ImportRow | None) -> Row:
    entry = item.entry
    return (
        entry.receipt_number,
        entry.received_on,
        entry.accounting_date,
        str(entry.fund),
        entry.account_reference,
        str(entry.method_of_payment),
        entry.amount,
        item.hits,
        entry.payer_name,
        entry.narrative,
        entry.posting.actor_name,
        seal,
        row.batch.file_name if row else "",
        row.batch.file.sha256 if row else "",
        row.line if row else "",
        row.raw if row else "",
        "",
        "",
    )


def _sources(actor: Actor, entries: Sequence[Entry]) -> dict[int, ImportRow]:
    """The imported row of each entry that came as part of a file."""
    wanted = {(entry.posting_id, entry.source_line): entry.pk for entry in entries if entry.source_line is not None}
    found: dict[int, ImportRow] = {}
    for posting in {posting for posting, _ in wanted}:
        lines = [line for owner, line in wanted if owner == posting]
        rows = ImportRow.objects.select_related("batch__file")
        mine = rows.filter(batch__posting=posting, line__in=lines, posting__isnull=True) | rows.filter(
            posting=posting, line__in=lines
        )
        for row in personal.veil(actor, mine):
            found[wanted[posting, row.line]] = row
    return found


def as_csv(rows: Iterable[Row]) -> Iterator[str]:
    """Rows as a CSV file for spreadsheets."""
    yield "\ufeff"
    for row in rows:
        yield _line(row)


def as_workbook(rows: Iterable[Row], title: str) -> IO[bytes]:
    """Rows as an open XLSX file, at its start. Closing it removes it."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    for row in rows:
        sheet.append([neutral(value) for value in row])
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    book.save(file)
    file.seek(0)
    return file
