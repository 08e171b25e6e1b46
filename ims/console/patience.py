"""Searches that end in good time, whatever is asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from ims.common.errors import InvalidInput


@contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    """Give every statement inside the block `seconds`. Raises `InvalidInput` when one takes longer."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {int(seconds) * 1000}")
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise InvalidInput(
                f"This search took longer than {seconds} seconds and was stopped. "
                "Narrow it: add a fund and a span of dates, or more of the account reference."
            ) from error
        raise
