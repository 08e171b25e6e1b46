"""Limits on how often one caller may do one thing, counted in the database so that every web worker sees the same.

A count is one atomic statement, committed whatever becomes of the request (no request runs in a transaction of its
own). Django's database cache would not do: its counting is a read and a write, between which others slip through.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils.crypto import salted_hmac

from ims.common import clock
from ims.common.errors import ImsError

_COUNT = """
INSERT INTO throttling_window AS seen (key, starts_at, hits) VALUES (%s, %s, 1)
ON CONFLICT (key, starts_at) DO UPDATE SET hits = seen.hits + 1
RETURNING hits
"""


class TooOften(ImsError):
    """The caller did something more often than is allowed. `seconds` from now they may again."""

    code = "too_often"

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True)
class Limit:
    """At most `most` times in `seconds`, counted in spans that begin at whole multiples of `seconds`."""

    name: str
    most: int
    seconds: int

    def key_for(self, caller: str) -> str:
        """What is stored of `caller`: enough to count, not enough to find them."""
        return f"{self.name}:{salted_hmac('ims.throttling', caller, algorithm='sha256').hexdigest()[:32]}"

    def span(self, moment: datetime) -> tuple[datetime, int]:
        """The beginning of the span that `moment` lies in, and the seconds left of it (at least 1)."""
        begins = datetime.fromtimestamp(moment.timestamp() // self.seconds * self.seconds, UTC)
        ends = begins + timedelta(seconds=self.seconds)
        return begins, max(1, math.ceil((ends - moment).total_seconds()))


def seconds_to_wait(limit: Limit, caller: str) -> int:
    """Count one more time; 0 when it is within the limit, else the seconds until the caller may again."""
    begins, left = limit.span(clock.now())
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [limit.key_for(caller), begins])
        hits = cursor.fetchone()[0]
    return 0 if hits <= limit.most else left


def seconds_exhausted(limit: Limit, caller: str) -> int:
    """The seconds to wait if the caller has used the limit up; 0 if not. Counts nothing."""
    begins, left = limit.span(clock.now())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT hits FROM throttling_window WHERE key = %s AND starts_at = %s", [limit.key_for(caller), begins]
        )
        row = cursor.fetchone()
    return left if row is not None and row[0] >= limit.most else 0
