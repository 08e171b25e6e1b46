"""Short ways to read bytes in tests."""

from __future__ import annotations

import io

from ims.formats import registry
from ims.formats.records import Entry, Problem, Record, StatementEnd, StatementStart
from ims.formats.summary import Summary, checked, summarise


def records(data: bytes, format: str | None = None) -> list[Record]:
    return list(registry.read(io.BytesIO(data), format))


def checked_records(data: bytes, format: str | None = None) -> list[Record]:
    return list(checked(registry.read(io.BytesIO(data), format)))


def summary(data: bytes, format: str | None = None) -> Summary:
    name = format or registry.recognise(data).name
    return summarise(registry.read(io.BytesIO(data), name), name)


def entries(found: list[Record]) -> list[Entry]:
    return [record for record in found if isinstance(record, Entry)]


def problems(found: list[Record], scope: str | None = None) -> list[Problem]:
    return [record for record in found if isinstance(record, Problem) and scope in (None, record.scope)]


def starts(found: list[Record]) -> list[StatementStart]:
    return [record for record in found if isinstance(record, StatementStart)]


def ends(found: list[Record]) -> list[StatementEnd]:
    return [record for record in found if isinstance(record, StatementEnd)]


def statements(found: list[Record]) -> list[tuple[StatementStart, list[Entry], StatementEnd]]:
    """The records sorted into statements."""
    sorted_out = []
    start, inside = None, []
    for record in found:
        if isinstance(record, StatementStart):
            start, inside = record, []
        elif isinstance(record, Entry):
            inside.append(record)
        elif isinstance(record, StatementEnd):
            assert start is not None, "a statement ends that never started"
            sorted_out.append((start, inside, record))
            start = None
    assert start is None, "a statement never ends"
    return sorted_out
