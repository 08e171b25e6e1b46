"""Regular expressions that councils write themselves. Matching has a time limit where it is done; compiling has none,
so what would take long to compile is refused here first.
"""

from __future__ import annotations

import re
from typing import Any

MOST_REPEATS = 10_000
"""Nested counted repeats, such as ``(?:[0-9]{100}){100}``, are written out when a pattern is compiled."""

_COUNT = re.compile(r"(\)?)\{\s*([0-9]*)\s*(?:,\s*([0-9]*)\s*)?\}")


def pattern_fault(pattern: str) -> str:
    """What is wrong with a pattern, as a sentence; empty when it can be used."""
    if _repeats(pattern) > MOST_REPEATS:
        return (
            f"The pattern “{pattern}” repeats groups within groups more than {MOST_REPEATS:,} times. "
            "Write smaller counts."
        )
    import regex  # For its kind of error; see `compiled`.

    try:
        compiled(pattern)
    except (regex.error, RecursionError, OverflowError, ValueError, IndexError, MemoryError) as error:
        return f"The pattern “{pattern}” cannot be understood: {error}. Correct the pattern."
    return ""


def compiled(pattern: str) -> Any:
    """A pattern in which nothing is at fault, ready to match with a time limit."""
    import regex  # Only here: it takes 10 MB and a fifth of a second, and most readers of files need no pattern.

    return regex.compile(pattern)


def _repeats(pattern: str) -> int:
    """How often the innermost thing could be written out: every group's count, times the largest other count."""
    groups, largest = 1, 1
    for after_group, least, most in _COUNT.findall(pattern):
        count = max(int(least or 0), int(most or 0), 1)
        if after_group:
            groups *= count
        else:
            largest = max(largest, count)
    return groups * largest
