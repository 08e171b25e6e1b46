"""Turns the cells of one row into an `Entry`, by a profile, as fast as plain Python allows.

Everything that depends on the profile alone is decided once, when the converter is built; what is left for each
row is a short list of (place in the entry, cell, reader) to run through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ims.formats.profile import DATE_FIELDS, EXTRA_PREFIX, MONEY_FIELDS, TEXT_FIELDS, Column, Profile
from ims.formats.profile_cells import (
    Cell,
    CellError,
    amount_of,
    amount_rule,
    date_of,
    extra_reader,
    source_of,
    text_reader,
)
from ims.formats.profile_values import Unreadable, short
from ims.formats.records import Entry, Problem
from ims.formats.uk_accounts import sort_code_and_account

LONGEST_TEXT = {"narrative": 2000}
LONGEST_OTHER_TEXT = 250

_ENTRY_FIELDS = tuple(item.name for item in fields(Entry))
_SLOT = {name: index for index, name in enumerate(_ENTRY_FIELDS)}
_SETTERS = tuple(getattr(Entry, name).__set__ for name in _ENTRY_FIELDS)
_NEW = Entry.__new__
_OTHER_MONEY = frozenset(MONEY_FIELDS) - {"amount", "debit", "credit", "balance"}
_BLANK = ("", None)


class RowError(Exception):
    """The row cannot become an entry; carries the problem to report."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class RowConverter:
    """Call it with a line number, the cells and the raw text; it returns an entry or raises `RowError`.

    ``account`` and ``balance`` are those of the row last converted.
    """

    def __init__(self, profile: Profile, places: Mapping[int, Cell | int]) -> None:
        """``places`` gives, for each position in ``profile.columns``, the cell index or how to take the text."""
        self.account = profile.account
        self.balance: Decimal | None = None
        self._profile = profile
        sources = [source_of(column, places[n]) for n, column in enumerate(profile.columns) if n in places]
        by_field = {source.column.field: source for source in sources}
        self._template = _template(profile)
        self._texts = [
            (_SLOT[source.column.field], source.index, text_reader(source))
            for source in sources
            if source.column.field in TEXT_FIELDS and source.column.field != "narrative"
        ]
        self._narratives = [(source, text_reader(source)) for source in sources if source.column.field == "narrative"]
        self._one_narrative = self._narratives[0] if len(self._narratives) == 1 else None
        self._extras = [
            (source.column.field.removeprefix(EXTRA_PREFIX), source.index, extra_reader(source))
            for source in sources
            if source.column.field.startswith(EXTRA_PREFIX)
        ]
        self._values = [
            (_SLOT[source.column.field], date_of(source) if source.column.field in DATE_FIELDS else amount_of(source))
            for source in sources
            if source.column.field in DATE_FIELDS or source.column.field in _OTHER_MONEY
        ]
        self._amount = amount_rule(by_field)
        self._balance = amount_of(by_field["balance"]) if "balance" in by_field else None
        self._accounts = [text_reader(by_field[name]) for name in ("account_sort_code", "account") if name in by_field]
        self._required = [
            (_SLOT[column.field], column) for column in profile.columns if column.required and column.field in _SLOT
        ]
        self._any_limit = min(
            (source.column.max_length or LONGEST_OTHER_TEXT for source in sources), default=LONGEST_OTHER_TEXT
        )

    def __call__(self, line: int, cells: Sequence[str], raw: str) -> Entry:
        if "\0" in raw:
            raise RowError(_nul_problem(line, raw))
        values = self._template.copy()
        values[_LINE] = line
        values[_RAW] = raw
        try:
            amount = self._fill(cells, values)
        except CellError as error:
            raise RowError(self._problem(line, error.column, error.text, error, raw)) from None
        if amount < 0:
            values[_KIND] = self._profile.kind_out
            values[_REVERSAL] = self._profile.kind_out == "receipt"
        if self._profile.kinds:
            values[_KIND] = self._profile.kinds.get(values[_TYPE_CODE], values[_KIND])
        if len(raw) > self._any_limit:
            self._refuse_long_texts(line, values, raw)
        for slot, column in self._required:
            if values[slot] in _BLANK:
                error = Unreadable("is blank but must be given")
                raise RowError(self._problem(line, column, "", error, raw, code="missing"))
        entry = _NEW(Entry)
        for put, value in zip(_SETTERS, values, strict=True):
            put(entry, value)
        return entry

    def _fill(self, cells: Sequence[str], values: list[Any]) -> Decimal:
        """Put texts, dates and the amount into their places; returns the amount. Raises `CellError`."""
        for slot, index, read in self._texts:
            values[slot] = cells[index].strip() if read is None else read(cells)
        if self._one_narrative is not None:
            values[_NARRATIVE] = " ".join(self._one_narrative[1](cells).split())
        elif self._narratives:
            values[_NARRATIVE] = " ".join(" ".join(read(cells) for _, read in self._narratives).split())
        for slot, read_value in self._values:
            values[slot] = read_value(cells)
        values[_EXTRA] = extra = {}
        for name, index, read in self._extras:
            text = cells[index].strip() if read is None else read(cells)
            if text:
                extra[name] = text
        if self._balance is not None:
            self.balance = self._balance(cells)
        if self._accounts:
            self.account = _account(" ".join(part for read in self._accounts if (part := read(cells))))
        values[_AMOUNT] = amount = self._amount(cells)
        return amount

    def amount(self, line: int, cells: Sequence[str], raw: str) -> Decimal:
        """The signed amount of a row. Raises `RowError` when there is none or it cannot be read."""
        try:
            return self._amount(cells)
        except CellError as error:
            raise RowError(self._problem(line, error.column, error.text, error, raw)) from None

    def _refuse_long_texts(self, line: int, values: list[Any], raw: str) -> None:
        for source_column in self._profile.columns:
            name = source_column.field
            if name not in TEXT_FIELDS:
                continue
            limit = source_column.max_length or LONGEST_TEXT.get(name, LONGEST_OTHER_TEXT)
            value = values[_SLOT[name]]
            if len(value) > limit:
                error = Unreadable(f"has {len(value):,} characters where at most {limit:,} are allowed")
                raise RowError(self._problem(line, source_column, value, error, raw, code="too_long"))
        for name, value in values[_EXTRA].items():
            if len(value) > LONGEST_TEXT["narrative"]:
                error = Unreadable(f"has {len(value):,} characters, which is too long")
                raise RowError(self._problem(line, Column(field=name), value, error, raw, code="too_long"))

    def _problem(
        self, line: int, column: Column | None, text: str, error: Unreadable, raw: str, code: str = "invalid"
    ) -> Problem:
        name = field_title(column.field) if column is not None else "row"
        shown = short(text)
        what = f"the {name} “{shown}” {error.message}" if shown else f"the {name} {error.message}"
        return Problem(
            line=line,
            message=f"Line {line}: {what}. Correct the row, or ask the sender for a corrected file.",
            field=column.field if column is not None else "",
            value=text[:250],
            code=getattr(error, "code", "") or code,
            raw=raw[:2000],
        )


_LINE, _AMOUNT, _RAW, _EXTRA = _SLOT["line"], _SLOT["amount"], _SLOT["raw"], _SLOT["extra"]
_NARRATIVE, _KIND, _TYPE_CODE, _REVERSAL = (_SLOT[name] for name in ("narrative", "kind", "type_code", "reversal"))


@lru_cache(maxsize=1024)
def _account(text: str) -> str:
    """A sort code and account number as ``601613/31926819``, however the file writes them; other text as it is."""
    sort_code, account = sort_code_and_account(text.replace("-", ""))
    return f"{sort_code}/{account}" if sort_code else text


def field_title(name: str) -> str:
    """A field as an officer calls it."""
    titles = {
        "booked_on": "date",
        "value_on": "value date",
        "method_of_payment": "method of payment",
        "vat_code": "VAT code",
        "vat_amount": "VAT amount",
    }
    return titles.get(name, name.removeprefix(EXTRA_PREFIX).replace("_", " "))


def _nul_problem(line: int, raw: str) -> Problem:
    return Problem(
        line=line,
        message=f"Line {line} holds a NUL character, so the file was damaged on its way. Fetch the file again.",
        code="nul_character",
        value=short(raw),
        raw=raw.replace("\0", "�")[:2000],
    )


def _template(profile: Profile) -> list[Any]:
    template = []
    for item in fields(Entry):
        template.append(None if item.default is MISSING else item.default)
    template[_SLOT["currency"]] = profile.currency
    template[_KIND] = profile.kind
    return template
