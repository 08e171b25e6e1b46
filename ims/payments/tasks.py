"""Following payments in the background: what was notified, what is due, and what nobody told us of."""

from __future__ import annotations

from ims.jobs.queue import schedule, task
from ims.jobs.running import Run
from ims.payments import dealings
from ims.payments.actors import CARD_DESK
from ims.payments.services.notifications import READ_AGAIN


@task(READ_AGAIN, title="Read a card payment again")
def read_again(run: Run, *, attempt: int) -> str:
    """A notification came: see how the payment stands."""
    return str(dealings.refresh(actor=CARD_DESK, attempt_id=attempt, heard_by="notification").get_state_display())


@schedule("payments.follow", "* * * * *", title="Follow card payments")
def follow() -> None:
    """Finish what nobody came back for: payments whose payer closed the browser, refunds on their way."""
    dealings.read_again_what_is_due(most=250)
