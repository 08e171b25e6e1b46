"""What history, audit trail, hashes and guards add to an import, against the same import without them.

    python tests/benchmarks/proof.py [--rows 250000] [--holders 300000] [--rounds 2]

The same kind of file, one row in fifty of it unidentified (so that suspense items and their history are made), is
brought in with everything in force and sealed afterwards, then once more with every trigger of the ledger, the imports,
suspense and the audit trail switched off (hashes of entries, whole postings, periods, corrections, references, items
that follow the ledger, append-only tables), without the history of suspense items, without audit events and without
a seal. Both ways keep the columns, indexes and constraints; the two alternate, so that neither always meets the smaller
tables. Uses a throw-away server of its own.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ims.settings.test")
os.environ.setdefault("IMS_TEST_POSTGRES", str(Path(tempfile.gettempdir()) / "ims-benchmark-proof"))

LIMIT = 1.6
UNIDENTIFIED = 50
"""Every so many rows, one has a reference that is nobody's."""
GUARDED_ROOMS = ("ledger_", "imports_", "suspense_", "audit_", "funds_")


def main() -> None:
    from tests.benchmarks.imports import database_of_its_own

    options = _options()
    with database_of_its_own("test_ims_benchmark_proof"):
        _run(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=250_000)
    parser.add_argument("--holders", type=int, default=300_000)
    parser.add_argument("--rules", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


def _run(options: argparse.Namespace) -> None:
    from ims.audit.actors import command
    from tests.benchmarks import imports

    actor = command("benchmark")
    imports._set_up(actor, options)
    proven, bare = [], []
    for number in range(options.rounds):
        proven.append(_import(actor, _file(options, seed=10 + 2 * number), seals=True))
        with _nothing_proven():
            bare.append(_import(actor, _file(options, seed=11 + 2 * number), seals=False))
    print(f"{options.rows:,} rows with history, audit, hashes and a seal: " + _listed(proven))
    print(f"{options.rows:,} rows without any of them:                    " + _listed(bare))
    (clock, cpu), (bare_clock, bare_cpu) = map(sum, zip(*proven, strict=True)), map(sum, zip(*bare, strict=True))
    print(f"ratio by the clock {clock / bare_clock:.2f}, by processor time, which a busy machine disturbs less, "
          f"{cpu / bare_cpu:.2f} (limit {LIMIT})")  # fmt: skip


def _file(options: argparse.Namespace, *, seed: int) -> bytes:
    from tests.benchmarks import imports

    lines = imports.make_file(options, seed=seed).split(b"\r\n")
    for place in range(0, len(lines) - 1, UNIDENTIFIED):
        cells = lines[place].split(b",")
        lines[place] = b",".join([*cells[:3], b"999999999", *cells[4:]])
    return b"\r\n".join(lines)


def _import(actor, content: bytes, *, seals: bool) -> tuple[float, float]:
    """Seconds by the clock, and of processor time of client and server."""
    from ims.imports import services
    from ims.ledger.seals import seal_pending
    from tests.benchmarks.imports import _processor_seconds

    begun, cpu = time.perf_counter(), _processor_seconds()
    batch = services.receive(actor=actor, stream=io.BytesIO(content), name="benchmark.csv", profile="benchmark")
    batch = services.check(actor=actor, batch_id=batch.pk)
    if batch.state != "checked":
        raise SystemExit(batch.error)
    services.post(actor=actor, batch_id=batch.pk)
    if seals:
        seal_pending()
    return time.perf_counter() - begun, _processor_seconds() - cpu


@contextmanager
def _nothing_proven() -> Iterator[None]:
    from ims.suspense import services as suspense

    without_history = suspense._OPEN.split("     kept AS (")[0].rstrip().rstrip(",") + "\nSELECT count(*) FROM opened\n"
    with _triggers("DISABLE TRIGGER USER"), mock.patch.object(suspense, "_OPEN", without_history):
        rooms = ("ims.imports.services.receiving", "ims.imports.services.checking", "ims.imports.services.posting",
                 "ims.ledger.services.receipts")  # fmt: skip
        patches = [mock.patch(f"{room}.record") for room in rooms]
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()


@contextmanager
def _triggers(off: str) -> Iterator[None]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE NOT t.tgisinternal"
        )
        triggers = [row for row in cursor.fetchall() if row[0].startswith(GUARDED_ROOMS)]
        for table in sorted({table for table, _, _ in triggers}):
            cursor.execute(f'ALTER TABLE "{table}" {off}')
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for table, name, enabled in triggers:
                how = "ENABLE ALWAYS" if enabled == "A" else "ENABLE"
                cursor.execute(f'ALTER TABLE "{table}" {how} TRIGGER "{name}"')


def _listed(taken: list[tuple[float, float]]) -> str:
    return ", ".join(f"{clock:.1f} s ({cpu:.1f} s of processors)" for clock, cpu in taken)


if __name__ == "__main__":
    main()
