"""A first draft of a profile, told from a sample file: where its columns are, and what they seem to hold.

A draft is a suggestion for a person to look over. It is never read by without their having seen what it makes of the
file, so it may guess, where a reader may not.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from ims.formats.delimited import DELIMITERS, MOST_ROWS_BEFORE_HEADINGS, heading_key
from ims.formats.profile import DATE_FIELDS, MONEY_FIELDS, MOST_COLUMNS
from ims.formats.profile_text import TextFile
from ims.formats.profile_values import DATE_FORMATS, Unreadable, amount_reader, date_reader
from ims.formats.records import UnreadableFile
from ims.formats.workbook import ZIP

_ROWS_LOOKED_AT = 200
_AMOUNT = amount_reader(scale="pounds", decimal_mark=".", signed=True)
_DATES = [(name, date_reader([name])) for name in DATE_FORMATS]

_MEANINGS = (
    ("value_on", r"value date"),
    ("booked_on", r"(?:.* )?date(?: .*)?|received|when"),
    ("debit", r"debits?(?: amount)?|(?:paid|money) out|withdrawals?|payments?"),
    ("credit", r"credits?(?: amount)?|(?:paid|money) in|deposits?|receipts?"),
    ("balance", r"(?:.* )?balance"),
    ("amount", r"(?:.* )?(?:amount|paid|total)(?: .*)?|value|gbp|£"),
    ("account_sort_code", r"(?:our )?sort ?code"),
    ("account", r"(?:bank )?account(?: number| no\.?)?"),
    ("payer_name", r"(?:payer|customer|tenant)?(?:'s)? ?name|payer|paid by"),
    ("reference", r"(?:.* )?ref(?:erence)?(?: number| no\.?)?|invoice(?: number| no\.?)?"),
    ("narrative", r"(?:.* )?(?:narrative|description|details?|memo|particulars|notes?|comments?)(?: ?[0-9])?"),
    ("currency", r"currency|ccy"),
    ("type_code", r"(?:.* )?(?:type|code)"),
)
"""What a heading seems to mean: the first that matches it whole, once each but for the narrative."""


@dataclass(frozen=True)
class _Table:
    """Rows of one width; the row of headings first, if there is one."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def draft(stream: BinaryIO, *, delimiter: str = "", encoding: str = "", sheet: str = "") -> dict[str, Any]:
    """The ``layout``, ``delimiter`` and ``columns`` that a profile for this file could have, as its JSON.

    A column whose meaning cannot be told has an empty ``field``. Raises `UnreadableFile` for a file whose lines are not
    divided into columns, which a person has to describe by start and length.
    """
    first = stream.read(len(ZIP))
    stream.seek(0)
    if first == ZIP:
        return {"layout": "spreadsheet", **_described(_table(_sheet_rows(stream, sheet)))}
    rows, used = _text_rows(TextFile(stream, encoding).head, delimiter)
    return {"layout": "delimited", "delimiter": used, **_described(_table(rows))}


def _described(table: _Table) -> dict[str, Any]:
    columns = _columns(table)
    described: dict[str, Any] = {"columns": columns}
    if not table.headings:
        described["fields"] = len(columns)
    if any(column["field"] == "balance" for column in columns):
        described["order"] = "detect"
    return described


def _sheet_rows(stream: BinaryIO, sheet: str) -> list[list[str]]:
    from ims.formats import spreadsheet  # Only here: most samples are text.

    return list(islice(spreadsheet.sheet_rows(stream, sheet), _ROWS_LOOKED_AT))


def _text_rows(head: str, delimiter: str) -> tuple[list[list[str]], str]:
    lines = [line for line in head.splitlines()[:_ROWS_LOOKED_AT] if line.strip()]
    divided = {mark: _split(lines, mark) for mark in ([delimiter] if delimiter else DELIMITERS)}
    best = max(divided, key=lambda mark: _evenness(divided[mark]))
    if _width(divided[best]) < 2:
        raise UnreadableFile(
            "The lines of this file are not divided into columns by a comma, semicolon, tab or bar. Choose the layout "
            "“Fixed width” and say where each value starts and how long it is."
        )
    return divided[best], best


def _split(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return []


def _width(rows: Sequence[Sequence[str]]) -> int:
    """How many columns most rows have."""
    widths = [len(row) for row in rows]
    return max(set(widths), key=lambda width: (widths.count(width), width)) if widths else 0


def _evenness(rows: Sequence[Sequence[str]]) -> int:
    width = _width(rows)
    return sum(len(row) == width for row in rows) if width > 1 else 0


def _table(rows: Sequence[Sequence[str]]) -> _Table:
    width = _width(rows)
    if not 0 < width <= MOST_COLUMNS:
        raise UnreadableFile("No rows of columns were found in this file. Check that the right file was chosen.")
    even = [[cell.strip() for cell in row] for row in rows if len(row) == width]
    for number, row in enumerate(even[:MOST_ROWS_BEFORE_HEADINGS]):
        if len(even) > 1 and _is_headings(row):
            return _Table(row, even[number + 1 :])
        if any(_is_money(cell) or _date_format([cell]) for cell in row):
            break
    return _Table((), even)


def _is_headings(row: Sequence[str]) -> bool:
    named = [cell for cell in row if cell]
    return (
        len(named) > len(row) / 2
        and len({heading_key(cell) for cell in named}) == len(named)
        and not any(_is_money(cell) or cell.isdigit() or _date_format([cell]) for cell in named)
    )


def _columns(table: _Table) -> list[dict[str, Any]]:
    taken: set[str] = set()
    count = len(table.headings) or len(table.rows[0])
    found = []
    for place in range(count):
        heading = table.headings[place] if table.headings else ""
        values = [row[place] for row in table.rows if row[place]]
        field = _by_heading(heading, values, taken) if heading else _by_values(values, taken)
        if field != "narrative":
            taken.add(field)
        column: dict[str, Any] = {"field": field}
        column |= {"heading": [heading]} if heading else {"column": place + 1}
        dates = _date_format(values) if field in DATE_FIELDS else ""
        if dates:
            column["dates"] = [dates]
        if field in MONEY_FIELDS and "pence" in heading_key(heading):
            column["scale"] = "pence"
        if field in ("booked_on", "amount"):
            column["required"] = True
        found.append(column)
    return _one_way_to_the_amount(found)


def _one_way_to_the_amount(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where there is an amount, columns that only seemed to be money out or in are left to the person."""
    if any(column["field"] == "amount" for column in columns):
        for column in columns:
            if column["field"] in ("debit", "credit"):
                column["field"] = ""
    return columns


def _by_heading(heading: str, values: Sequence[str], taken: set[str]) -> str:
    key = heading_key(heading)
    for field, pattern in _MEANINGS:
        if (field not in taken or field == "narrative") and re.fullmatch(pattern, key) and _fits(field, values):
            return field
    return ""


def _fits(field: str, values: Sequence[str]) -> bool:
    """Whether what stands in the column can be what its heading promises."""
    if field in DATE_FIELDS:
        return bool(_date_format(values))
    return field not in MONEY_FIELDS or all(_is_amount(value) for value in values)


def _by_values(values: Sequence[str], taken: set[str]) -> str:
    """What a column without a heading seems to be. Only the first date and the first money are told."""
    if "booked_on" not in taken and _date_format(values):
        return "booked_on"
    if "amount" not in taken and values and all(_is_money(value) for value in values):
        return "amount"
    return ""


def _date_format(values: Sequence[str]) -> str:
    """The way of writing dates that all the values have; empty when there is none."""
    for name, read in _DATES:
        try:
            for value in values:
                read(value)
        except Unreadable:
            continue
        if values:
            return name
    return ""


def _is_amount(text: str) -> bool:
    try:
        _AMOUNT(text)
    except Unreadable:
        return False
    return True


def _is_money(text: str) -> bool:
    """An amount that cannot be a number of another kind: with its pence written out."""
    return bool(re.search(r"[.][0-9]{2}(?![0-9])", text)) and _is_amount(text)
