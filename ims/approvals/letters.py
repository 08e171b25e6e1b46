"""E-mails about requests. Sent by a job, after the request is committed; without an e-mail server, none are."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from ims.approvals import kinds, selectors
from ims.approvals.models import Request
from ims.common.money import format_pounds


def tell(request_id: int) -> str:
    """Write to everybody who may decide the request, each a letter of their own; say what was done.

    The letter names the kind, the amount and who asks, and nothing of whom the money is about.
    """
    if not settings.EMAIL_URL:
        return "No e-mail server is set up: nothing was sent"
    asked = Request.objects.get(pk=request_id)
    if not asked.is_waiting:
        return "It was decided already: nothing was sent"
    addresses = [each.email for each in selectors.deciders(asked) if each.email]
    letters = [EmailMessage(_subject(asked), _text(asked), to=[address]) for address in addresses]
    with get_connection() as server:
        server.send_messages(letters)
    return f"{len(letters)} of those who may approve it were written to"


def _subject(asked: Request) -> str:
    amount = f" of {format_pounds(asked.amount)}" if asked.amount is not None else ""
    return f"{kinds.label_of(asked.kind)}{amount} waits for approval (request {asked.pk})"


def _text(asked: Request) -> str:
    where = f"{settings.ADDRESS}/approvals/{asked.pk}/" if settings.ADDRESS else "IMS, under Approvals"
    return (
        f"{asked.requested_by_name} asks for an approval that you may give.\n\n"
        f"{_subject(asked)}\n"
        f"It can be decided until {asked.expires_on:%-d %b %Y}.\n\n"
        f"Look at it here: {where}\n"
    )
