"""What a colleague does about somebody's sign-in: unlock it, end sessions, take second factors or a password away."""

from __future__ import annotations

from allauth.core import context
from allauth.core.internal import ratelimit
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction

from ims.audit.actors import Actor, acting, authorise
from ims.audit.services import record
from ims.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from ims.people import services as people
from ims.people.models import User
from ims.sign_in.errors import SignInRefusal
from ims.sign_in.models import BreakGlassAccount, BreakGlassReview, BreakGlassUse


@transaction.atomic
def unlock(*, actor: Actor, person: User, reason: str) -> None:
    """Let `person` try again at once after too many failed attempts."""
    authorise(actor, "people.change_user", what="unlock accounts")
    people.may_give_a_way_in(actor=actor, person=person)
    _said_why(reason)
    record("sign_in_unlocked", actor=actor, subject=person, reason=reason)
    _forget_codes(person)


@transaction.atomic
def remove_second_factors(*, actor: Actor, person: User, reason: str) -> int:
    """Take every second factor and recovery code of `person` away, and end their sessions. Returns how many.

    For a lost telephone or key: they add another when they next sign in. Whoever asks must have made sure that it is
    the person who lost it.
    """
    authorise(actor, "people.change_user", what="remove second factors")
    people.may_give_a_way_in(actor=actor, person=person)
    _said_why(reason)
    User.objects.select_for_update().get(pk=person.pk)
    removed = list(Authenticator.objects.filter(user_id=person.pk).values_list("type", flat=True))
    Authenticator.objects.filter(user_id=person.pk).delete()
    _end_all(person)
    record(
        "second_factor_removed", actor=actor, subject=person, reason=reason, data={"removed": sorted(map(str, removed))}
    )
    return len(removed)


@transaction.atomic
def take_password(*, actor: Actor, person: User, reason: str) -> None:
    """Take the password of `person` away, who signs in with the directory, and end their sessions. Twice is once.

    For one that was lent while the directory did not answer. Raises `SignInRefusal` for somebody who would have no way
    in left, and for a break-glass account, whose password is for that very day.
    """
    authorise(actor, "people.change_user", what="take passwords away")
    people.may_give_a_way_in(actor=actor, person=person)
    _said_why(reason)
    locked = User.objects.select_for_update().get(pk=person.pk)
    if not locked.directory_identities.exists():
        raise SignInRefusal(f"{locked} has no other way to sign in. Connect them with the directory first.")
    if BreakGlassAccount.objects.filter(person=locked).exists():
        raise SignInRefusal(f"{locked} is a break-glass account: its password is for the day nobody else can sign in.")
    if not locked.has_usable_password():
        return
    locked.set_unusable_password()
    with acting(actor, reason):
        locked.save()
    _end_all(locked)
    record("password_removed", actor=actor, subject=locked, reason=reason)


@transaction.atomic
def end_sessions(*, actor: Actor, person: User, reason: str) -> int:
    """Sign `person` out everywhere. Returns in how many browsers. Their password is as it was."""
    authorise(actor, "people.change_user", what="end people's sessions")
    people.may_give_a_way_in(actor=actor, person=person)
    _said_why(reason)
    count = _end_all(person)
    record("session_ended", actor=actor, subject=person, reason=reason, data={"why": "colleague", "sessions": count})
    return count


@transaction.atomic
def change_own_password(*, actor: Actor, password: str) -> User:
    """Have one's own password be `password`, which somebody has judged good enough. The caller made sure of the old."""
    person = User.objects.select_for_update().get(pk=_own(actor))
    person.set_password(password)
    with acting(actor, "Own password changed"):
        person.save()
    record("password_changed", actor=actor, subject=person)
    return person


@transaction.atomic
def end_own_session(*, actor: Actor, number: int) -> None:
    """Sign oneself out in one other browser. Ended already is as good."""
    kept = UserSession.objects.filter(pk=number, user_id=_own(actor)).first()
    if kept is None:
        return
    Session.objects.filter(session_key=kept.session_key).delete()
    kept.delete()
    record("session_ended", actor=actor, subject=_person(actor), data={"why": "own", "address": kept.ip})


@transaction.atomic
def mark_break_glass(*, actor: Actor, person: User, note: str, reason: str) -> BreakGlassAccount:
    """Make `person` a break-glass account: every sign-in with it raises an alert. Twice changes only the note."""
    authorise(actor, "people.grant_administrator", what="say which accounts are break-glass accounts")
    _said_why(reason)
    if not person.is_active:
        raise SignInRefusal(f"{person} is not active. Make the person active first.")
    with acting(actor, reason):
        account, made = BreakGlassAccount.objects.update_or_create(person=person, defaults={"note": note.strip()})
    if made:
        record("break_glass_marked", actor=actor, subject=person, reason=reason)
    return account


@transaction.atomic
def unmark_break_glass(*, actor: Actor, person: User, reason: str) -> None:
    """Make it an account like any other. Nobody does so to their own: they would silence their own alert."""
    authorise(actor, "people.grant_administrator", what="say which accounts are break-glass accounts")
    if actor.kind == "person" and actor.identifier == str(person.pk):
        raise NotAllowed("You may not take the mark from your own account. Ask a colleague.")
    _said_why(reason)
    account = BreakGlassAccount.objects.filter(person=person).first()
    if account is None:
        return
    with acting(actor, reason):
        account.delete()
    record("break_glass_unmarked", actor=actor, subject=person, reason=reason)


@transaction.atomic
def review_break_glass(*, actor: Actor, use_id: int, finding: str) -> BreakGlassReview:
    """Say what was found about one use. Nobody reviews their own. The alert ends with it."""
    authorise(actor, "sign_in.review_break_glass", what="review the use of a break-glass account")
    use = BreakGlassUse.objects.filter(pk=use_id).first()
    if use is None:
        raise NotFound("There is no such use of a break-glass account.")
    if actor.kind == "person" and actor.identifier == str(use.person_id):
        raise NotAllowed("You may not review your own use of a break-glass account. Ask a colleague.")
    if not finding.strip():
        raise InvalidInput("Say who used it and why. It is kept with the use.")
    try:
        with transaction.atomic():
            review = BreakGlassReview.objects.create(use=use, reviewed_by=actor.name, finding=finding.strip())
    except IntegrityError as error:
        raise Conflict("Somebody has reviewed this use already.") from error
    record("break_glass_reviewed", actor=actor, subject=use.person, reason=finding.strip(), data={"use": use.pk})
    return review


def _end_all(person: User) -> int:
    keys = list(UserSession.objects.filter(user_id=person.pk).values_list("session_key", flat=True))
    count, _ = Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user_id=person.pk).delete()
    return count


def _forget_codes(person: User) -> None:
    """allauth counts wrong codes in the cache; forget those too."""
    request = getattr(context, "request", None)
    if request is not None:
        ratelimit.clear(request, app="allauth.account", action="login_failed", key=f"mfa-auth-user-{person.pk}")


def _own(actor: Actor) -> int:
    if actor.person_key is None:
        raise NotAllowed("Only people have sessions and passwords.")
    return actor.person_key


def _person(actor: Actor) -> User:
    return get_user_model().objects.get(pk=_own(actor))


def _said_why(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput("Say why. The reason is kept in the audit trail.")
