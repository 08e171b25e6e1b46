"""Reading a file by a profile, whichever layout the profile describes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from ims.formats import delimited, fixed_width, labelled, spreadsheet
from ims.formats.profile import Profile
from ims.formats.records import Record

_LAYOUTS: dict[str, Callable[[BinaryIO, Profile], Iterator[Record]]] = {
    "delimited": delimited.read,
    "fixed_width": fixed_width.read,
    "labelled": labelled.read,
    "spreadsheet": spreadsheet.read,
}


def read(stream: BinaryIO, profile: Profile) -> Iterator[Record]:
    """The records of a file, read by a profile, in file order, as one statement for each account.

    Rows that cannot be read are `Problem` records that name line, field and value; totals or balances that do not
    agree are problems of the statement. Raises `UnreadableFile` when the file is not of this layout at all.
    """
    return _LAYOUTS[profile.layout](stream, profile)
