"""An integrity check as data: a query whose every row is a finding, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from ims.common.findings import Finding, Severity

LIMIT = 20
"""How many findings of one kind are named; the rest are named by the next run, after these are dealt with."""


@dataclass(frozen=True)
class Check:
    """One check. The sentence is filled from the row's columns, in order; the first column names the subject."""

    name: str
    sentence: str
    query: str
    severity: Severity = "error"

    def run(self) -> Iterator[Finding]:
        """Yield a finding for each row the query returns, up to `LIMIT`."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM ({self.query}) AS found LIMIT {LIMIT}")  # noqa: S608 - built of constants
            for row in cursor.fetchall():
                yield Finding(self.name, self.severity, self.sentence.format(*row), str(row[0]))
