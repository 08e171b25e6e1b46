"""Is what was disposed of as its certificates say? Each check reads only; none repairs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta

from ims.audit.models import Event
from ims.common import clock
from ims.common.checks import Check
from ims.common.findings import Finding
from ims.records.models import Disposal
from ims.records.selectors import digest_of

UNDER_WAY_FOR = timedelta(days=7)

_CHECKS = (
    Check(
        "records.erased_entry_differs",
        "Entry {0}, whose text was disposed of under disposal {1}, is not as it was left: it has been altered since.",
        """SELECT e.id, x.disposal_id FROM records_erasure x JOIN ledger_entry e ON e.id = x.row_key::bigint
           WHERE x.table_name = 'ledger_entry' AND (x.before <> e.leaf OR x.after <> ims_entry_leaf(e))""",
    ),
    Check(
        "records.disposal_unapproved",
        "Disposal {0} was not approved by a second person.",
        """SELECT d.id FROM records_disposal d LEFT JOIN approvals_request r ON r.id = d.approval_id
           WHERE r.state IS DISTINCT FROM 'approved' OR r.decided_by_id = r.requested_by_id""",
    ),
)


def verify() -> Iterator[Finding]:
    """Run every check of this room and yield what is found."""
    for check in _CHECKS:
        yield from check.run()
    for disposal in Disposal.objects.all():
        yield from _certified(disposal) if disposal.state == Disposal.State.DONE else _under_way(disposal)


def _under_way(disposal: Disposal) -> Iterator[Finding]:
    """What is erased counts as erased before there is a certificate: that must not last, nor come back."""
    if not disposal.erasures.exists():
        return
    events = Event.objects.filter(subject_type="records.disposal", subject_id=str(disposal.pk))
    if events.filter(verb="disposal_done").exists():
        message = f"{disposal} was done and has its certificate, but says that it is under way: it was opened again."
        yield _finding("disposal_opened_again", message, disposal)
        return
    approved = events.filter(verb="disposal_approved").first()
    if approved is None:
        message = f"The audit trail does not know {disposal}, under which rows count as erased."
        yield _finding("disposal_unknown", message, disposal)
    elif approved.occurred_at < clock.now() - UNDER_WAY_FOR:
        message = (
            f"{disposal}, approved on {approved.occurred_at:%-d %b %Y}, is still under way: until it is done, nothing "
            "certifies what it erased. Is a worker running?"
        )
        yield Finding("records.disposal_unfinished", "warning", message, str(disposal))


def _certified(disposal: Disposal) -> Iterator[Finding]:
    """The certificate against its hash, against what was erased, and against the sealed audit trail."""
    if hashlib.sha256(disposal.certificate.encode()).hexdigest() != disposal.sha256:
        yield _finding("certificate_altered", f"The certificate of {disposal} has been altered.", disposal)
        return
    said = json.loads(disposal.certificate)
    if digest_of(disposal) != (said["rows_erased"], said["rows_sha256"]):
        message = f"What was erased under {disposal} is not what its certificate says: rows were added or removed."
        yield _finding("erasures_differ", message, disposal)
    events = Event.objects.filter(
        verb="disposal_done", subject_type="records.disposal", subject_id=str(disposal.pk)
    ).values_list("data__certificate_sha256", flat=True)
    if disposal.sha256 not in events:
        message = f"The audit trail does not have the certificate of {disposal}: one of them was altered."
        yield _finding("certificate_unknown", message, disposal)


def _finding(name: str, message: str, disposal: Disposal) -> Finding:
    return Finding(f"records.{name}", "error", message, str(disposal))
