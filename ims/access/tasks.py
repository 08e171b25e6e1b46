"""Access that ends by itself: last days that have passed, and accounts nobody uses."""

from __future__ import annotations

import logging

from django.conf import settings

from ims.access import selectors
from ims.audit.actors import job
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import ImsError
from ims.jobs.queue import schedule
from ims.people import services as people
from ims.people.models import User

logger = logging.getLogger(__name__)


@schedule("access.close", "20 0 * * *", title="Close access that has ended or is not used")
def close_access() -> None:
    """Make people inactive whose last day has passed or who have not signed in for `IMS_DORMANT_DAYS`.

    Somebody whose last day has passed could do nothing since: this takes their roles away too. Whoever cannot be
    closed (the only administrator) is left, named in the audit trail, and the job fails so that somebody looks.
    """
    actor = job("access.close")
    ended = list(User.objects.filter(is_active=True, access_ends_on__lt=clock.today()))
    reasons = {person: f"The last day of access was {person.access_ends_on:%-d %b %Y}" for person in ended}
    for unused in selectors.unused_accounts(within_days=0):
        used = f"Not used since {unused.last_used_on:%-d %b %Y}: accounts close after {settings.DORMANT_DAYS} days"
        reasons.setdefault(unused.person, used)
    left = []
    for person, reason in reasons.items():
        try:
            people.deactivate(actor=actor, person=person, reason=reason)
        except ImsError as refusal:
            logger.warning("Access of %s was not closed: %s", person.username, refusal)
            record("access_not_closed", actor=actor, subject=person, reason=str(refusal))
            left.append(f"{person}: {refusal}")
    if left:
        raise ImsError("Some access should have been closed and was not. " + " ".join(left))
