"""Is what was disposed of as its certificates say? Each check reads only; none repairs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from ims.audit.models import Event
from ims.common.checks import Check
from ims.common.findings import Finding
from ims.records.models import Disposal
from ims.records.selectors import digest_of

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
    for disposal in Disposal.objects.filter(state=Disposal.State.DONE):
        yield from _certified(disposal)


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
