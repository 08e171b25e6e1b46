"""The layout of a file of account holders, and reading one. Pure: bytes in, rows and problems out.

A text file with a heading line. Columns may stand in any order; those that are absent are left as they are on known
accounts. ``reference`` must be there, and ``fund`` unless the fund is chosen when the file is loaded.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from ims.accounts.errors import AccountsRefusal
from ims.common.errors import ImsError
from ims.common.money import pounds

COLUMNS = (
    "fund",
    "reference",
    "name",
    "surname",
    "address",
    "postcode",
    "balance",
    "balance_on",
    "stop_code",
    "source_record",
)
"""The headings of the file, as written in the documentation."""

_ALSO_CALLED = {
    "fund_code": "fund",
    "account_reference": "reference",
    "account": "reference",
    "account_holder": "name",
    "full_name": "name",
    "post_code": "postcode",
    "balance_date": "balance_on",
    "stop": "stop_code",
    "stop_reason": "stop_code",
    "record_type": "source_record",
}
_LONGEST = {"reference": 36, "name": 200, "surname": 100, "address": 500, "postcode": 12, "source_record": 20}
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Row:
    """One account as the file has it. `values` are in the order of `Layout.columns`, ready for the database."""

    line: int
    fund: str
    reference: str
    values: tuple[object, ...]


@dataclass(frozen=True)
class Problem:
    """Why one line cannot be loaded."""

    line: int
    sentence: str


@dataclass(frozen=True)
class Layout:
    """What the heading line promised. `columns` are the columns present, without fund and reference."""

    delimiter: str
    headings: tuple[str, ...]
    columns: tuple[str, ...]
    names_fund: bool


@dataclass(frozen=True)
class Known:
    """The codes a file may name: funds the actor may load, and the stop reasons of each fund by code."""

    funds: frozenset[str]
    stops: Mapping[tuple[str, str], int]


def decoded(content: bytes) -> str:
    """The text of a file: UTF-8, or else Windows-1252, which many back-office systems write."""
    if b"\x00" in content[:4096]:
        raise AccountsRefusal("This is not a text file. Export the accounts as CSV and load that.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def layout_of(text: str, *, fund_is_chosen: bool) -> Layout:
    """Read the heading line. Raises `AccountsRefusal` when a column is unknown, repeated or missing."""
    first = text.split("\n", 1)[0].rstrip("\r")
    if not first.strip():
        raise AccountsRefusal(f"The file has no heading line. Its first line must name columns: {', '.join(COLUMNS)}.")
    delimiter = max(_DELIMITERS, key=first.count)
    cells = next(csv.reader([first], delimiter=delimiter))
    headings = tuple(_column(cell) for cell in cells)
    for heading, cell in zip(headings, cells, strict=True):
        if heading not in COLUMNS:
            raise AccountsRefusal(f"“{cell}” is not a column of this file. The columns are {', '.join(COLUMNS)}.")
        if headings.count(heading) > 1:
            raise AccountsRefusal(f"The file has the column “{heading}” twice. Remove one of them.")
    if "reference" not in headings:
        raise AccountsRefusal("The file has no column “reference”. Every account needs one.")
    names_fund = "fund" in headings
    if not names_fund and not fund_is_chosen:
        raise AccountsRefusal("The file has no column “fund”. Choose the fund all its accounts belong to.")
    columns = tuple(heading for heading in headings if heading not in ("fund", "reference"))
    return Layout(delimiter, headings, columns, names_fund)


def read(text: str, layout: Layout, *, fund: str, known: Known) -> Iterator[Row | Problem]:
    """Every line after the heading, as a row or as what is wrong with it. Blank lines are passed over.

    `fund` is the one chosen for the whole file, or empty. Two lines about the same account are both refused but the
    first.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter, strict=True)
    seen: dict[tuple[str, str], int] = {}
    lines = _numbered(reader)
    next(lines, None)
    for line, cells in lines:
        if not any(cells):
            continue
        if isinstance(cells, str):
            yield Problem(line, cells)
            continue
        yield _row(line, cells, layout, fund, known, seen)


def _numbered(reader: csv.reader) -> Iterator[tuple[int, list[str] | str]]:
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"the line cannot be read ({error}). Look for a quotation mark that is not closed."
            return
        yield line, cells
        line = reader.line_num + 1


def _row(
    line: int,
    cells: list[str],
    layout: Layout,
    fund: str,
    known: Known,
    seen: dict[tuple[str, str], int],
) -> Row | Problem:
    if len(cells) != len(layout.headings):
        return Problem(
            line, f"there are {len(cells)} values, but the heading line names {len(layout.headings)} columns."
        )
    given = {heading: cell.strip() for heading, cell in zip(layout.headings, cells, strict=True)}
    code = given.get("fund", "") or fund
    try:
        _identified(code, given["reference"], fund, known)
        key = (code, given["reference"].upper())
        first = seen.setdefault(key, line)
        if first != line:
            raise AccountsRefusal(f"account “{given['reference']}” of fund {code} is on line {first} already.")
        values = tuple(_value(column, given[column], code, known) for column in layout.columns)
    except ImsError as problem:
        return Problem(line, str(problem))
    return Row(line, code, given["reference"], values)


def _identified(code: str, reference: str, chosen: str, known: Known) -> None:
    if not code:
        raise AccountsRefusal("the fund is empty.")
    if code not in known.funds:
        raise AccountsRefusal(f"there is no fund “{code}”. Add the fund, or correct the line.")
    if chosen and code != chosen:
        raise AccountsRefusal(f"the line names fund “{code}”, but the file is loaded for fund {chosen}.")
    if not reference:
        raise AccountsRefusal("the reference is empty.")
    _short_enough("reference", reference)


def _value(column: str, text: str, fund: str, known: Known) -> object:
    if column == "balance":
        return _balance(text)
    if column == "balance_on":
        return _date(text)
    if column == "stop_code":
        if not text:
            return None
        stop = known.stops.get((fund, text))
        if stop is None:
            raise AccountsRefusal(f"fund {fund} has no stop reason “{text}”. Add it under Stop reasons.")
        return stop
    _short_enough(column, text)
    return text


def _short_enough(column: str, text: str) -> None:
    longest = _LONGEST[column]
    if len(text) > longest:
        raise AccountsRefusal(f"the {column} has {len(text)} characters; at most {longest} are kept.")


def _balance(text: str) -> Decimal | None:
    return pounds(text) if text else None


@lru_cache(maxsize=1024)
def _date(text: str) -> date | None:
    if not text:
        return None
    for pattern in ("%Y-%m-%d", "%d/%m/%Y", "%d/%m/%y", "%d %b %Y"):
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a date has no time zone
        except ValueError:
            continue
    raise AccountsRefusal(f"“{text}” is not a date. Write it like 2026-11-20 or 20/11/2026.")


def _column(heading: str) -> str:
    name = "_".join(heading.strip().lower().replace("-", " ").split())
    return _ALSO_CALLED.get(name, name)
