"""Closing a period while something is on its way into it."""

from __future__ import annotations

import pytest
from django.db import connection

from ims.audit.actors import command
from ims.jobs.own_connection import own_connection
from ims.ledger import services
from ims.ledger.errors import LedgerRefusal
from ims.ledger.models import AccountingPeriod


def test_who_closes_a_period_into_which_a_large_file_is_posted_is_asked_to_wait(world_committed):
    period = AccountingPeriod.objects.first()
    with own_connection() as other, other.transaction():
        # What every posting does while it is on its way.
        other.execute("SELECT 1 FROM ledger_accountingperiod WHERE id = %s FOR SHARE", [period.pk])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(LedgerRefusal, match="being posted into that period just now"):
            services.close_period(actor=command("test"), period_id=period.pk, reason="Month end")
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")
    assert not services.close_period(actor=command("test"), period_id=period.pk, reason="Month end").is_open
