"""What the Bacs XML reports have in common: attributes, dates, amounts, account numbers, the shape of problems."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import BinaryIO, Literal

from lxml import etree

from ims.formats.profile_values import Unreadable, amount_reader, date_reader, short
from ims.formats.records import Problem
from ims.formats.xml_stream import XmlStream, ended_elements

LONGEST_VALUE = 500

_read_amount = amount_reader(scale="pounds", decimal_mark=".", signed=False)
_read_date = date_reader(("yyyy-mm-dd", "dd/mm/yyyy", "yyyymmdd"))


def elements(stream: BinaryIO, names: tuple[str, ...], what: str):
    """The named elements of a report as they end. Raises `UnreadableFile` for damaged or unsafe XML."""
    return ended_elements(XmlStream(stream), names, what=what)


def is_document(head: bytes, root: bytes, *marks: bytes) -> bool:
    """Whether the head of a file is XML with this root and, in its beginning, one of these elements."""
    beginning = head[:8000]
    return b"<" + root in beginning and any(b"<" + mark in beginning for mark in marks)


def attribute(element: etree._Element | None, name: str) -> str:
    """An attribute without the blanks that pad it; empty when there is none. NULs cannot be in XML."""
    return "" if element is None else (element.get(name) or "").strip()[:LONGEST_VALUE]


def child_text(element: etree._Element, name: str) -> str:
    """The text of a child; empty when there is none."""
    return (element.findtext(f"{{*}}{name}") or "").strip()[:LONGEST_VALUE]


def child(element: etree._Element, name: str) -> etree._Element | None:
    return element.find(f"{{*}}{name}")


def line_of(element: etree._Element) -> int:
    return element.sourceline or 0


def local_name(element: etree._Element) -> str:
    return etree.QName(element).localname


def money(text: str) -> Decimal:
    """Pounds. Raises `Unreadable`."""
    return _read_amount(text)


def day(text: str) -> date | None:
    """A date, None when the text is blank. Raises `Unreadable`."""
    return _read_date(text) if text else None


def whole_number(text: str) -> int:
    """A count. Raises `Unreadable`."""
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise Unreadable("is not a whole number")
    return int(text)


def sort_code(text: str) -> str:
    """Six digits; XML numbers may have lost leading zeros."""
    digits = text.replace("-", "").replace(" ", "")
    return digits.zfill(6) if digits.isascii() and digits.isdigit() else digits


def account_number(text: str) -> str:
    """Eight digits: the schema types account numbers as integers, and leading zeros are data."""
    return text.zfill(8) if text.isascii() and text.isdigit() else text


def account(sort: str, number: str) -> str:
    """``601613/31926819``; empty when neither is given."""
    return f"{sort_code(sort)}/{account_number(number)}" if sort or number else ""


def problem(
    line: int, what: str, name: str, value: str = "", *, scope: Literal["row", "statement", "notice"] = "row"
) -> Problem:
    """``what`` is a clause; the sentence says where it is and what to do."""
    return Problem(
        line=line,
        message=f"Line {line}: {what}. Fetch the report again, or ask the bank for a corrected one.",
        scope=scope,
        field=name,
        value=short(value),
        code="bacs_report",
    )
