"""Turns the cells of one row into an `Entry`, by a profile, as fast as plain Python allows.

Everything that depends on the profile alone is decided once, when the converter is built; what is left for each
row is a short list of (place in the entry, cell, reader) to run through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ims.common.money import ZERO
from ims.formats.profile import DATE_FIELDS, EXTRA_PREFIX, MONEY_FIELDS, TEXT_FIELDS, Column, Profile
from ims.formats.profile_values import Unreadable, amount_reader, date_reader
from ims.formats.records import Entry, Problem
from ims.formats.uk_accounts import sort_code_and_account

LONGEST_TEXT = {"narrative": 2000}
LONGEST_OTHER_TEXT = 250

_ENTRY_FIELDS = tuple(item.name for item in fields(Entry))
_SLOT = {name: index for index, name in enumerate(_ENTRY_FIELDS)}
_SETTERS = tuple(getattr(Entry, name).__set__ for name in _ENTRY_FIELDS)
_NEW = Entry.__new__
_MINUS_ONE = Decimal(-1)
_USUAL_DATES = ("dd/mm/yyyy",)
_BLANK = ("", None)
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?%?")

Cell = Callable[[Sequence[str]], str]
"""Takes the text of one value out of the cells of a row."""


@dataclass(frozen=True, slots=True)
class _Source:
    column: Column
    take: Cell
    index: int
    """The cell, when the text is simply one cell; −1 otherwise."""


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
        sources = [_source(column, places[n]) for n, column in enumerate(profile.columns) if n in places]
        by_field = {source.column.field: source for source in sources}
        self._template = _template(profile)
        self._texts = [
            (_SLOT[source.column.field], source.index, _text_reader(source))
            for source in sources
            if source.column.field in TEXT_FIELDS and source.column.field != "narrative"
        ]
        self._narratives = [(source, _text_reader(source)) for source in sources if source.column.field == "narrative"]
        self._one_narrative = self._narratives[0] if len(self._narratives) == 1 else None
        self._extras = [
            (source.column.field.removeprefix(EXTRA_PREFIX), _extra_reader(source), source)
            for source in sources
            if source.column.field.startswith(EXTRA_PREFIX)
        ]
        self._dates = [
            (_SLOT[source.column.field], source, date_reader(source.column.dates or _USUAL_DATES))
            for source in sources
            if source.column.field in DATE_FIELDS
        ]
        self._money = [
            (_SLOT[source.column.field], source, _money_reader(source.column))
            for source in sources
            if source.column.field in MONEY_FIELDS
            and source.column.field not in {"amount", "debit", "credit", "balance"}
        ]
        self._amount = _amount_rule(by_field)
        self._balance = by_field.get("balance")
        self._read_balance = _money_reader(self._balance.column) if self._balance else None
        self._account_sources = [by_field[name] for name in ("account_sort_code", "account") if name in by_field]
        self._account_readers = [_text_reader(source) for source in self._account_sources]
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
        except _CellError as error:
            raise RowError(self._problem(line, error.column, error.text, error, raw)) from None
        if self._money or self._extras or self._balance or self._account_sources:
            self._rest(line, cells, raw, values)
        else:
            values[_EXTRA] = {}
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
        """Put texts, dates and the amount into their places; returns the amount. Raises `_CellError`."""
        for slot, index, read in self._texts:
            values[slot] = cells[index].strip() if read is None else read(cells)
        if self._one_narrative is not None:
            values[_NARRATIVE] = " ".join(self._one_narrative[1](cells).split())
        elif self._narratives:
            values[_NARRATIVE] = " ".join(" ".join(read(cells) for _, read in self._narratives).split())
        for slot, source, read_date in self._dates:
            text = (cells[source.index] if source.index >= 0 else source.take(cells)).strip() or source.column.default
            try:
                values[slot] = read_date(text) if text else None
            except Unreadable as error:
                raise _CellError(source.column, text, error.message) from None
        values[_AMOUNT] = amount = self._amount(cells)
        return amount

    def amount(self, line: int, cells: Sequence[str], raw: str) -> Decimal:
        """The signed amount of a row. Raises `RowError` when there is none or it cannot be read."""
        try:
            return self._amount(cells)
        except _CellError as error:
            raise RowError(self._problem(line, error.column, error.text, error, raw)) from None

    def _rest(self, line: int, cells: Sequence[str], raw: str, values: list[Any]) -> None:
        column: Column | None = None
        text = ""
        try:
            for slot, source, read in self._money:
                column = source.column
                text = source.take(cells).strip() or column.default
                values[slot] = read(text) if text else None
            if self._balance is not None and self._read_balance is not None:
                column = self._balance.column
                text = self._balance.take(cells).strip()
                self.balance = self._read_balance(text) if text else None
            if self._account_sources:
                self.account = _account(" ".join(part for read in self._account_readers if (part := read(cells))))
            extra = {}
            for name, read, source in self._extras:
                if read is None:
                    text = cells[source.index].strip()
                else:
                    column = source.column
                    text = source.take(cells).strip()
                    text = read(cells)
                if text:
                    extra[name] = text
            values[_EXTRA] = extra
        except Unreadable as error:
            raise RowError(self._problem(line, column, text, error, raw)) from None

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


class _CellError(Unreadable):
    def __init__(self, column: Column, text: str, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.column = column
        self.text = text
        self.code = code


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


def short(text: str) -> str:
    """A value as it may be shown in a sentence: on one line, 60 characters at most."""
    shown = "".join(character if character.isprintable() else "�" for character in text[:60])
    return shown + "…" if len(text) > 60 else shown


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


def _source(column: Column, place: Cell | int) -> _Source:
    if isinstance(place, int):
        index = place
        return _Source(column, lambda cells: cells[index], index)
    return _Source(column, place, -1)


def _text_reader(source: _Source) -> Callable[[Sequence[str]], str] | None:
    """How to read a text; None when stripping one cell is all there is to it and the caller does that itself."""
    column = source.column
    take, default, values = source.take, column.default, column.values
    ends = " \t\r\n\u00a0" + column.strip
    remove = str.maketrans("", "", column.remove) if column.remove else None
    plain = not (default or values or column.strip or remove)
    if plain and source.index >= 0 and _is_simple(column):
        return None

    def read(cells: Sequence[str]) -> str:
        text = take(cells).strip(ends)
        if remove is not None:
            text = text.translate(remove)
        text = text or default
        return values.get(text, text) if values else text

    return read


def _is_simple(column: Column) -> bool:
    """Whether nothing but stripping is done to the text of such a column, and its caller knows to do it."""
    if column.field.startswith(EXTRA_PREFIX):
        return not (column.dates or column.number)
    return column.field != "narrative" and column.field in TEXT_FIELDS


def _extra_reader(source: _Source) -> Callable[[Sequence[str]], str] | None:
    """As the text, but proved to be a date or a number where the profile says that it is one."""
    text_of = _text_reader(source)
    column = source.column
    if column.dates:
        read_date = date_reader(column.dates)
        return lambda cells: read_date(text).isoformat() if (text := text_of(cells)) else ""
    if not column.number:
        return text_of

    def read(cells: Sequence[str]) -> str:
        text = text_of(cells)
        if text and not _NUMBER.fullmatch(text):
            raise Unreadable("is not a number")
        return text

    return read


def _money_reader(column: Column, *, signed: bool = True) -> Callable[[str], Decimal]:
    allowed = signed if not column.sign else column.sign != "unsigned"
    return amount_reader(scale=column.scale, decimal_mark=column.decimal_mark, signed=allowed)


def _amount_rule(by_field: Mapping[str, _Source]) -> Callable[[Sequence[str]], Decimal]:
    if "amount" not in by_field:
        return _two_columns(by_field.get("debit"), by_field.get("credit"))
    if "sign" in by_field:
        return _flagged(by_field["amount"], by_field["sign"])
    source = by_field["amount"]
    column, take, index = source.column, source.take, source.index
    read = _money_reader(column)
    reverse = column.sign == "reversed"

    def amount(cells: Sequence[str]) -> Decimal:
        text = (cells[index] if index >= 0 else take(cells)).strip() or column.default
        try:
            value = read(text)
        except Unreadable as error:
            raise _cell_error(column, text, error) from None
        return -value if reverse and value else value

    return amount


def _cell_error(column: Column, text: str, error: Unreadable) -> _CellError:
    if not text:
        return _CellError(column, "", "is blank, so nothing can be posted for this row", "no_amount")
    return _CellError(column, text, error.message)


def _two_columns(debit: _Source | None, credit: _Source | None) -> Callable[[Sequence[str]], Decimal]:
    sides = [(source, _money_reader(source.column, signed=False)) for source in (credit, debit) if source is not None]

    def amount(cells: Sequence[str]) -> Decimal:
        found: list[Decimal] = []
        for source, read in sides:
            text = source.take(cells).strip()
            if not text:
                continue
            try:
                value = read(text)
            except Unreadable as error:
                raise _CellError(source.column, text, error.message) from None
            negate = source is debit and source.column.sign != "signed"
            found.append(-value if negate and value else value)
        moved = [value for value in found if value]
        if len(moved) > 1:
            raise _CellError(sides[0][0].column, "", "and the debit are both given, and only one can be right")
        if not found:
            raise _CellError(sides[0][0].column, "", "and the debit are blank: there is no amount", "no_amount")
        return moved[0] if moved else ZERO

    return amount


def _flagged(source: _Source, flag: _Source) -> Callable[[Sequence[str]], Decimal]:
    column, sign = source.column, flag.column
    read = _money_reader(column, signed=False)
    debits = frozenset(value.upper() for value in sign.debit_values)
    credits_ = frozenset(value.upper() for value in sign.credit_values)

    def amount(cells: Sequence[str]) -> Decimal:
        text = source.take(cells).strip()
        try:
            value = read(text)
        except Unreadable as error:
            raise _cell_error(column, text, error) from None
        mark = (flag.take(cells).strip() or sign.default).upper()
        if mark in debits:
            return value * _MINUS_ONE if value else value
        if mark in credits_:
            return value
        message = f"is not one of {', '.join(sorted(debits | credits_))}, so money in and out cannot be told apart"
        raise _CellError(sign, mark, message) from None

    return amount
