"""Sending in the background."""

from __future__ import annotations

from ims.correspondence.actors import POST_ROOM
from ims.correspondence.services import sending
from ims.correspondence.services.writing import SEND
from ims.jobs.queue import schedule, task
from ims.jobs.running import Run


@task(SEND, title="Send a message to a payer")
def send(run: Run, *, message: int) -> str:
    """Send one message; a second run finds it sent."""
    sent = sending.send(actor=POST_ROOM, message_id=message)
    return sent.get_state_display() if sent else "Nothing was left to do"


@schedule("correspondence.follow", "* * * * *", title="Send messages that wait, and ask what became of others")
def follow() -> None:
    """Try again what could not be sent, and ask after what was."""
    sending.send_due(actor=POST_ROOM)
