"""A journal at size: a day of 50,000 receipts, added up and in full detail.

    IMS_TEST_POSTGRES=/tmp/ims-benchmark .venv/bin/python tests/benchmarks/exports.py [ENTRIES]

Makes its own database `ims_benchmark_exports` on the test server. Printed: seconds, as a ratio of the bar (two minutes
for a day of 50,000) and of posting the same receipts in the same run.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from datetime import date

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ims.settings.test")
sys.path.insert(0, os.getcwd())

import django
from django.conf import settings

django.setup()

from django.core.management import call_command
from django.db import connection
from psycopg import sql

from ims.audit.actors import command
from ims.exports import selectors, services
from ims.exports.models import ExportBatch, ExportProfile
from ims.exports.seed import seed_profiles
from ims.ledger import services as ledger
from ims.reporting.selectors import proof
from ims.settings import embedded_postgres
from tests.support import world

ACTOR = command("benchmark")
BAR_SECONDS = 120.0
DAY = date(2026, 11, 19)

RECEIPTS = sql.SQL(
    """
    SELECT n AS line, (ARRAY['23','5','11','13','31'])[1 + n %% 5] AS fund_id,
           lpad(n::text, 9, '0') AS account_reference,
           (ARRAY['28','90','1'])[1 + n %% 3] AS method_of_payment_id, '99' AS office_id,
           ((hashint4(n) & 65535)::numeric + 1) / 100 AS amount,
           (ARRAY['N0','N0','N0','W0','W0'])[1 + n %% 5] AS vat_code_id,
           (ARRAY[0, 0, 0, 0.2, 0.2])[1 + n %% 5]::numeric(6,4) AS vat_rate, 'PAYMENT ' || n AS narrative,
           '' AS payer_name, '' AS source_reference, n AS source_line, %(day)s::date AS received_on,
           %(day)s::date AS accounting_date
    FROM generate_series(1, %(count)s) AS n
    """
)


def main() -> None:
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    prepare_database()
    world.build()
    summary = seed_profiles(ACTOR)[0]
    detail = ExportProfile.objects.get(name="Fixed width with control totals")
    ExportProfile.objects.filter(pk=detail.pk).update(is_active=True, is_detail=True)
    detail.refresh_from_db()

    parameters = {"day": DAY, "count": entries}
    posting = timed(lambda: ledger.post_set(
        actor=ACTOR, select=RECEIPTS, parameters=parameters, source_kind="benchmark", source_key="1"
    ))  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    planned = timed(lambda: selectors.plan(ACTOR, summary, DAY, DAY))
    print(f"posting          {posting:6.1f} s for {entries:,} receipts")
    print(f"plan             {planned:6.1f} s")
    for name, profile in (("added up", summary), ("full detail", detail)):
        built = timed(lambda profile=profile: services.build(actor=ACTOR, profile=profile, first=DAY, key=profile.name))
        batch = ExportBatch.objects.get(profile=profile)
        print(
            f"{name:16} {built:6.1f} s = {built / BAR_SECONDS:.2f} of the bar, {built / posting:.2f} of posting; "
            f"{batch.line_count:,} lines, {len(bytes(batch.content)) / 1e6:.1f} MB"
        )
    print(f"proof            {timed(lambda: proof(ACTOR, DAY)):6.1f} s")
    print(f"peak memory      {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:6.0f} MB")


def timed(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def prepare_database() -> None:
    name = "ims_benchmark_exports"
    embedded_postgres.create_database(settings.DATABASES["default"]["HOST"], name)
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    call_command("migrate", verbosity=0)


if __name__ == "__main__":
    main()
