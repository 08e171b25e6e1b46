"""A row of a file belongs to an import that exists and stays, whoever writes."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from ims.imports import services
from ims.imports.models import ImportBatch, ImportRow
from tests.imports.files import checked, line


def refused(statement: str, *values: object) -> None:
    with (
        pytest.raises(IntegrityError, match=r"names an import|stays with its import|has rows|violates foreign key"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


COPY = """
  INSERT INTO imports_importrow (batch_id, posting_id, line, outcome, reason_code, reason, field, kind, currency,
    file_fund, file_reference, fund, account_reference, method_of_payment, office, vat_code, posting_fund, narrative,
    payer_name, source_reference, type_code, end_to_end, account, raw, occurrence)
  SELECT %s, %s, line + 1000, outcome, reason_code, reason, field, kind, currency, file_fund, file_reference, fund,
    account_reference, method_of_payment, office, vat_code, posting_fund, narrative, payer_name, source_reference,
    type_code, end_to_end, account, raw, occurrence FROM imports_importrow WHERE id = %s
"""


def test_rows_name_an_import_and_a_posting_that_exist(profile, actor):
    batch = checked(actor, [line()])
    row = ImportRow.objects.get(batch=batch)
    refused(COPY, 987_654_321, None, row.pk)
    refused(COPY, batch.pk, 987_654_321, row.pk)
    refused("UPDATE imports_importrow SET batch_id = 987654321 WHERE id = %s", row.pk)
    refused("UPDATE imports_importrow SET posting_id = 987654321 WHERE id = %s", row.pk)
    with connection.cursor() as cursor:
        cursor.execute(COPY, [batch.pk, None, row.pk])


def test_an_import_with_rows_is_not_removed(profile, actor):
    batch = checked(actor, [line()])
    refused("DELETE FROM imports_importbatch WHERE id = %s", batch.pk)
    refused("UPDATE imports_importbatch SET id = id + 1000 WHERE id = %s", batch.pk)
    services.abandon(actor=actor, batch_id=batch.pk, reason="Wrong file")
    assert ImportBatch.objects.filter(pk=batch.pk).exists()
