"""The search over all the past at size: 5,000,000 rows of history and events.

    IMS_TEST_POSTGRES=/tmp/ims-benchmark .venv/bin/python tests/benchmarks/assurance.py [ROWS]

Makes its own database `ims_benchmark_assurance` on the test server (and uses it again when it has as many rows, so that
it can be filled while others are about and measured when nobody is): four fifths of the rows are history of account
holders (whole loads in one moment, as nightly extracts write them), the rest audit events. Printed for each way of
asking: the middle and the 95th percentile of milliseconds over 60 different questions, differences and names
included, and the ratio of the 95th percentile to the bar. The baseline is the same question without the room's own
indexes, asked a few times in the same run.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ims.settings.test")
sys.path.insert(0, os.getcwd())

import django
from django.conf import settings

django.setup()

from django.core.management import call_command
from django.db import connection
from django.db.models import Sum

from ims.assurance import selectors
from ims.assurance.indexes import ensure
from ims.assurance.search import Criteria
from ims.audit import checks
from ims.audit.actors import command
from ims.audit.history_seals import seal_histories
from ims.audit.models import Event, HistorySeal
from ims.common import clock
from ims.settings import embedded_postgres

ACTOR = command("benchmark")
BAR_MILLISECONDS = 300
QUESTIONS = 60
DAYS = 730
PEOPLE = 200
LOADS = 200


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    prepare_database(rows)
    accounts = rows * 4 // 5 // 10
    if not Event.objects.filter(verb="probe").exists():
        started = time.perf_counter()
        fill(rows)
        print(f"filled {rows:,} rows in {time.perf_counter() - started:.0f} s")
    ensure()
    chance = random.Random(7)
    today = clock.today()

    def day() -> Criteria:
        chosen = today - timedelta(days=chance.randrange(DAYS))
        return Criteria(first=chosen, last=chosen)

    ways: dict[str, Callable[[], Criteria]] = {
        "latest": Criteria,
        "by record": lambda: Criteria(
            records=frozenset({("accounts.accountholder", str(chance.randrange(1, accounts)))})
        ),
        "by person": lambda: Criteria(person=chance.randrange(1, PEOPLE + 1)),
        "by day": day,
        "by person and day": lambda: Criteria(person=chance.randrange(1, PEOPLE + 1), first=day().first, last=today),
    }
    for name, make in ways.items():
        report(name, measure(make, QUESTIONS))
    deep(ways["by person"])
    without_indexes()
    for name in ("by person", "by day"):
        report(f"{name}, without the indexes", measure(ways[name], 3))
    ensure()
    sealed()


def sealed() -> None:
    """What it takes to seal the histories, and to verify them."""
    started = time.perf_counter()
    rows = seal_histories()
    if rows:
        print(f"sealed {rows:,} rows of histories in {time.perf_counter() - started:.1f} s")
    under_seal = HistorySeal.objects.aggregate(rows=Sum("row_count"))["rows"]
    started = time.perf_counter()
    found = list(checks.verify_histories())
    print(f"verified {under_seal:,} rows of histories in {time.perf_counter() - started:.1f} s, {len(found)} findings")


def measure(make: Callable[[], Criteria], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        criteria = make()
        started = time.perf_counter()
        selectors.page(ACTOR, criteria)
        taken.append((time.perf_counter() - started) * 1000)
    return sorted(taken)


def report(name: str, taken: list[float]) -> None:
    worst = taken[max(int(len(taken) * 0.95) - 1, 0)]
    print(
        f"{name:32} middle {statistics.median(taken):9.1f} ms  p95 {worst:9.1f} ms"
        f" = {worst / BAR_MILLISECONDS:.2f} of the bar"
    )


def deep(make: Callable[[], Criteria]) -> None:
    """The hundredth page of one person, to show that depth costs nothing."""
    criteria, cursor, taken = make(), "", []
    for _ in range(100):
        started = time.perf_counter()
        page = selectors.page(ACTOR, criteria, cursor=cursor)
        taken.append((time.perf_counter() - started) * 1000)
        cursor = page.older
        if not cursor:
            break
    print(f"{'page ' + str(len(taken)):32} {taken[-1]:9.1f} ms, the first {taken[0]:.1f} ms")


def without_indexes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX accounts_historicalaccountholder_when, accounts_historicalaccountholder_who")


def fill(rows: int) -> None:
    """Write the rows."""
    history, events = rows * 4 // 5, rows // 5
    accounts = history // 10
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_historicalaccountholder (id, fund_id, reference, name, surname, address, postcode,
              balance, is_open, source_record, actor_kind, actor_name, actor_address, history_date, history_type,
              history_user_id, history_change_reason)
            SELECT 1 + (n * 7919) %% %(accounts)s, '23', (100000000 + (n * 7919) %% %(accounts)s)::text, 'A NAME', 'NAME',
              '1 High Street', 'S70 2DR', (n %% 250000) / 100.0, true, '', 'person', 'Person ' || (1 + n * %(loads)s / %(rows)s %% %(people)s),
              '192.0.2.1', now() - (n * %(loads)s / %(rows)s) * (%(days)s * interval '1 day' / %(loads)s),
              CASE WHEN n %% 10 = 0 THEN '+' ELSE '~' END, 1 + (n * %(loads)s / %(rows)s) %% %(people)s, 'Nightly extract'
            FROM generate_series(1::bigint, %(rows)s) AS n
            """,
            {"accounts": accounts, "rows": history, "loads": LOADS, "people": PEOPLE, "days": DAYS},
        )
        cursor.execute(
            """
            INSERT INTO audit_event (occurred_at, verb, actor_kind, actor_id, actor_name, address, subject_type,
              subject_id, subject_label, reason, data)
            SELECT now() - random() * %(days)s * interval '1 day', 'probe', 'person', (1 + n %% %(people)s)::text, 'Person',
              '192.0.2.1', 'ledger.posting', n::text, 'REC-' || n, '', '{}'
            FROM generate_series(1::bigint, %(rows)s) AS n
            """,
            {"rows": events, "people": PEOPLE, "days": DAYS},
        )
        cursor.execute("VACUUM ANALYZE accounts_historicalaccountholder, audit_event")


def prepare_database(rows: int) -> None:
    name = "ims_benchmark_assurance"
    host = settings.DATABASES["default"]["HOST"]
    embedded_postgres.create_database(host, name)
    settings.DATABASES["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('audit_event')")
        if cursor.fetchone()[0] and Event.objects.filter(verb="probe").count() == rows // 5:
            return
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    call_command("migrate", verbosity=0)


if __name__ == "__main__":
    main()
