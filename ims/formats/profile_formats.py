"""The built-in profiles of bank downloads, made known as formats that a file can be recognised as.

Profiles whose layout could be anybody's (agents' files that no public specification describes) are left out: they
are chosen by name only.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from ims.formats.delimited import MOST_ROWS_BEFORE_HEADINGS, headings_match
from ims.formats.format import Format
from ims.formats.profile import builtin, builtin_title
from ims.formats.profile_reading import read as read_by_profile
from ims.formats.records import Record

_DATE_THEN_AMOUNT = re.compile(
    r'[0-9]{2}/[0-9]{2}/[0-9]{4},(?:"[^"]*"|[^",]*),(?:"-?[0-9,]+\.[0-9]{2}"|-?[0-9]+\.[0-9]{2})'
)


def _by_headings(name: str, head: bytes) -> bool:
    lines = head.decode(errors="replace").splitlines()[:MOST_ROWS_BEFORE_HEADINGS]
    profile = builtin(name)
    wanted = {column.field for column in profile.columns if column.heading}
    try:
        return any(len(row) >= len(wanted) and headings_match(profile, row) for row in csv.reader(lines))
    except csv.Error:
        return False


def _is_hsbc(head: bytes) -> bool:
    lines = [line for line in head.decode("utf-8-sig", errors="replace").splitlines()[:3] if line.strip()]
    return bool(lines) and all(_DATE_THEN_AMOUNT.fullmatch(line) for line in lines)


def _is_santander(head: bytes) -> bool:
    text = head[:2000].replace(b"\xc2\xa0", b" ").replace(b"\xa0", b" ")
    return text.startswith(b"From:") and all(label in text for label in (b"\nDate:", b"\nDescription:", b"\nAmount:"))


def _read(name: str, stream: BinaryIO) -> Iterator[Record]:
    return read_by_profile(stream, builtin(name))


def _format(name: str, recognise: Callable[[bytes], bool]) -> Format:
    return Format(name, builtin_title(name), recognise, partial(_read, name))


_WITH_HEADINGS = ("lloyds", "barclays", "natwest", "monzo", "bunq", "bank-of-ireland")

FORMATS = (
    *(_format(name, partial(_by_headings, name)) for name in _WITH_HEADINGS),
    _format("santander", _is_santander),
    _format("hsbc", _is_hsbc),
)
