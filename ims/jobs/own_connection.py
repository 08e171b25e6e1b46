"""A connection apart from Django's: what is written over it is seen at once, whatever transaction is under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from procrastinate.contrib.django.utils import connector_params


@contextmanager
def own_connection() -> Iterator[psycopg.Connection]:
    """A connection of its own to the default database, every statement its own transaction."""
    with psycopg.connect(**connector_params(), autocommit=True) as connection:
        yield connection
