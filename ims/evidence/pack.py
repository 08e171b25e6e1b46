"""Writing an evidence pack: a zip of what every room can prove, with an index anybody can open offline.

It is written as a stream: no file, and no part of one, is held in memory whole. The same period over the same data
gives the same files; only the index says when it was taken, and by whom.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import Any, BinaryIO

from django.conf import settings
from django.utils.timezone import localtime

import ims
from ims.audit.admin import neutral
from ims.audit.sections import Document, Request, Section, Table, sections
from ims.common import clock
from ims.common.money import format_pounds
from ims.evidence.filed import Filed, Folder
from ims.evidence.index_page import page

INDEX, PAGE, SUMS = "index.json", "index.html", "SHA256SUMS"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""What a zip can say at the earliest: the same for every file, so that the same data is the same bytes."""


def load_sections() -> list[Section]:
    """Every section that the rooms offer, in order."""
    for room in settings.ROOMS:
        if find_spec(f"{room}.evidence_sections") is not None:
            import_module(f"{room}.evidence_sections")
    return sections()


def write_pack(out: BinaryIO, request: Request, chosen: Iterable[Section], *, title: str) -> dict[str, Any]:
    """Write the zip to `out`, which need not be seekable, and return the index."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        folders = [_folder(archive, section, request) for section in chosen]
        index = _index(folders, request, title)
        _whole(archive, INDEX, json.dumps(index, ensure_ascii=False, indent=2) + "\n")
        _whole(archive, PAGE, page(index, folders))
        sums = "".join(f"{each.sha256}  {each.path}\n" for folder in folders for each in folder.files)
        _whole(archive, SUMS, sums)
    return index


def _folder(archive: zipfile.ZipFile, section: Section, request: Request) -> Folder:
    folder = Folder(section)
    for part in section.parts(request):
        request.report(0, 0, f"{section.title}: {part.title}")
        write = _write_table if isinstance(part, Table) else _write_document
        folder.files.append(write(archive, f"{section.name}/{part.name}", part))
    return folder


class _Hashing(io.RawIOBase):
    """Passes bytes on, and knows their SHA-256 and number."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._out.write(piece)
        self._digest.update(piece)
        self.size += len(piece)
        return len(piece)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _open(archive: zipfile.ZipFile, path: str) -> Any:
    entry = zipfile.ZipInfo(path, date_time=_LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return archive.open(entry, "w", force_zip64=True)


def _whole(archive: zipfile.ZipFile, path: str, text: str) -> None:
    with _open(archive, path) as inside:
        inside.write(text.encode())


def _write_document(archive: zipfile.ZipFile, path: str, part: Document) -> Filed:
    with _open(archive, path) as inside:
        out = _Hashing(inside)
        buffered = io.BufferedWriter(out, 1 << 18)
        part.write(buffered)
        buffered.flush()
    return Filed(path, part.title, out.size, out.sha256)


def _write_table(archive: zipfile.ZipFile, path: str, part: Table) -> Filed:
    shown: list[Sequence[str]] = [part.headings]
    count = 0
    with _open(archive, f"{path}.csv") as inside:
        out = _Hashing(inside)
        buffered = io.BufferedWriter(out, 1 << 18)
        text = io.TextIOWrapper(buffered, encoding="utf-8-sig", newline="")
        writer = csv.writer(text)
        writer.writerow(part.headings)
        for row in part.rows:
            writer.writerow([_cell(value) for value in row])
            count += 1
            if part.is_shown:
                shown.append([_read(value) for value in row])
        text.flush()
        text.detach()
    return Filed(f"{path}.csv", part.title, out.size, out.sha256, count, shown if part.is_shown else ())


def _cell(value: Any) -> Any:
    """A value as a spreadsheet and a program both read it."""
    if isinstance(value, datetime):
        return f"{localtime(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    return neutral(value)


def _read(value: Any) -> str:
    """A value as a person reads it on the index page."""
    if isinstance(value, Decimal):
        return format_pounds(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(_cell(value)) if value is not None else ""


def _index(folders: Sequence[Folder], request: Request, title: str) -> dict[str, Any]:
    return {
        "format": "ims-evidence-1",
        "title": title,
        "council": settings.COUNCIL_NAME,
        "first": request.first.isoformat(),
        "last": request.last.isoformat(),
        "taken_at": f"{localtime(clock.now()):%Y-%m-%dT%H:%M:%S%z}",
        "taken_by": request.actor.name,
        "version": ims.__version__,
        "sections": [
            {
                "name": folder.section.name,
                "title": folder.section.title,
                "why": folder.section.why,
                "files": list(_described(folder.files)),
            }
            for folder in folders
        ],
    }


def _described(files: Iterable[Filed]) -> Iterator[dict[str, Any]]:
    for each in files:
        told: dict[str, Any] = {"path": each.path, "title": each.title, "size": each.size, "sha256": each.sha256}
        if each.rows is not None:
            told["rows"] = each.rows
        yield told
