"""How the text of one value is taken out of a row's cells and read, by the profile's settings for its column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ims.common.money import ZERO
from ims.formats.profile import EXTRA_PREFIX, TEXT_FIELDS, Column
from ims.formats.profile_values import Unreadable, amount_reader, date_reader

_USUAL_DATES = ("dd/mm/yyyy",)
_MINUS_ONE = Decimal(-1)
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?%?")

Cell = Callable[[Sequence[str]], str]
"""Takes the text of one value out of the cells of a row."""


@dataclass(frozen=True, slots=True)
class Source:
    """A column of the profile and where its text is in a row."""

    column: Column
    take: Cell
    index: int
    """The cell, when the text is simply one cell; −1 otherwise."""


class CellError(Unreadable):
    """A cell that is not what its column should hold, with the column and the text."""

    def __init__(self, column: Column, text: str, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.column = column
        self.text = text
        self.code = code


def source_of(column: Column, place: Cell | int) -> Source:
    """``place`` is the index of the cell, or how to take the text out of the row."""
    if isinstance(place, int):
        index = place
        return Source(column, lambda cells: cells[index], index)
    return Source(column, place, -1)


def text_reader(source: Source) -> Callable[[Sequence[str]], str] | None:
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


def extra_reader(source: Source) -> Callable[[Sequence[str]], str] | None:
    """As the text, but proved to be a date or a number where the profile says that it is one."""
    text_of = text_reader(source)
    column = source.column
    if column.dates:
        read_date = date_of(source)
        return lambda cells: on.isoformat() if (on := read_date(cells)) else ""
    if not column.number or text_of is None:
        return text_of

    def read(cells: Sequence[str]) -> str:
        text = text_of(cells)
        if text and not _NUMBER.fullmatch(text):
            raise CellError(column, text, "is not a number")
        return text

    return read


def date_of(source: Source) -> Callable[[Sequence[str]], date | None]:
    """Reads the date in a cell, None when it is blank; raises `CellError`."""
    return _value_of(source, date_reader(source.column.dates or _USUAL_DATES))


def amount_of(source: Source) -> Callable[[Sequence[str]], Decimal | None]:
    """Reads the amount in a cell, None when it is blank; raises `CellError`."""
    return _value_of(source, money_reader(source.column))


def _value_of(source: Source, read: Callable[[str], Any]) -> Callable[[Sequence[str]], Any]:
    column, take, index, default = source.column, source.take, source.index, source.column.default

    def value(cells: Sequence[str]) -> Any:
        text = (cells[index] if index >= 0 else take(cells)).strip() or default
        if not text:
            return None
        try:
            return read(text)
        except Unreadable as error:
            raise CellError(column, text, error.message) from None

    return value


def money_reader(column: Column, *, signed: bool = True) -> Callable[[str], Decimal]:
    """A reader of amounts as the column writes them; ``signed`` where the column does not say."""
    allowed = signed if not column.sign else column.sign != "unsigned"
    return amount_reader(scale=column.scale, decimal_mark=column.decimal_mark, signed=allowed)


def amount_rule(by_field: Mapping[str, Source]) -> Callable[[Sequence[str]], Decimal]:
    """How the signed amount of a row comes about: from one column, with a flag, or from debit and credit.

    What it returns raises `CellError` for a row without a readable amount.
    """
    if "amount" not in by_field:
        return _two_columns(by_field.get("debit"), by_field.get("credit"))
    if "sign" in by_field:
        return _flagged(by_field["amount"], by_field["sign"])
    source = by_field["amount"]
    column, take, index = source.column, source.take, source.index
    read = money_reader(column)
    reverse = column.sign == "reversed"

    def amount(cells: Sequence[str]) -> Decimal:
        text = (cells[index] if index >= 0 else take(cells)).strip() or column.default
        try:
            value = read(text)
        except Unreadable as error:
            raise _cell_error(column, text, error) from None
        return -value if reverse and value else value

    return amount


def _cell_error(column: Column, text: str, error: Unreadable) -> CellError:
    if not text:
        return CellError(column, "", "is blank, so nothing can be posted for this row", "no_amount")
    return CellError(column, text, error.message)


def _two_columns(debit: Source | None, credit: Source | None) -> Callable[[Sequence[str]], Decimal]:
    sides = [(source, money_reader(source.column, signed=False)) for source in (credit, debit) if source is not None]

    def amount(cells: Sequence[str]) -> Decimal:
        found: list[Decimal] = []
        for source, read in sides:
            text = source.take(cells).strip()
            if not text:
                continue
            try:
                value = read(text)
            except Unreadable as error:
                raise CellError(source.column, text, error.message) from None
            negate = source is debit and source.column.sign != "signed"
            found.append(-value if negate and value else value)
        moved = [value for value in found if value]
        if len(moved) > 1:
            raise CellError(sides[0][0].column, "", "and the debit are both given, and only one can be right")
        if not found:
            raise CellError(sides[0][0].column, "", "and the debit are blank: there is no amount", "no_amount")
        return moved[0] if moved else ZERO

    return amount


def _flagged(source: Source, flag: Source) -> Callable[[Sequence[str]], Decimal]:
    column, sign = source.column, flag.column
    read = money_reader(column, signed=False)
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
        raise CellError(sign, mark, message) from None

    return amount
