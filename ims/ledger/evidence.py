"""The ledger as a file that anybody can check without this software.

One JSON object a line: first the heading, then every seal in order, each followed by the postings it covers, each
followed by its entries. `offline_verifier.py`, which needs nothing but Python, reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TextIO

from django.db import connection

from ims.audit.actors import Actor, authorise
from ims.audit.services import record
from ims.common.errors import NotAllowed

FORMAT = "ims-ledger-1"
PAGE = 20_000

_SEALS = """
SELECT id, posting_count, entry_count, total::numeric(18, 2)::text, last_posting_id,
       (extract(epoch FROM sealed_at) * 1000000)::bigint, encode(digest, 'hex'), encode(previous, 'hex'),
       encode(hash, 'hex')
FROM ledger_seal ORDER BY id
"""
_SEAL_FIELDS = (
    "id",
    "posting_count",
    "entry_count",
    "total",
    "last_posting_id",
    "sealed_at",
    "digest",
    "previous",
    "hash",
)
_POSTINGS = """
SELECT p.id, p.kind, p.series, p.number, coalesce(p.reverses_id, 0), p.entry_count, p.total::text,
       (extract(epoch FROM p.posted_at) * 1000000)::bigint, p.source_kind, p.source_key, p.reason,
       p.actor_kind, p.actor_id, p.actor_name, encode(s.digest, 'hex')
FROM ledger_sealedposting s JOIN ledger_posting p ON p.id = s.posting_id
WHERE s.seal_id = %s ORDER BY p.id
"""
_POSTING_FIELDS = (
    "id",
    "kind",
    "series",
    "number",
    "reverses",
    "entry_count",
    "total",
    "posted_at",
    "source_kind",
    "source_key",
    "reason",
    "actor_kind",
    "actor_id",
    "actor_name",
    "digest",
)
_ENTRIES = """
SELECT id, posting_id, line, fund_id, method_of_payment_id, office_id, amount::text, vat_code_id, vat_rate::text,
       vat_amount::text, received_on - date '2000-01-01', accounting_date - date '2000-01-01',
       (extract(epoch FROM posted_at) * 1000000)::bigint, coalesce(corrects_id, 0), coalesce(source_line, 0),
       account_reference, narrative, payer_name, source_reference, encode(leaf, 'hex')
FROM ledger_entry WHERE posting_id = %s AND line > %s ORDER BY line LIMIT %s
"""
_ENTRY_FIELDS = (
    "id",
    "posting",
    "line",
    "fund",
    "method_of_payment",
    "office",
    "amount",
    "vat_code",
    "vat_rate",
    "vat_amount",
    "received_on",
    "accounting_date",
    "posted_at",
    "corrects",
    "source_line",
    "account_reference",
    "narrative",
    "payer_name",
    "source_reference",
    "leaf",
)


def export_evidence(out: TextIO, *, actor: Actor, council: str) -> int:
    """Write every seal, the postings it covers and their entries to `out`; return the number of entries.

    Days are counted from 1 Jan 2000 and moments in microseconds since 1 Jan 1970 UTC, as the hashes have them. Memory
    does not grow with the ledger. The file holds names and references: treat it as the ledger itself.
    """
    authorise(actor, "ledger.view_entry", what="export the ledger as evidence")
    if actor.funds is not None:
        raise NotAllowed("Evidence holds every fund, and you see only some. Ask somebody who sees all of them.")
    _write(out, {"format": FORMAT, "council": council})
    entries = 0
    for seal in _rows(_SEALS, [], _SEAL_FIELDS):
        _write(out, {"seal": seal})
        for posting in _rows(_POSTINGS, [seal["id"]], _POSTING_FIELDS):
            _write(out, {"posting": posting})
            for entry in _entries(posting["id"]):
                _write(out, {"entry": entry})
                entries += 1
    record("ledger_evidence_exported", actor=actor, data={"entries": entries})
    return entries


def _entries(posting_id: int) -> Iterator[dict]:
    line = 0
    while True:
        page = _rows(_ENTRIES, [posting_id, line, PAGE], _ENTRY_FIELDS)
        yield from page
        if len(page) < PAGE:
            return
        line = page[-1]["line"]


def _rows(query: str, parameters: list, fields: tuple[str, ...]) -> list[dict]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [dict(zip(fields, row, strict=True)) for row in cursor.fetchall()]


def _write(out: TextIO, value: dict) -> None:
    out.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
