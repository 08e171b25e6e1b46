"""The ledger at size: verifying and searching 2,000,000 entries.

    IMS_TEST_POSTGRES=/tmp/ims-benchmark .venv/bin/python tests/benchmarks/ledger.py [ENTRIES]

Makes its own database `ims_benchmark` on the test server, prints seconds, and each figure as a ratio of the bar
or of a named baseline measured in the same run.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ims.settings.test")
sys.path.insert(0, os.getcwd())

import django
from django.conf import settings

django.setup()

from django.core.management import call_command
from django.db import connection
from psycopg import sql

from ims.audit.actors import Actor, command
from ims.funds.models import Office
from ims.ledger import services
from ims.ledger.models import Entry, Posting
from ims.ledger.seals import seal_pending
from ims.ledger.selectors import Criteria, entries_matching, search_entries, totals_between
from ims.ledger.verification import CHECKS, verify
from ims.settings import embedded_postgres
from tests.support import limits, world

ACTOR = command("benchmark")
SEARCH_BAR = 0.250
VERIFY_BAR = 20.0

GENERATED = sql.SQL(
    """
    SELECT n AS line, (ARRAY['23','5','11','13','31','1'])[1 + n %% 6] AS fund_id,
           lpad((hashint4(n + %(salt)s) & 2147483647)::text, 10, '0') AS account_reference,
           (ARRAY['28','90','1'])[1 + n %% 3] AS method_of_payment_id, CASE WHEN n %% 500 = 0 THEN %(office)s ELSE '99' END AS office_id,
           (((hashint4(n * 7 + %(salt)s) & 1048575)::numeric + 1) / 100)::numeric(12,2) AS amount,
           'N0' AS vat_code_id, 0::numeric(6,4) AS vat_rate,
           'PAYMENT ' || md5((n + %(salt)s)::text) || ' FROM '
             || (ARRAY['SMITH','PATEL','JONES','OKAFOR'])[1 + n %% 4] AS narrative,
           'PAYER ' || (n %% 5000) AS payer_name, 'BANK' || n AS source_reference, n AS source_line,
           %(day)s::date AS received_on, %(day)s::date AS accounting_date
    FROM generate_series(1, %(count)s) AS n
    """
)


def main() -> None:
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    _prepare()
    have = Entry.objects.count()
    if have < entries:
        _fill(entries - have)
    _reverse_something_old()
    print(f"{Entry.objects.count():,} entries")
    _verify()
    _search()


def _prepare() -> None:
    database = settings.DATABASES["default"]
    embedded_postgres.create_database(database["HOST"], "ims_benchmark")
    database["NAME"] = connection.settings_dict["NAME"] = "ims_benchmark"
    call_command("migrate", verbosity=0)
    if not Entry.objects.exists():
        limits.everybody_alone()
        world.build()
        Office.objects.create(code="CC", name="Contact centre, closed")


def _fill(count: int) -> None:
    batch = 50_000
    started = time.perf_counter()
    for number in range(-(-count // batch)):
        day = date(2024, 4, 2) + timedelta(days=(number * 20) % 900)
        services.post_set(
            actor=ACTOR,
            select=GENERATED,
            # One office that takes little, and one that took a little long ago.
            parameters={"salt": number * batch, "day": day, "count": batch, "office": "WP" if number else "CC"},
            source_kind="benchmark",
            source_key=f"{time.time_ns()}",
        )
        seal_pending()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    print(f"filled in {time.perf_counter() - started:.1f} s")


def _reverse_something_old() -> None:
    """A kind of posting of which there is little, all of it received long ago."""
    if Posting.objects.filter(kind="reversal").exists():
        return
    posting = services.post_set(
        actor=ACTOR,
        select=GENERATED,
        parameters={"salt": 5, "day": date(2024, 4, 2), "count": 100, "office": "99"},
        source_kind="benchmark",
        source_key="to be reversed",
    )
    services.reverse(actor=ACTOR, posting_id=posting.pk, reason="For the benchmark")
    seal_pending()


def _verify() -> None:
    before = _peak_megabytes()
    for check in CHECKS:
        started = time.perf_counter()
        list(check.run())
        print(f"  {check.name:36} {time.perf_counter() - started:6.2f} s")
    started = time.perf_counter()
    found = list(verify())
    seconds = time.perf_counter() - started
    ratio = seconds / VERIFY_BAR
    print(f"verify: {seconds:.1f} s, {len(found)} findings; {ratio:.2f} of the bar of {VERIFY_BAR:.0f} s; "
          f"peak memory {before:.0f} MB before, {_peak_megabytes():.0f} MB after")  # fmt: skip


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _search() -> None:
    some = list(Entry.objects.order_by("posting_id", "line")[1000:200_000:19_000])
    pages: dict[str, Callable[[int], object]] = {
        "first page": lambda n: search_entries(ACTOR, Criteria()),
        "whole reference": lambda n: search_entries(ACTOR, Criteria(account_reference=some[n % 9].account_reference)),
        "start of a reference": lambda n: search_entries(
            ACTOR, Criteria(account_reference=some[n % 9].account_reference[:5], account_prefix=True)
        ),
        "amount and day": lambda n: search_entries(
            ACTOR,
            Criteria(
                amount_from=some[n % 9].amount,
                amount_to=some[n % 9].amount,
                received_from=some[n % 9].received_on,
                received_to=some[n % 9].received_on,
            ),
        ),
        "amount": lambda n: search_entries(ACTOR, Criteria(amount_from=Decimal("12.34"), amount_to=Decimal("12.34"))),
        "a rare word": lambda n: search_entries(ACTOR, Criteria(words=some[n % 9].narrative.split()[1])),
        "a common word": lambda n: search_entries(ACTOR, Criteria(words="SMITH")),
        "two common words": lambda n: search_entries(ACTOR, Criteria(words="payment okafor")),
        "fund and month": lambda n: search_entries(
            ACTOR, Criteria(fund="23", received_from=date(2025, 3, 1), received_to=date(2025, 3, 31))
        ),
        "rare combination": lambda n: search_entries(ACTOR, Criteria(fund="31", method_of_payment="90", office="99")),
        "a method nobody used": lambda n: search_entries(ACTOR, Criteria(method_of_payment="JN")),
        "a kind there is little of": lambda n: search_entries(ACTOR, Criteria(kind="reversal")),
        "a kind nobody used": lambda n: search_entries(ACTOR, Criteria(kind="transfer")),
        "a rare kind of one fund": lambda n: search_entries(ACTOR, Criteria(kind="reversal", fund="31")),
        "a common kind": lambda n: search_entries(ACTOR, Criteria(kind="import")),
        "a series there is little of": lambda n: search_entries(ACTOR, Criteria(series="REV")),
        "a word nobody wrote": lambda n: search_entries(ACTOR, Criteria(words="zzyzx")),
        "a page far down": lambda n: search_entries(ACTOR, Criteria(), cursor="older.2024-06-01.1000"),
        "today's totals": lambda n: totals_between(ACTOR, date.today(), date.today()),
    }
    for name, actor in _limited().items():
        pages[f"{name}: first page"] = lambda n, actor=actor: search_entries(actor, Criteria())
        pages[f"{name}: some"] = lambda n, actor=actor: list(
            entries_matching(actor, Criteria()).order_by().values_list("pk", flat=True)[:1001]
        )
        pages[f"{name}: whole reference"] = lambda n, actor=actor: search_entries(
            actor, Criteria(account_reference=some[n % 9].account_reference)
        )
        pages[f"{name}: start of a reference"] = lambda n, actor=actor: search_entries(
            actor, Criteria(account_reference=some[n % 9].account_reference[:5], account_prefix=True)
        )
        pages[f"{name}: amount"] = lambda n, actor=actor: search_entries(
            actor, Criteria(amount_from=Decimal("12.34"), amount_to=Decimal("12.34"))
        )
        pages[f"{name}: a common word"] = lambda n, actor=actor: search_entries(actor, Criteria(words="SMITH"))
        pages[f"{name}: a rare word"] = lambda n, actor=actor: search_entries(
            actor, Criteria(words=some[n % 9].narrative.split()[1])
        )
        pages[f"{name}: a month"] = lambda n, actor=actor: search_entries(
            actor, Criteria(received_from=date(2025, 3, 1), received_to=date(2025, 3, 31))
        )
        pages[f"{name}: a rare kind"] = lambda n, actor=actor: search_entries(actor, Criteria(kind="reversal"))
        pages[f"{name}: all totals"] = lambda n, actor=actor: totals_between(actor, date(2024, 1, 1), date.today())
    for name, page in pages.items():
        times = []
        for attempt in range(15):
            started = time.perf_counter()
            page(attempt)
            times.append(time.perf_counter() - started)
        times.sort()
        p95 = times[-1]
        print(
            f"  {name:24} p50 {statistics.median(times) * 1000:7.1f} ms  worst {p95 * 1000:7.1f} ms  "
            f"{p95 / SEARCH_BAR:5.2f} of the bar of {SEARCH_BAR * 1000:.0f} ms"
        )


def _limited() -> dict[str, Actor]:
    """People who see only some of the money: much of it, little, little and long ago, on every side."""

    def some(**sides: set[str]) -> Actor:
        return replace(ACTOR, **{side: frozenset(codes) for side, codes in sides.items()})

    return {
        "two funds": some(funds={"5", "31"}),
        "a small office": some(offices={"WP"}),
        "a closed office": some(offices={"CC"}),
        "two small offices": some(offices={"WP", "CC"}),
        "every side": some(funds={"5", "31"}, offices={"WP", "CC"}, methods={"28", "90"}),
    }


if __name__ == "__main__":
    main()
