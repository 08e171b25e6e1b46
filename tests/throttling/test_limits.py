"""Counting callers: the same for every process, exact under pressure, and without keeping who they are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections

from ims.common import clock
from ims.throttling.limits import Limit, seconds_exhausted, seconds_to_wait
from ims.throttling.models import Window
from ims.throttling.tasks import tidy

THREE = Limit("test.three", most=3, seconds=3600)


@pytest.mark.django_db
def test_up_to_the_limit_and_no_further():
    assert [seconds_to_wait(THREE, "10.0.0.1") for _ in range(3)] == [0, 0, 0]
    assert 0 < seconds_to_wait(THREE, "10.0.0.1") <= 3600
    assert seconds_to_wait(THREE, "10.0.0.2") == 0, "another caller has a count of their own"
    assert seconds_to_wait(Limit("test.other", 3, 3600), "10.0.0.1") == 0, "and so has another limit"


@pytest.mark.django_db
def test_looking_counts_nothing():
    assert seconds_exhausted(THREE, "a") == 0
    for _ in range(3):
        assert seconds_exhausted(THREE, "a") == 0
        seconds_to_wait(THREE, "a")
    assert seconds_exhausted(THREE, "a") > 0


@pytest.mark.django_db
def test_nobodys_address_is_kept():
    seconds_to_wait(THREE, "203.0.113.77")
    assert "203.0.113.77" not in Window.objects.get().key


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_counted_one_by_one():
    many = Limit("test.many", most=50, seconds=3600)

    def hit(_: int) -> int:
        try:
            return seconds_to_wait(many, "caller")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(hit, range(80)))
    assert sum(wait == 0 for wait in waits) == 50


@pytest.mark.django_db
def test_old_counts_are_forgotten():
    seconds_to_wait(THREE, "a")
    Window.objects.update(starts_at=clock.now() - timedelta(days=3))
    seconds_to_wait(THREE, "b")
    tidy()
    assert Window.objects.count() == 1


@pytest.mark.django_db
def test_the_table_is_unlogged():
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'throttling_window'")
        assert cursor.fetchone()[0] == "u"
