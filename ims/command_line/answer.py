"""What a command hands back, and how it is printed: for people as text, for machines as one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

WELL = 0
"""The command did what was asked and found nothing wrong."""
FINDING = 1
"""The command worked and found something wrong, or IMS refused to do it."""
WRONG_USE = 2
"""The command was not given what it needs; nothing was tried."""


class WrongUse(Exception):
    """The command line cannot be understood. The message is one sentence that says what to type instead."""


@dataclass(frozen=True)
class Answer:
    """What a command found. `data` is printed with `--json`, `text` without; `finding` decides the exit code."""

    data: dict[str, Any]
    text: str
    finding: bool = False

    @property
    def exit_code(self) -> int:
        """0 when nothing is wrong, 1 for a finding."""
        return FINDING if self.finding else WELL


def show(answer: Answer, *, as_json: bool) -> None:
    """Print an answer on standard output."""
    text = to_json(answer.data) if as_json else answer.text
    if not text:
        return
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def show_error(message: str, *, code: str, details: Sequence[str] = (), as_json: bool) -> None:
    """Print why a command could not be carried out, on standard error: one sentence, or one JSON object."""
    if as_json:
        error: dict[str, Any] = {"code": code, "message": message}
        if details:
            error["details"] = list(details)
        sys.stderr.write(json.dumps({"error": error}, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write("\n".join([message, *(f"  {detail}" for detail in details if detail != message)]) + "\n")
    sys.stderr.flush()


def to_json(data: Any) -> str:
    """One JSON document: money as decimal text, dates as ISO 8601."""
    return json.dumps(data, default=_plain, ensure_ascii=False, indent=2)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Rows in columns for a terminal; the columns numbered in `right` (from 0) are set to the right."""
    lines = [tuple(headings), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(headings))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
