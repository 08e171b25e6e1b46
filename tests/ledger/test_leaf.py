"""The hash of an entry: computed by the database, the same however it is asked, different for any difference."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal

from django.db import connection

from ims.audit.actors import command
from ims.ledger import services
from ims.ledger.lines import Line
from ims.ledger.models import Entry


def canonical(entry: Entry) -> str:
    """The text as the documentation gives it, written here independently of the database."""
    epoch = date(2000, 1, 1)
    parts = [
        "entry1",
        entry.pk,
        entry.posting_id,
        entry.line,
        entry.fund_id,
        entry.method_of_payment_id,
        entry.office_id,
        entry.amount,
        entry.vat_code_id,
        entry.vat_rate,
        entry.vat_amount,
        (entry.received_on - epoch).days,
        (entry.accounting_date - epoch).days,
        int(entry.posted_at.timestamp()) * 1_000_000 + entry.posted_at.microsecond,
        entry.corrects_id or 0,
        entry.source_line or 0,
    ]
    for text in (entry.account_reference, entry.narrative, entry.payer_name, entry.source_reference):
        parts += [len(text.encode()), text]
    return "|".join(str(part) for part in parts)


def test_the_leaf_is_the_hash_of_the_documented_text_whatever_the_session(world):
    posting = services.post_receipts(
        actor=command("test"),
        lines=[
            Line(
                fund="31",
                amount=Decimal("-60.00"),
                method_of_payment="28",
                account_reference="BC/1",
                narrative="Café | 3:abc",
                payer_name="Zoë",
                received_on=date(2026, 3, 29),
            )
        ],
        source_kind="test",
        source_key="leaf",
    ).posting
    entry = posting.entries.get()
    expected = hashlib.sha256(canonical(entry).encode()).digest()
    assert bytes(entry.leaf) == expected
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL datestyle = 'German'; SET LOCAL timezone = 'Asia/Tokyo'")
        cursor.execute("SELECT ims_entry_leaf(e) FROM ledger_entry e WHERE id = %s", [entry.pk])
        assert bytes(cursor.fetchone()[0]) == expected
