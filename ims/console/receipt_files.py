"""Receipts as a file for a spreadsheet: CSV of any length, XLSX up to a limit. Formulas are made harmless."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from django.utils.timezone import localtime
from openpyxl import Workbook

from ims.audit.admin import neutral
from ims.ledger.models import Entry

LARGEST_WORKBOOK = 100_000
"""Rows of a workbook. Spreadsheet programs hold about a million; building one costs far more than CSV."""

HEADINGS = (
    "Receipt number",
    "Kind",
    "Received on",
    "Accounting date",
    "Posted at",
    "Fund",
    "Fund name",
    "Account reference",
    "Method of payment",
    "Method name",
    "Office",
    "Amount",
    "VAT code",
    "VAT rate",
    "VAT amount",
    "Payer",
    "Narrative",
    "Source reference",
    "Source line",
    "Posted by",
)


def rows_of(entries: Iterable[Entry]) -> Iterator[tuple[Any, ...]]:
    """One row for each entry, in the order of `HEADINGS`; amounts as `Decimal`, dates as dates."""
    for entry in entries:
        yield (
            entry.receipt_number,
            entry.posting.get_kind_display(),
            entry.received_on,
            entry.accounting_date,
            localtime(entry.posted_at).replace(tzinfo=None, microsecond=0),
            entry.fund_id,
            entry.fund.name,
            neutral(entry.account_reference),
            entry.method_of_payment_id,
            entry.method_of_payment.name,
            entry.office_id,
            entry.amount,
            entry.vat_code_id,
            entry.vat_rate,
            entry.vat_amount,
            neutral(entry.payer_name),
            neutral(entry.narrative),
            neutral(entry.source_reference),
            entry.source_line,
            neutral(entry.posting.actor_name),
        )


class _Echo:
    """A file that gives back what is written to it, so that rows leave as they are made."""

    def write(self, value: str) -> str:
        return value


def csv_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """The file line by line. It starts with a byte order mark, by which spreadsheets know UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff"
    yield writer.writerow(HEADINGS)
    for row in rows_of(entries):
        yield writer.writerow(row)


def workbook(entries: Iterable[Entry]) -> IO[bytes]:
    """An open file with the workbook, at its start. Closing it removes it."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Receipts")
    sheet.append(HEADINGS)
    for row in rows_of(entries):
        sheet.append(row)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    book.save(file)
    file.seek(0)
    return file
