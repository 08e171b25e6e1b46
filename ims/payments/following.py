"""The poller: whatever is due is looked at again, payments and refunds alike. Nothing imports it but the jobs."""

from __future__ import annotations

import logging
import time

from ims.payments.actors import CARD_DESK
from ims.payments.dealings import refresh
from ims.payments.refunding import refresh_refund
from ims.payments.services import watching

logger = logging.getLogger(__name__)


def read_again_what_is_due(*, most: int = 100, per_second: float = 5.0) -> int:
    """Look at every payment and refund whose time has come, gently; the number looked at."""
    looked = 0
    while looked < most:
        claimed = watching.claim(actor=CARD_DESK, most=min(10, most - looked))
        if not claimed:
            break
        for kind, subject in claimed:
            begun = time.monotonic()
            try:
                if kind == "attempt":
                    refresh(actor=CARD_DESK, attempt_id=subject, heard_by="poll")
                else:
                    refresh_refund(actor=CARD_DESK, refund_id=subject)
            except Exception:
                # One that cannot be read must not keep the others from being read; its own next look is set already.
                logger.exception("Looking at %s %s failed.", kind, subject)
            looked += 1
            time.sleep(max(0.0, 1 / per_second - (time.monotonic() - begun)))
    return looked
