"""The ledger's own scheduled work."""

from __future__ import annotations

from ims.jobs.queue import schedule
from ims.ledger.seals import seal_pending


@schedule("ledger.seal", "*/5 * * * *", title="Seal new postings")
def seal() -> None:
    """Seal what was posted since the last seal."""
    seal_pending()
