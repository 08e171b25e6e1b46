"""A job at work: its progress, its end, and the lock that says its worker is alive."""

from __future__ import annotations

import time

import psycopg

from ims.audit.actors import Actor
from ims.jobs.models import actor_from_data

SECONDS_BETWEEN_REPORTS = 0.4
_LOCK = "hashtextextended('ims.jobs.run:' || %s::bigint, 0)"


def try_lock(connection: psycopg.Connection, run_id: int) -> bool:
    """Take the lock of a run, which its worker holds as long as it lives. False: somebody else has it."""
    return connection.execute(f"SELECT pg_try_advisory_lock({_LOCK})", [run_id]).fetchone()[0]


def unlock(connection: psycopg.Connection, run_id: int) -> None:
    """Let go of the lock of a run."""
    connection.execute(f"SELECT pg_advisory_unlock({_LOCK})", [run_id])


# What became of the work outlives the record of the run, which is removed after ninety days.
_EVENT = """
INSERT INTO audit_event (occurred_at, verb, actor_kind, actor_id, actor_name, address, subject_type, subject_id,
                         subject_label, reason, data)
SELECT clock_timestamp(), 'job_' || state, coalesce(actor ->> 'kind', 'job'), coalesce(actor ->> 'identifier', ''),
       coalesce(actor ->> 'name', ''), coalesce(actor ->> 'address', ''), 'jobs.jobrun', id::text, title, '',
       jsonb_build_object('task', task, 'attempts', attempts, 'outcome', coalesce(nullif(error, ''), message))
FROM jobs_jobrun WHERE id = %s
"""


class Run:
    """What a job function gets: whom it acts for, and where to say how far it is."""

    def __init__(self, connection: psycopg.Connection, run_id: int) -> None:
        self._connection = connection
        self._reported_at = 0.0
        self.id = run_id
        self.actor: Actor | None = None

    def start(self) -> bool:
        """Begin, unless the run is finished or another worker has it."""
        if not try_lock(self._connection, self.id):
            return False
        row = self._connection.execute(
            "UPDATE jobs_jobrun SET state = 'running', started_at = now(), attempts = attempts + 1, error = ''"
            " WHERE id = %s AND state IN ('queued', 'running') RETURNING actor",
            [self.id],
        ).fetchone()
        if row is None:
            unlock(self._connection, self.id)
            return False
        self.actor = actor_from_data(row[0])
        return True

    def report(self, done: int, total: int = 0, message: str = "") -> None:
        """Say how far the work is; reports that come thick and fast are thinned out."""
        moment = time.monotonic()
        if moment - self._reported_at < SECONDS_BETWEEN_REPORTS:
            return
        self._reported_at = moment
        self._connection.execute(
            "UPDATE jobs_jobrun SET done = %s, total = %s, message = %s WHERE id = %s", [done, total, message, self.id]
        )

    def succeed(self, message: str) -> None:
        """End well."""
        self._connection.execute(
            "UPDATE jobs_jobrun SET state = 'succeeded', finished_at = now(), message = %s, done = total WHERE id = %s",
            [message, self.id],
        )
        self._connection.execute(_EVENT, [self.id])

    def fail(self, error: str) -> None:
        """End badly, with the sentence to show."""
        self._connection.execute(
            "UPDATE jobs_jobrun SET state = 'failed', finished_at = now(), error = %s WHERE id = %s", [error, self.id]
        )
        self._connection.execute(_EVENT, [self.id])
