"""Following payments in the background: what was notified, what is due, and what nobody told us of."""

from __future__ import annotations

from ims.jobs.queue import schedule, task
from ims.jobs.running import Run
from ims.payments import dealings, following, reading, refunding
from ims.payments.actors import CARD_DESK
from ims.payments.services import links, settlement
from ims.payments.services.notifications import READ_AGAIN
from ims.payments.services.refunds import SEND


@task(READ_AGAIN, title="Read a card payment again")
def read_again(run: Run, *, attempt: int) -> str:
    """A notification came: see how the payment stands."""
    return str(dealings.refresh(actor=CARD_DESK, attempt_id=attempt, heard_by="notification").get_state_display())


@task(SEND, title="Send a refund to the provider")
def send(run: Run, *, refund: int) -> str:
    """Send a refund that may be sent; what is not answered is looked at again later."""
    return str(refunding.send_refund(actor=CARD_DESK, refund_id=refund).get_state_display())


@schedule("payments.follow", "* * * * *", title="Follow card payments")
def follow() -> None:
    """Finish what nobody came back for: payments whose payer closed the browser, refunds on their way."""
    following.read_again_what_is_due(most=250)


@schedule("payments.expire", "*/5 * * * *", title="Close baskets and payment links that have expired")
def expire() -> None:
    """Nobody can pay what has expired, so nobody need look at it."""
    links.expire(actor=CARD_DESK)


@schedule("payments.compare", "7 * * * *", title="Compare card payments with the provider")
def compare() -> None:
    """Find what was paid, refunded, disputed or paid out without IMS; match payouts with the bank."""
    reading.compare_all(actor=CARD_DESK)
    settlement.match_payouts(actor=CARD_DESK)
