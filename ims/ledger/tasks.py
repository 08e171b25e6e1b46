"""The ledger's own scheduled work."""

from __future__ import annotations

from ims.audit.seals import seal_events
from ims.jobs.queue import schedule
from ims.ledger.seals import seal_pending


@schedule("ledger.seal", "*/5 * * * *", title="Seal new postings and audit events")
def seal() -> None:
    """Seal what was posted, and then what was recorded, since the last seals."""
    seal_pending()
    seal_events()
