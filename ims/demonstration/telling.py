"""Saying what the demonstration does while it does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One thing that was done. `who` is the person who did it, empty for the system."""

    what: str
    detail: str = ""
    who: str = ""


Tell = Callable[[Event], None]
