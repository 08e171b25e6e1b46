"""Reading declared interests: one's own, and everybody's for those who may see them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from django.db.models import QuerySet

from ims.audit.actors import Actor, authorise
from ims.audit.personal import veil
from ims.common.errors import NotFound
from ims.interests.models import Interest
from ims.people.models import User

SEE = "interests.see_interest"
KEEP = "interests.keep_interest"


def same_form(reference: str) -> str:
    """A reference as it is kept and compared here: its letters and digits alone, in capital letters.

    What bills, files and people put between them (spaces, hyphens, strokes, stops) makes no other account of it.
    """
    return "".join(each for each in unicodedata.normalize("NFKC", reference) if each.isalnum()).upper()


def own(actor: Actor) -> QuerySet[Interest]:
    """What the actor declared, the ended ones last."""
    return _latest().filter(person_id=actor.person_key)


def everybodys(actor: Actor, *, current_only: bool = True) -> list[Interest]:
    """Everybody's interests, masked until details are asked for. Raises `NotAllowed`."""
    authorise(actor, SEE, what="see declared interests")
    found = _latest().filter(ended_on__isnull=True) if current_only else _latest()
    return veil(actor, found)


def of_person(actor: Actor, person: User) -> list[Interest] | None:
    """A person's current interests; None where `actor` may not know of them."""
    current = _latest().filter(person=person, ended_on__isnull=True)
    if actor.person_key == person.pk:
        return list(current)
    return veil(actor, current) if actor.may(SEE) else None


def get(actor: Actor, interest_id: int) -> Interest:
    """One interest, one's own or with the permission. Raises `NotFound`."""
    found = _latest().filter(pk=interest_id).first()
    if found is None or (found.person_id != actor.person_key and not actor.may(SEE)):
        raise NotFound("There is no such interest.")
    return found if found.person_id == actor.person_key else veil(actor, [found])[0]


def touching(person_key: int, accounts: Iterable[tuple[str, str]]) -> Interest | None:
    """The first current interest of a person that one of `accounts` (fund, reference) is of, if any."""
    declared = {
        (each.fund_id, same_form(each.account_reference)): each
        for each in Interest.objects.filter(person_id=person_key, ended_on__isnull=True)
    }
    if not declared:
        return None
    for fund, reference in accounts:
        form = same_form(reference)
        if found := declared.get((fund, form)) or declared.get((None, form)):
            return found
    return None


def _latest() -> QuerySet[Interest]:
    return Interest.objects.select_related("person", "fund").order_by(
        "person__display_name", "-ended_on", "account_reference"
    )
