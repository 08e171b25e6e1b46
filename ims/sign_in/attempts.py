"""Counting failed attempts at an account, and locking it. The audit trail is the count: nothing else is kept.

An account is locked while it has had `LOCKOUT_FAILURES` failures within the last `LOCKOUT_MINUTES`, since its person
last came in or somebody unlocked it. So a lock ends by itself, and can be ended by a colleague.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

from django.conf import settings

from ims.audit.actors import Actor
from ims.audit.models import Event
from ims.audit.services import record
from ims.common import clock
from ims.people.models import User

FAILED = ("sign_in_failed", "second_factor_failed")
_CLEARED = ("signed_in", "sign_in_unlocked", "one_time_link_used")

LOCKED = "There were too many failed attempts. Wait {minutes} minutes, or ask your service desk to unlock the account."


def somebody(address: str) -> Actor:
    """Whoever is at the sign-in page and has not proved who they are."""
    return Actor(kind="system", identifier="sign-in", name="Sign-in page", address=address)


def sentence() -> str:
    """What a locked account's person is told; the same for a name nobody has."""
    return LOCKED.format(minutes=settings.LOCKOUT_MINUTES)


def is_locked(person: User) -> bool:
    """Whether attempts at this account are refused just now."""
    return _failures(person) >= settings.LOCKOUT_FAILURES


def failed(person: User, verb: str, *, address: str, **data: object) -> None:
    """Record a failed attempt, and the lock when it was the last one allowed.

    Call it with the person's row locked, so that attempts at the same moment are counted one after the other.
    """
    actor = somebody(address)
    record(verb, actor=actor, subject=person, data=data)
    if _failures(person) == settings.LOCKOUT_FAILURES:
        record("sign_in_locked", actor=actor, subject=person, data={"minutes": settings.LOCKOUT_MINUTES})


def failed_unknown(username: str, *, address: str) -> None:
    """Record an attempt with a name nobody has. The name may be a password typed into the wrong box: only a keyed
    digest is kept, which shows the same name coming again and nothing else."""
    digest = hmac.new(settings.SECRET_KEY.encode(), username.strip().lower().encode(), hashlib.sha256)
    record("sign_in_failed", actor=somebody(address), data={"unknown_name": digest.hexdigest()[:16]})


def _failures(person: User) -> int:
    about = Event.objects.filter(subject_type=User._meta.label_lower, subject_id=str(person.pk))
    since = about.filter(verb__in=_CLEARED).order_by("-pk").values_list("pk", flat=True).first() or 0
    began = clock.now() - timedelta(minutes=settings.LOCKOUT_MINUTES)
    return about.filter(verb__in=FAILED, pk__gt=since, occurred_at__gt=began).count()
