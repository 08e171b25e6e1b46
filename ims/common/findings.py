"""What an integrity check found. Checks report; they never repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    `check` is a stable word for machines (``suspense.remaining``); `message` is a whole sentence that says what is
    wrong and what to do; `subject` names the record concerned as people quote it.
    """

    check: str
    severity: Severity
    message: str
    subject: str = ""
