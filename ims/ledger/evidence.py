"""The ledger, and the audit trail, as files that anybody can check without this software.

One JSON object a line: first the heading, then every seal in order, each followed by what it covers: postings with
their entries, or audit events. Where entries lost text about people, the certificates of their disposals follow at the
end, each with the rows it is about. `offline_verifier.py`, which needs nothing but Python, reads both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain, groupby
from typing import Any, TextIO

from django.db import connection

from ims.audit import personal
from ims.audit.actors import Actor, authorise
from ims.audit.scope import require_whole
from ims.audit.services import record
from ims.ledger.models import Entry

FORMAT = "ims-ledger-1"
EVENTS_FORMAT = "ims-events-1"
PAGE = 20_000
"""Rows read at a time."""

_SEALS = """
SELECT id, posting_count, entry_count, total::numeric(18, 2)::text, last_posting_id,
       (extract(epoch FROM sealed_at) * 1000000)::bigint, encode(digest, 'hex'), encode(previous, 'hex'),
       encode(hash, 'hex')
FROM ledger_seal
WHERE id > %(after)s AND (%(since)s::timestamptz IS NULL OR sealed_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR sealed_at < %(until)s)
ORDER BY id LIMIT %(page)s
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
       p.actor_kind, p.actor_id, p.actor_name, p.approval_id, encode(s.digest, 'hex')
FROM ledger_sealedposting s JOIN ledger_posting p ON p.id = s.posting_id
WHERE s.seal_id = %(seal)s AND p.id > %(after)s ORDER BY p.id LIMIT %(page)s
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
    "approval",
    "digest",
)
_ENTRIES = """
SELECT id, posting_id, line, fund_id, method_of_payment_id, office_id, amount::text, vat_code_id, vat_rate::text,
       vat_amount::text, received_on - date '2000-01-01', accounting_date - date '2000-01-01',
       (extract(epoch FROM posted_at) * 1000000)::bigint, coalesce(corrects_id, 0), coalesce(source_line, 0),
       account_reference, narrative, payer_name, source_reference, encode(leaf, 'hex'),
       encode(ims_erased_leaf(id, leaf), 'hex')
FROM ledger_entry WHERE posting_id = ANY(%(postings)s) AND (posting_id, line) > (%(posting)s, %(line)s)
ORDER BY posting_id, line LIMIT %(page)s
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
    "erased",
)


_EVENT_SEALS = """
SELECT id, event_count, last_event_id, (extract(epoch FROM sealed_at) * 1000000)::bigint, encode(digest, 'hex'),
       encode(previous, 'hex'), encode(hash, 'hex')
FROM audit_eventseal
WHERE id > %(after)s AND (%(since)s::timestamptz IS NULL OR sealed_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR sealed_at < %(until)s)
ORDER BY id LIMIT %(page)s
"""
_EVENT_SEAL_FIELDS = ("id", "event_count", "last_event_id", "sealed_at", "digest", "previous", "hash")
_EVENTS = """
SELECT e.id, (extract(epoch FROM e.occurred_at) * 1000000)::bigint, e.verb, e.actor_kind, e.actor_id, e.actor_name,
       e.address, e.subject_type, e.subject_id, e.subject_label, e.reason, e.data::text, encode(s.digest, 'hex')
FROM audit_sealedevent s JOIN audit_event e ON e.id = s.event_id
WHERE s.seal_id = %(seal)s AND e.id > %(after)s ORDER BY e.id LIMIT %(page)s
"""
_EVENT_FIELDS = (
    "id",
    "occurred_at",
    "verb",
    "actor_kind",
    "actor_id",
    "actor_name",
    "address",
    "subject_type",
    "subject_id",
    "subject_label",
    "reason",
    "data",
    "digest",
)

Report = Callable[[int, str], None]
Disposals = Callable[[], Iterator[dict]]
_disposals: list[Disposals] = []


def register_disposals(read: Disposals) -> None:
    """Have `read` yield what proves entries whose text was disposed of: each certificate, and the rows under it.

    Records like ``{"disposal": {"id", "certificate"}}``, each followed by the rows under it, like ``{"erasure": {"row",
    "before", "after"}}``.
    """
    _disposals[:] = [read]


def export_evidence(
    out: TextIO,
    *,
    actor: Actor,
    council: str,
    since: datetime | None = None,
    until: datetime | None = None,
    report: Report = lambda done, message: None,
) -> int:
    """Write seals, the postings they cover and their entries to `out`; return the number of entries.

    `since` and `until` (excluded) bound the moment of sealing; without them, every seal. Days are counted from
    1 Jan 2000 and moments in microseconds since 1 Jan 1970 UTC, as the hashes have them. Memory does not grow with the
    ledger. The file holds names and references: treat it as the ledger itself. Taking it stays on record.
    """
    personal.require(actor, Entry, "export the ledger as evidence")
    _authorise(actor, "ledger.view_entry", "export the ledger as evidence")
    entries = 0
    is_whole = True
    for seal in _seals(out, FORMAT, council, _SEALS, _SEAL_FIELDS, since, until):
        for batch in _batches(_pages(_POSTINGS, _POSTING_FIELDS, seal=seal["id"])):
            lines = groupby(_entries([posting["id"] for posting in batch]), lambda entry: entry["posting"])
            found = next(lines, None)
            for posting in batch:
                _write(out, {"posting": posting})
                if found and found[0] == posting["id"]:
                    for entry in found[1]:
                        if entry["erased"] is None:
                            del entry["erased"]
                        else:
                            is_whole = False
                        _write(out, {"entry": entry})
                        entries += 1
                    found = next(lines, None)
            report(entries, f"{entries:,} entries of the ledger written")
    for each in () if is_whole else chain.from_iterable(read() for read in _disposals):
        _write(out, each)
    record("ledger_evidence_exported", actor=actor, data={"entries": entries})
    return entries


def export_event_evidence(
    out: TextIO, *, actor: Actor, council: str, since: datetime | None = None, until: datetime | None = None
) -> int:
    """Write the seals of the audit trail and the events they cover to `out`; return the number of events."""
    _authorise(actor, "audit.view_event", "export the audit trail as evidence")
    events = 0
    for seal in _seals(out, EVENTS_FORMAT, council, _EVENT_SEALS, _EVENT_SEAL_FIELDS, since, until):
        for event in _pages(_EVENTS, _EVENT_FIELDS, seal=seal["id"]):
            _write(out, {"event": event})
            events += 1
    record("audit_evidence_exported", actor=actor, data={"events": events})
    return events


def _authorise(actor: Actor, permission: str, what: str) -> None:
    authorise(actor, permission, what=what)
    require_whole(actor, "Evidence")


def _seals(
    out: TextIO,
    form: str,
    council: str,
    query: str,
    fields: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
) -> Iterator[dict]:
    """Write the heading and each seal; yield the seal, so that what it covers is written after it.

    The heading says which seal came before the first (its hash): where the chain of the file hangs on.
    """
    heading = {"format": form, "council": council, "after": ""}
    for seal in _pages(query, fields, since=since, until=until):
        if heading:
            _write(out, {**heading, "after": seal["previous"]})
            heading = {}
        _write(out, {"seal": seal})
        yield seal
    if heading:
        _write(out, heading)


def _batches(postings: Iterator[dict]) -> Iterator[list[dict]]:
    """Postings together, as many as have about a page of entries."""
    batch: list[dict] = []
    entries = 0
    for posting in postings:
        batch.append(posting)
        entries += posting["entry_count"]
        if entries >= PAGE:
            yield batch
            batch, entries = [], 0
    if batch:
        yield batch


def _entries(postings: list[int]) -> Iterator[dict]:
    posting, line = 0, 0
    while True:
        values = {"postings": postings, "posting": posting, "line": line, "page": PAGE}
        page = _rows(_ENTRIES, values, _ENTRY_FIELDS)
        yield from page
        if len(page) < PAGE:
            return
        posting, line = page[-1]["posting"], page[-1]["line"]


def _pages(query: str, fields: tuple[str, ...], **values: Any) -> Iterator[dict]:
    """The rows of `query`, a page at a time, in the order of their ids."""
    after = 0
    while True:
        page = _rows(query, {**values, "after": after, "page": PAGE}, fields)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]["id"]


def _rows(query: str, parameters: dict, fields: tuple[str, ...]) -> list[dict]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [dict(zip(fields, row, strict=True)) for row in cursor.fetchall()]


def _write(out: TextIO, value: dict) -> None:
    out.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
