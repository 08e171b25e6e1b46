"""Matching at size: 100,000 unidentified receipts against 500,000 accounts.

    IMS_TEST_POSTGRES=/tmp/ims-benchmark .venv/bin/python tests/benchmarks/matching.py [ITEMS] [ACCOUNTS]

Makes its own database `ims_benchmark_matching` on the test server. The narratives are made from known accounts (whole
references, spaced, one digit wrong, cut short, names only), so that right and wrong can be counted. Printed: seconds,
and the ratio to the bar and to looking items up one at a time in the same run.
"""

from __future__ import annotations

import os
import random
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ims.settings.test")
sys.path.insert(0, os.getcwd())

import django
from django.conf import settings

django.setup()

from django.core.management import call_command
from django.db import connection
from psycopg import sql

from ims.audit.actors import command
from ims.ledger import services as ledger
from ims.settings import embedded_postgres
from ims.suspense import matching, services
from ims.suspense.models import SuspenseItem
from tests.support import world

ACTOR = command("benchmark")
BAR_SECONDS = 30.0
SURNAMES = [
    stem + end
    for stem in (
        "SMITH",
        "JONES",
        "TAYLOR",
        "BROWN",
        "WILSON",
        "DAVIES",
        "PATEL",
        "WRIGHT",
        "EVANS",
        "WALKER",
        "GREEN",
        "KHAN",
    )
    for end in ("", "SON", "LEY", "TON", "WOOD", "FIELD", "FORD", "BY", "WELL", "MAN")
]


def main() -> None:
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    accounts = int(sys.argv[2]) if len(sys.argv) > 2 else 500_000
    prepare_database()
    world.build()
    random.seed(7)
    known = load_accounts(accounts)
    truth = post_narratives(known, items)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    keys = list(SuspenseItem.objects.order_by("entry__line").values_list("pk", flat=True))

    sample = keys[:: max(1, len(keys) // 100)]
    started = time.perf_counter()
    for key in sample:
        matching.suggest_many([key])
    one_by_one = (time.perf_counter() - started) / len(sample)

    started = time.perf_counter()
    found: dict[int, list] = {}
    for start in range(0, len(keys), 50_000):
        found.update(matching.suggest_many(keys[start : start + 50_000]))
    together = time.perf_counter() - started
    started = time.perf_counter()
    services.refresh_suggestions(actor=ACTOR)
    remembered = time.perf_counter() - started
    report(keys, truth, found, one_by_one, together, remembered)


def report(keys, truth, found, one_by_one, together, remembered) -> None:
    print(f"one at a time    {one_by_one * 1000:8.1f} ms an item")
    print(
        f"all together     {together:8.1f} s for {len(keys):,} = {together / BAR_SECONDS:.2f} of the bar "
        f"({BAR_SECONDS:.0f} s), {one_by_one * len(keys) / together:.0f} times faster than one at a time"
    )
    print(f"and remembered   {remembered:8.1f} s")
    by_kind: dict[str, list[int]] = {}
    for key, (kind, reference) in zip(keys, truth, strict=True):
        counts = by_kind.setdefault(kind, [0, 0, 0, 0])
        counts[0] += 1
        suggestions = found.get(key, [])
        if suggestions:
            counts[1] += suggestions[0].reference == reference
            counts[2] += suggestions[0].reference != reference
            counts[3] += suggestions[0].reference != reference and suggestions[0].confidence >= 80
    for kind, (total, right, wrong, sure) in sorted(by_kind.items()):
        print(
            f"{kind:10} {total:7,}  first is right {right / total:6.1%}  wrong {wrong / total:6.1%}"
            f"  sure and wrong {sure}"
        )


def prepare_database() -> None:
    name = "ims_benchmark_matching"
    host = settings.DATABASES["default"]["HOST"]
    embedded_postgres.create_database(host, name)
    settings.DATABASES["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    call_command("migrate", verbosity=0)


def load_accounts(count: int) -> list[tuple[str, str, str]]:
    """`count` nine-digit accounts with names and balances, by COPY: (reference, name, balance)."""
    references = random.sample(range(100_000_000, 999_999_999), count)
    rows = [
        (
            str(reference),
            f"{random.choice('ABCDEFGHJKLMNPRSTW')} {random.choice(SURNAMES)}",
            f"{random.randint(500, 250_000) / 100:.2f}",
        )
        for reference in references
    ]
    with connection.cursor() as cursor:
        columns = "fund_id, reference, name, surname, address, postcode, balance, is_open, source_record"
        with cursor.copy(f"COPY accounts_accountholder ({columns}) FROM STDIN") as copy:
            for reference, name, balance in rows:
                copy.write_row(("23", reference, name, name.split()[1], "", "", balance, True, ""))
        cursor.execute("ANALYZE accounts_accountholder")
    return rows


def post_narratives(known: list[tuple[str, str, str]], count: int) -> list[tuple[str, str]]:
    """Post `count` unidentified receipts; return the kind and the true reference of each, in order of their lines."""
    truth = []
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS benchmark_lines; CREATE TABLE benchmark_lines (n int, amount numeric, t text)"
        )
        with cursor.copy("COPY benchmark_lines FROM STDIN") as copy:
            for number in range(1, count + 1):
                reference, name, balance = random.choice(known)
                kind, text = narrative(reference, name)
                amount = balance if random.random() < 0.8 else f"{random.randint(500, 90_000) / 100:.2f}"
                copy.write_row((number, amount, text))
                truth.append((kind, reference))
    select = sql.SQL(
        """SELECT n AS line, '1' AS fund_id, '' AS account_reference, '28' AS method_of_payment_id, '99' AS office_id,
                  amount::numeric(12,2) AS amount, 'M0' AS vat_code_id, 0::numeric(6,4) AS vat_rate, t AS narrative,
                  '' AS payer_name, '' AS source_reference, n AS source_line, current_date AS received_on,
                  current_date AS accounting_date FROM benchmark_lines"""
    )
    posting = ledger.post_set(actor=ACTOR, select=select, parameters={}, source_kind="benchmark", source_key="1")
    started = time.perf_counter()
    opened = services.open_items(actor=ACTOR, posting=posting)
    print(f"opened           {time.perf_counter() - started:8.1f} s for {opened:,} items with their history")
    return truth


def narrative(reference: str, name: str) -> tuple[str, str]:
    """What a payer may have written, and which kind it is."""
    dice = random.random()
    before = random.choice(["", "COUNCIL TAX ", "REF ", "BGC ", "FASTER PAYMENT "])
    if dice < 0.70:
        return "whole", f"{before}{reference} {random.choice(['', name, 'THANKS'])}"
    if dice < 0.80:
        return "spaced", before + random.choice(
            [f"{reference[:4]} {reference[4:]}", f"{reference[:3]}-{reference[3:6]}-{reference[6:]}", f"CT{reference}"]
        )
    if dice < 0.88:
        place = random.randrange(9)
        wrong = (
            reference[:place]
            + random.choice([d for d in "0123456789" if d != reference[place]])
            + reference[place + 1 :]
        )
        return "slip", f"{before}{wrong} {name}"
    if dice < 0.95:
        return "cut short", f"{before}{reference[:7]} {name}"
    return "name only", f"{before}{name}"


if __name__ == "__main__":
    main()
