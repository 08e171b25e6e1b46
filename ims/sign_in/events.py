"""Recording what happens at the door. allauth and Django tell; the audit trail keeps."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.signals import authentication_step_completed, user_logged_in
from allauth.mfa import signals as factors
from allauth.mfa.models import Authenticator
from django.contrib.auth import signals as django_signals
from django.db import transaction
from django.http import HttpRequest

from ims.audit.services import record
from ims.common import clock
from ims.jobs.queue import enqueue
from ims.people.middleware import address_of
from ims.people.models import User
from ims.people.selectors import actor_for
from ims.sign_in import attempts
from ims.sign_in.models import BreakGlassAccount, BreakGlassUse
from ims.sign_in.recent import BEGAN, SEEN, confirmed_now

logger = logging.getLogger(__name__)

TELL_BREAK_GLASS = "sign_in.tell_break_glass"


def connect() -> None:
    """Listen (called once, when the application starts)."""
    for signal, listener in (
        (django_signals.user_logged_in, _session_began),
        (user_logged_in, _signed_in),
        (django_signals.user_logged_out, _signed_out),
        (authentication_step_completed, _step_completed),
        (factors.authenticator_added, _factor_added),
        (factors.authenticator_removed, _factor_removed),
        (factors.authenticator_reset, _factor_added),
        (factors.authenticator_used, _factor_used),
    ):
        signal.connect(listener, dispatch_uid=f"ims.sign_in.{listener.__name__}.{id(signal)}")


def directory_failed(request: HttpRequest, directory: str, cause: object) -> None:
    """Record that signing in with a directory came to nothing. The cause may quote the directory, never a token."""
    logger.warning("Signing in with the directory %s failed: %s", directory, cause)
    record(
        "directory_sign_in_failed",
        actor=attempts.somebody(address_of(request)),
        data={"directory": directory, "why": type(cause).__name__ if isinstance(cause, Exception) else str(cause)},
    )


def _session_began(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    now = int(clock.now().timestamp())
    request.session[BEGAN] = request.session[SEEN] = now
    confirmed_now(request)


def _signed_in(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    actor = actor_for(user, address=address_of(request))
    steps = get_authentication_records(request, user)
    how = [":".join(filter(None, (step["method"], step.get("type") or step.get("provider")))) for step in steps]
    with transaction.atomic():
        record("signed_in", actor=actor, subject=user, data={"with": how})
        if BreakGlassAccount.objects.filter(person=user).exists():
            use = BreakGlassUse.objects.create(person=user, address=actor.address)
            record("break_glass_used", actor=actor, subject=user, data={"use": use.pk})
            enqueue(TELL_BREAK_GLASS, actor=actor, subject=user, use=use.pk)


def _signed_out(sender: Any, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is None or getattr(request, "session_is_over", False):
        return  # nobody was signed in, or the session ended by itself, which is on record
    record("signed_out", actor=actor_for(user, address=address_of(request)), subject=user)


def _step_completed(sender: Any, request: HttpRequest, method: str, **extra: Any) -> None:
    if extra.get("reauthenticated"):
        confirmed_now(request)


def _factor_added(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _about_factor("second_factor_added", request, user, authenticator)


def _factor_removed(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _about_factor("second_factor_removed", request, user, authenticator)


def _factor_used(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        authenticator.refresh_from_db()  # the code was marked as used in a row read afresh
        left = len(authenticator.wrap().get_unused_codes())
        record(
            "recovery_code_used",
            actor=actor_for(user, address=address_of(request)),
            subject=user,
            data={"codes_left": left},
        )


def _about_factor(verb: str, request: HttpRequest, user: User, authenticator: Authenticator) -> None:
    data = {"type": str(authenticator.type)}
    if authenticator.type == Authenticator.Type.WEBAUTHN:
        data["name"] = authenticator.wrap().name
    record(verb, actor=actor_for(user, address=address_of(request)), subject=user, data=data)
