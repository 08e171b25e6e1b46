"""How long a large file of receipts takes from its bytes to the ledger, against a raw COPY of the same rows.

    python tests/benchmarks/imports.py [--rows 250000] [--holders 300000] [--rules 30] [--row-by-row 1000]

Prints three figures, each with its limit:

* receive, check and post, against COPY of the same rows into a table with the columns, indexes and foreign keys of
  the ledger's (without its triggers): at most 2.0;
* rows a second against django-import-export's default, row by row, on a smaller sample: at least 50;
* a single receipt posted while the file posts, 95th percentile against the idle one: at most 2;

and the peak memory of this process: at most 400 MB. Uses a throw-away server of its own.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ims.settings.test")
os.environ.setdefault("IMS_TEST_POSTGRES", str(Path(tempfile.gettempdir()) / "ims-benchmark-imports"))

DATABASE = "test_ims_benchmark"


def main() -> None:
    options = _options()
    with database_of_its_own(DATABASE):
        _run(options)


@contextmanager
def database_of_its_own(name: str) -> Iterator[None]:
    """A new database with everything migrated, gone afterwards."""
    import django

    django.setup()
    from django.db import connection

    connection.settings_dict["TEST"]["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db("ims", verbosity=0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=250_000)
    parser.add_argument("--holders", type=int, default=300_000)
    parser.add_argument("--rules", type=int, default=30)
    parser.add_argument("--row-by-row", type=int, default=1_000)
    return parser.parse_args()


def _run(options: argparse.Namespace) -> None:
    from ims.audit.actors import command

    actor = command("benchmark")
    _set_up(actor, options)
    content = make_file(options)
    print(f"{options.rows:,} rows, {len(content) / 1e6:.0f} MB, {options.rules} rules, {options.holders:,} holders")
    cpu = _processor_seconds()
    laps, batch = _import(actor, content)
    cpu = _processor_seconds() - cpu
    total = sum(laps.values())
    print("  " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in laps.items()), f"= {total:.2f} s")
    print(f"  peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB (limit 400)")
    raw, raw_cpu = _raw_copy(batch)
    print(f"raw COPY {raw:.2f} s: ratio {total / raw:.2f} (limit 2.0)")
    print(f"  processor seconds of client and server together, which a busy machine disturbs less: {cpu:.2f} against "
          f"{raw_cpu:.2f}, ratio {cpu / raw_cpu:.2f}")  # fmt: skip
    if options.row_by_row:
        slow = _row_by_row(options.row_by_row)
        ours = options.rows / total
        print(
            f"import-export row by row {slow:,.0f} rows/s, ours {ours:,.0f} rows/s: {ours / slow:,.0f} times (limit 50)"
        )
    _beside(actor, options)


def _set_up(actor, options: argparse.Namespace) -> None:
    from django.db import connection

    from ims.audit.actors import acting
    from ims.imports.models import FileProfile, RoutingRule
    from tests.support import world

    world.build()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_accountholder (fund_id, reference, name, surname, address, postcode, is_open,"
            " source_record) SELECT '23', to_char(100000000 + n, 'FM000000000'), 'Holder ' || n, 'Holder', '', '',"
            " true, '' FROM generate_series(1, %s) n",
            [options.holders],
        )
        cursor.execute("ANALYZE")
    with acting(actor, "Benchmark"):
        FileProfile.objects.create(
            code="benchmark", name="Benchmark", format="profile", layout=LAYOUT, method_of_payment_id="28",
            office_id="99",
        )  # fmt: skip
        for n in range(options.rules):
            RoutingRule.objects.create(name=f"Rule {n}", position=n, **_rule(n))


def _rule(n: int) -> dict:
    operator, field, value = (
        ("contains", "narrative", f"WORD{n}"),
        ("starts_with", "payer_name", f"PAYER {n}"),
        ("equals", "type_code", f"T{n}"),
        ("ends_with", "narrative", f"-{n}"),
    )[n % 4]
    conditions = [{"field": field, "operator": operator, "value": value}]
    if n % 3 == 0:
        conditions.append({"field": "amount", "operator": "greater_than", "value": "10.00"})
    actions = {"vat_code": "N0"} if n % 2 else {"narrative": f"Sorted by rule {n}"}
    return {"groups": [{"match": "all", "conditions": conditions}], "actions": actions}


LAYOUT = {
    "columns": [
        {"field": "booked_on", "column": 1, "dates": ["yyyy-mm-dd"], "required": True},
        {"field": "amount", "column": 2},
        {"field": "fund", "column": 3},
        {"field": "reference", "column": 4},
        {"field": "narrative", "column": 5},
        {"field": "payer_name", "column": 6},
        {"field": "bank_reference", "column": 7},
        {"field": "type_code", "column": 8},
    ]
}


def make_file(options: argparse.Namespace, seed: int = 1) -> bytes:
    """A file of receipts to known accounts."""
    from ims.common import clock

    pick = random.Random(seed)
    day = (clock.today() - timedelta(days=1)).isoformat()
    text = io.StringIO()
    write = csv.writer(text).writerow
    for n in range(options.rows):
        reference = f"{100000000 + pick.randint(1, options.holders):09d}"
        write((day, f"{pick.randint(100, 99999) / 100:.2f}", "23", reference, f"COUNCIL TAX INSTALMENT {n % 997}",
               f"PAYER {pick.randint(1, 99999)} A", f"FP{seed}{n:09d}", f"T{n % 90}"))  # fmt: skip
    return text.getvalue().encode()


def _import(actor, content: bytes):
    from ims.imports import services

    laps, begun = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal begun
        laps[name] = time.perf_counter() - begun
        begun = time.perf_counter()

    batch = services.receive(actor=actor, stream=io.BytesIO(content), name="benchmark.csv", profile="benchmark")
    lap("receive")
    batch = services.check(actor=actor, batch_id=batch.pk)
    lap("check")
    if batch.state != "checked":
        raise SystemExit(batch.error)
    batch = services.post(actor=actor, batch_id=batch.pk)
    lap("post")
    return laps, batch


def _processor_seconds() -> float:
    """What this process and its server process have used so far (the server runs on this machine)."""
    from django.db import connection

    connection.ensure_connection()
    state = Path(f"/proc/{connection.connection.info.backend_pid}/stat").read_text(encoding="ascii")
    used = state.rsplit(")", 1)[1].split()[11:13]
    return time.process_time() + sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def _raw_copy(batch) -> tuple[float, float]:
    """Wall and processor seconds to COPY the very rows that were posted into a table like the ledger's, and commit."""
    from django.db import connection
    from django.db.models import ForeignKey

    from ims.ledger.models import Entry

    columns = (
        "posting_id, line, fund_id, account_reference, method_of_payment_id, office_id, amount, vat_code_id, vat_rate,"
        " vat_amount, narrative, payer_name, source_reference, source_line, received_on, accounting_date, posted_at,"
        " corrects_id, leaf"
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE raw_entry (LIKE ledger_entry INCLUDING ALL)")
        # Foreign keys for all that the model says an entry points at, each kept by PostgreSQL row by row: what COPY into
        # a table of this shape costs whoever designs it plainly. The ledger itself keeps that promise in sets.
        for field in Entry._meta.get_fields():
            if isinstance(field, ForeignKey):
                target = "raw_entry" if field.related_model is Entry else field.related_model._meta.db_table
                key = field.target_field.column
                cursor.execute(
                    f"ALTER TABLE raw_entry ADD FOREIGN KEY ({field.column}) REFERENCES {target} ({key})"
                    " DEFERRABLE INITIALLY DEFERRED"
                )
    with tempfile.TemporaryFile() as spool:
        with (
            connection.connection.cursor() as cursor,
            cursor.copy(
                f"COPY (SELECT {columns} FROM ledger_entry WHERE posting_id = {batch.posting_id}) TO STDOUT"
            ) as copy,
        ):
            for piece in copy:
                spool.write(piece)
        spool.seek(0)
        begun, cpu = time.perf_counter(), _processor_seconds()
        with connection.connection.cursor() as cursor, cursor.copy(f"COPY raw_entry ({columns}) FROM STDIN") as copy:
            while piece := spool.read(1 << 18):
                copy.write(piece)
        return time.perf_counter() - begun, _processor_seconds() - cpu


def _row_by_row(rows: int) -> float:
    """Rows a second of django-import-export with its defaults, into a table of receipts."""
    import tablib
    from import_export import resources

    from ims.accounts.models import AccountHolder

    class HolderResource(resources.ModelResource):
        class Meta:
            model = AccountHolder
            import_id_fields = ("fund", "reference")
            fields = ("fund", "reference", "name", "surname", "address", "postcode", "balance")

    data = tablib.Dataset(headers=["fund", "reference", "name", "surname", "address", "postcode", "balance"])
    for n in range(rows):
        data.append(["23", f"X{n:08d}", f"Holder {n}", "Holder", "1 High Street", "S70 2DR", "12.34"])
    begun = time.perf_counter()
    result = HolderResource().import_data(data, raise_errors=True)
    if result.totals["new"] != rows:
        raise SystemExit(f"import-export imported {result.totals}")
    return rows / (time.perf_counter() - begun)


def _beside(actor, options: argparse.Namespace) -> None:
    """Single receipts, idle and while another file posts."""
    from django.db import connection

    from ims.imports import services

    batch = services.receive(
        actor=actor, stream=io.BytesIO(make_file(options, seed=2)), name="second.csv", profile="benchmark"
    )
    services.check(actor=actor, batch_id=batch.pk)
    idle = _singles(actor, "idle", lambda: False, 200)
    done = threading.Event()

    def post() -> None:
        try:
            services.post(actor=actor, batch_id=batch.pk)
        finally:
            done.set()
            connection.close()

    poster = threading.Thread(target=post)
    poster.start()
    busy = _singles(actor, "busy", done.is_set, 100_000)
    poster.join()
    first, second = _p95(idle), _p95(busy)
    print(f"single receipt p95: idle {first * 1000:.1f} ms, while a file posts {second * 1000:.1f} ms ({len(busy)} "
          f"posted): ratio {second / first:.2f} (limit 2)")  # fmt: skip


def _singles(actor, prefix: str, stop, most: int) -> list[float]:
    from ims.common import clock
    from ims.ledger.services import Line, post_receipts

    taken = []
    for n in range(most):
        if stop():
            break
        line = Line(fund="23", amount=Decimal("10.00"), method_of_payment="90", account_reference="700123452",
                    office="WP", received_on=clock.today())  # fmt: skip
        begun = time.perf_counter()
        post_receipts(actor=actor, lines=[line], source_kind="benchmark", source_key=f"{prefix}{n}")
        taken.append(time.perf_counter() - begun)
        time.sleep(0.01)
    return taken


def _p95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]


if __name__ == "__main__":
    main()
