"""From journal lines to the bytes a receiving system wants. Pure: no database, no clock.

A layout is data: the records of the file (`header`, `detail`, `trailer`), each a list of fields. A field takes its
value from a fixed list of sources and says how it is written. Amounts are pounds unless `scale` asks for pence.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ims.common.errors import InvalidInput
from ims.exports.errors import ExportRefusal
from ims.exports.journal import JournalLine

TEXT, MONEY, DATE, NUMBER = "text", "money", "date", "number"


@dataclass(frozen=True)
class BatchFacts:
    """What every record may say of the batch. `record_count` counts header and trailer records too."""

    batch_number: int
    profile: str
    first_date: date
    last_date: date
    built_at: datetime
    line_count: int
    record_count: int
    debit_total: Decimal
    credit_total: Decimal


LINE_SOURCES: dict[str, tuple[str, Callable[[JournalLine, int], Any]]] = {
    "accounting_date": (DATE, lambda line, number: line.accounting_date),
    "fiscal_period": (TEXT, lambda line, number: fiscal_period(line.accounting_date)),
    "gl_code": (TEXT, lambda line, number: line.gl_code),
    "cost_centre": (TEXT, lambda line, number: line.cost_centre),
    "debit": (MONEY, lambda line, number: line.debit),
    "credit": (MONEY, lambda line, number: line.credit),
    "amount": (MONEY, lambda line, number: line.debit - line.credit),
    "debit_or_credit": (TEXT, lambda line, number: "D" if line.debit else "C"),
    "fund": (TEXT, lambda line, number: line.fund),
    "method_of_payment": (TEXT, lambda line, number: line.method_of_payment),
    "office": (TEXT, lambda line, number: line.office),
    "vat_code": (TEXT, lambda line, number: line.vat_code),
    "side": (TEXT, lambda line, number: line.side),
    "receipt": (TEXT, lambda line, number: line.receipt),
    "description": (TEXT, lambda line, number: line.description),
    "entry_count": (NUMBER, lambda line, number: line.entry_count),
    "line_number": (NUMBER, lambda line, number: number),
}
BATCH_SOURCES: dict[str, str] = {
    "batch_number": NUMBER,
    "profile": TEXT,
    "first_date": DATE,
    "last_date": DATE,
    "built_at": DATE,
    "line_count": NUMBER,
    "record_count": NUMBER,
    "debit_total": MONEY,
    "credit_total": MONEY,
}
CONSTANT = "constant"
_MAY_BE_CUT = {"description", "profile", CONSTANT}
"""Free text is cut to the width of its field; a code or an amount that does not fit is refused."""
_SIGNS = ("leading", "trailing", "none")
_ALIGNMENTS = ("left", "right")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Field:
    """One field of a record. `start` (from 1) and `length` place it in a fixed-width record."""

    name: str
    source: str = CONSTANT
    constant: str = ""
    start: int = 0
    length: int = 0
    align: str = "left"
    pad: str = " "
    format: str = ""
    scale: int = 0
    sign: str = "leading"
    blank_if_zero: bool = False
    map: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Text, money, date or number."""
        if self.source in LINE_SOURCES:
            return LINE_SOURCES[self.source][0]
        return BATCH_SOURCES.get(self.source, TEXT)


@dataclass(frozen=True)
class Layout:
    """The records of a file. `heading` puts the names of the detail fields on the first line of a CSV file."""

    detail: Sequence[Field]
    header: Sequence[Sequence[Field]] = ()
    trailer: Sequence[Sequence[Field]] = ()
    heading: bool = False
    is_fixed_width: bool = False

    @property
    def extra_records(self) -> int:
        """Records that are not journal lines."""
        return len(self.header) + len(self.trailer)


def from_config(config: Any, *, is_fixed_width: bool) -> Layout:
    """The layout that `config` describes. Raises `InvalidInput` naming the record and field that is wrong."""
    if not isinstance(config, Mapping):
        raise InvalidInput("A layout is described by its records: detail, and perhaps header, trailer and heading.")
    unknown = sorted(set(config) - {"detail", "header", "trailer", "heading"})
    if unknown:
        raise InvalidInput(f"“{unknown[0]}” is not part of a layout. Use detail, header, trailer and heading.")
    if not config.get("detail"):
        raise InvalidInput("The layout has no detail record: say which fields each journal line has.")
    layout = Layout(
        detail=_record(config["detail"], "detail", is_fixed_width),
        header=[_record(record, "header", is_fixed_width) for record in config.get("header", [])],
        trailer=[_record(record, "trailer", is_fixed_width) for record in config.get("trailer", [])],
        heading=bool(config.get("heading", False)),
        is_fixed_width=is_fixed_width,
    )
    if layout.heading and is_fixed_width:
        raise InvalidInput("A fixed-width file has no heading of column names.")
    return layout


def _record(fields: Any, record: str, is_fixed_width: bool) -> list[Field]:
    if not isinstance(fields, list) or not fields:
        raise InvalidInput(f"The {record} record needs a list of fields.")
    built = [_field(config, record) for config in fields]
    if is_fixed_width:
        _check_places(built, record)
    return built


def _field(config: Any, record: str) -> Field:
    if not isinstance(config, Mapping):
        raise InvalidInput(f"Each field of the {record} record is described by its name and source.")
    name = str(config.get("name") or config.get("source") or "?")
    unknown = sorted(set(config) - set(Field.__dataclass_fields__))
    if unknown:
        raise InvalidInput(f"Field “{name}” of the {record} record: “{unknown[0]}” is not a setting.")
    built = Field(**{**config, "name": name})
    known = {CONSTANT, *BATCH_SOURCES, *(LINE_SOURCES if record == "detail" else ())}
    problem = next((sentence for bad, sentence in _field_faults(built, known) if bad), "")
    if problem:
        raise InvalidInput(f"Field “{name}” of the {record} record: {problem}")
    return built


def _field_faults(built: Field, known: set[str]) -> list[tuple[bool, str]]:
    return [
        (built.source not in known, f"there is no source “{built.source}”. Use one of {', '.join(sorted(known))}."),
        (built.align not in _ALIGNMENTS, "align is left or right."),
        (built.sign not in _SIGNS, "sign is leading, trailing or none."),
        (not isinstance(built.pad, str) or len(built.pad) != 1, "pad is one character."),
        (built.scale not in (0, 2), "scale is 0 for pounds or 2 for pence."),
        (built.length < 0 or built.start < 0, "start and length are whole numbers from 1."),
        (built.kind != DATE and bool(built.format), "only dates have a format."),
        (not isinstance(built.map, Mapping), "map gives a value for each value."),
    ]


def _check_places(fields: Sequence[Field], record: str) -> None:
    end = 0
    for placed in sorted(fields, key=lambda one: one.start):
        if placed.start < 1 or placed.length < 1:
            raise InvalidInput(f"Field “{placed.name}” of the {record} record: say where it starts and how long it is.")
        if placed.start <= end:
            raise InvalidInput(
                f"Field “{placed.name}” of the {record} record starts at {placed.start}, "
                f"inside the field before it, which ends at {end}."
            )
        end = placed.start + placed.length - 1


def fiscal_period(day: date) -> str:
    """The period of a year that begins in April, like ``202608`` for November 2026."""
    year = day.year if day.month >= 4 else day.year - 1
    return f"{year}{(day.month - 4) % 12 + 1:02d}"


@dataclass(frozen=True)
class Rendered:
    """The bytes of a file, and what had to be changed on the way, in sentences for the person who builds it."""

    content: bytes
    notices: Sequence[str] = ()


def render(
    layout: Layout,
    lines: Sequence[JournalLine],
    facts: BatchFacts,
    *,
    encoding: str = "utf-8",
    line_end: str = "\r\n",
    neutralise_formulas: bool = False,
) -> Rendered:
    """The file for `lines`. The same input always gives the same bytes.

    Raises `ExportRefusal` for a value that does not fit its field, naming line, field and value. Characters the
    encoding does not have become “?”, and a notice says how many.
    """
    records = [_batch_record(record, facts, "header") for record in layout.header]
    if layout.heading:
        records.append([(Field(name=one.name), one.name) for one in layout.detail])
    records += [_detail_record(layout.detail, line, number, facts) for number, line in enumerate(lines, start=1)]
    records += [_batch_record(record, facts, "trailer") for record in layout.trailer]
    if layout.is_fixed_width:
        text = "".join(_fixed(record, number) + line_end for number, record in enumerate(records, start=1))
    else:
        text = _delimited(records, line_end, neutralise_formulas)
    content = text.encode(encoding, errors="replace")
    lost = sum(1 for character in text if not _can_write(character, encoding)) if encoding in ("ascii", "cp1252") else 0
    notices = [f"{lost} characters that {encoding} does not have were written as “?”."] if lost else []
    return Rendered(content, notices)


def _can_write(character: str, encoding: str) -> bool:
    if character < "\x80":
        return True
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


_Record = list[tuple[Field, str]]


def _detail_record(fields: Sequence[Field], line: JournalLine, number: int, facts: BatchFacts) -> _Record:
    return [
        (
            one,
            _written(
                one, LINE_SOURCES[one.source][1](line, number) if one.source in LINE_SOURCES else _fact(one, facts)
            ),
        )
        for one in fields
    ]


def _batch_record(fields: Sequence[Field], facts: BatchFacts, record: str) -> _Record:
    return [(one, _written(one, _fact(one, facts))) for one in fields]


def _fact(one: Field, facts: BatchFacts) -> Any:
    return one.constant if one.source == CONSTANT else getattr(facts, one.source)


def _written(one: Field, value: Any) -> str:
    """The value as text, before it is padded or quoted."""
    if one.kind == MONEY:
        text = _money(one, value)
    elif one.kind == DATE:
        text = value.strftime(one.format or "%Y-%m-%d")
    else:
        # A record is one line: whatever a payer typed, it cannot end it.
        text = " ".join(str(value).split()) if one.source == "description" else str(value)
    return str(one.map.get(text, text))


def _money(one: Field, value: Decimal) -> str:
    if not value and one.blank_if_zero:
        return ""
    digits = f"{abs(value):.2f}" if one.scale == 0 else str(int((abs(value) * 100).to_integral_value()))
    if one.align == "right" and one.pad == "0" and one.length and value < 0 and one.sign == "leading":
        return "-" + digits.rjust(one.length - 1, "0")
    if value >= 0 or one.sign == "none":
        return digits
    return f"-{digits}" if one.sign == "leading" else f"{digits}-"


def _fixed(record: _Record, number: int) -> str:
    width = max(one.start + one.length - 1 for one, _ in record)
    characters = [" "] * width
    for one, text in record:
        fitted = _fit(one, text, number)
        characters[one.start - 1 : one.start - 1 + one.length] = fitted
    return "".join(characters)


def _fit(one: Field, text: str, number: int) -> str:
    if len(text) > one.length:
        if one.source not in _MAY_BE_CUT:
            raise ExportRefusal(
                f"Record {number}, field “{one.name}”: “{text}” has {len(text)} characters, but the layout leaves room "
                f"for {one.length}. Correct the layout or the code.",
                code="does_not_fit",
            )
        text = text[: one.length]
    return text.ljust(one.length, one.pad) if one.align == "left" else text.rjust(one.length, one.pad)


def _delimited(records: Iterable[_Record], line_end: str, neutralise: bool) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=line_end)
    for number, record in enumerate(records, start=1):
        writer.writerow([_cell(one, text, number, neutralise) for one, text in record])
    return buffer.getvalue()


def _cell(one: Field, text: str, number: int, neutralise: bool) -> str:
    if one.length and len(text) > one.length:
        text = _fit(one, text, number)
    if neutralise and one.kind == TEXT and text.startswith(_FORMULA_STARTS):
        return f"'{text}"
    return text
