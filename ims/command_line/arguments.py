"""Reading a command line: like argparse, but a mistake is one sentence and never ends the process itself."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar

from ims.command_line.answer import WrongUse
from ims.common.errors import InvalidInput

Built = TypeVar("Built")


class Parser(argparse.ArgumentParser):
    """The parser of one command. Raises `WrongUse` instead of printing usage and exiting."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(prog=f"ims {name}", description=description, allow_abbrev=False)
        self.add_argument("--json", action="store_true", help="print one JSON object instead of text")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments given."""
        raise WrongUse(f"{self.prog}: {message}. Type “{self.prog} --help” for what it takes.")


def from_json(text: str, build: Callable[[dict[str, Any]], Built], *, option: str) -> Built:
    """What `build` makes of the settings given to `option` as JSON text, or as @FILE.

    Raises `WrongUse` when they are not JSON or `build` refuses them.
    """
    if text.startswith("@"):
        text = read_text(Path(text[1:]))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise WrongUse(f"{option} is not JSON: {error.msg} at character {error.pos + 1}.") from error
    if not isinstance(value, dict):
        raise WrongUse(f"{option} must be one JSON object, in braces.")
    try:
        return build(value)
    except InvalidInput as error:
        raise WrongUse(f"{option}: {error}") from error


def read_text(path: Path) -> str:
    """The text of a file. Raises `WrongUse` when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise WrongUse(_unreadable(path, error)) from error


def open_binary(name: str) -> BinaryIO:
    """The bytes of the file called `name`, or of standard input for “-”. Raises `WrongUse`."""
    if name == "-":
        return sys.stdin.buffer
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise WrongUse(_unreadable(Path(name), error)) from error


WORDS_FOR_DAYS = {"today": 0, "yesterday": 1}


def day(text: str) -> date | str:
    """For argparse: a date written 2026-11-20, or the word today or yesterday, which `as_date` turns into one."""
    word = text.strip().lower()
    if word in WORDS_FOR_DAYS:
        return word
    try:
        return date.fromisoformat(word)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"“{text}” is not a date: write it like 2026-11-20") from error


def as_date(given: date | str) -> date:
    """The date that `day` read. Needs the settings: the council's calendar counts, not the computer's."""
    if isinstance(given, date):
        return given
    from ims.common.clock import today

    return today() - timedelta(days=WORDS_FOR_DAYS[given])


def _unreadable(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"There is no file {path}."
    return f"The file {path} cannot be read: {error.strerror or error}."
