"""Telling people, outside the request that caused it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage
from django.utils.timezone import localtime

from ims.common import clock
from ims.jobs.queue import schedule, task
from ims.jobs.running import Run
from ims.sign_in.events import TELL_BREAK_GLASS
from ims.sign_in.models import BreakGlassUse


@task(TELL_BREAK_GLASS, title="Tell that a break-glass account was used")
def tell_break_glass(run: Run, *, use: int) -> str:
    """Send the e-mail about one use to the addresses the council named."""
    if not settings.BREAK_GLASS_EMAILS:
        return "No address is named in IMS_BREAK_GLASS_EMAILS, so nobody was told by e-mail"
    if not settings.EMAIL_URL:
        return "E-mail is not configured (IMS_EMAIL_URL), so nobody was told by e-mail"
    used = BreakGlassUse.objects.select_related("person").get(pk=use)
    when = f"{localtime(used.used_at):%-d %b %Y at %H:%M}"
    EmailMessage(
        subject=f"{settings.COUNCIL_NAME} income: a break-glass account was used",
        body=(
            f"{used.person} ({used.person.username}) signed in on {when}"
            f"{f' from {used.address}' if used.address else ''}.\n\n"
            "A break-glass account is for the day nobody else can sign in. If you do not know of such a day, treat "
            "this as an incident now.\n\n"
            "Who looked into it says so in IMS, under Today; until then the alert stays.\n"
        ),
        to=settings.BREAK_GLASS_EMAILS,
    ).send()
    return f"Told {len(settings.BREAK_GLASS_EMAILS)} addresses"


@schedule("sign_in.tidy", "40 3 * * *", title="Forget sessions that ended")
def tidy() -> None:
    """Remove sessions nobody can use any more, so that their table stays small."""
    Session.objects.filter(expire_date__lt=clock.now()).delete()
