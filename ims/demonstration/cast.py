"""The six people of the Model Council's income team, one for each role."""

from __future__ import annotations

from dataclasses import dataclass

from ims.approvals import services as approvals
from ims.approvals.errors import ApprovalNeeded
from ims.audit.actors import Actor, acting, command
from ims.people import services
from ims.people.models import User
from ims.people.roles import ADMINISTRATOR, AUDITOR, FINANCE, INCOME_MANAGER, INCOME_OFFICER, SERVICE_DESK
from ims.people.selectors import actor_for

PASSWORD = "model-council-demo"  # noqa: S105 - printed on screen, and only ever set in the demonstration
REASON = "Model Council demonstration"


@dataclass(frozen=True)
class Person:
    """One of the six. `work` says what they do in the demonstration."""

    username: str
    name: str
    role: str
    office: str
    work: str


ADMIN = Person("sam.carter", "Sam Carter", ADMINISTRATOR, "", "looks after settings and people")
OFFICER = Person("olu.adeyemi", "Olu Adeyemi", INCOME_OFFICER, "WP", "brings files in and clears suspense")
MANAGER = Person("margaret.hughes", "Margaret Hughes", INCOME_MANAGER, "WP", "journals, reverses, keeps the rules")
FINANCIER = Person("priya.nair", "Priya Nair", FINANCE, "WP", "exports to the ledger, closes periods")
DESK = Person("tom.whitaker", "Tom Whitaker", SERVICE_DESK, "", "helps people sign in")
INSPECTOR = Person("ruth.ellis", "Ruth Ellis", AUDITOR, "", "sees everything, changes nothing")
CAST = (OFFICER, MANAGER, FINANCIER, DESK, INSPECTOR, ADMIN)


def assemble() -> int:
    """Make sure all six can sign in with `PASSWORD`. Returns how many were added; people who exist stay as they are."""
    present = set(User.objects.filter(username__in=[each.username for each in CAST]).values_list("username", flat=True))
    if ADMIN.username not in present:
        services.first_administrator(
            actor=command("demo"), username=ADMIN.username, display_name=ADMIN.name, password=PASSWORD
        )
    missing = [each for each in CAST if each.username not in present and each is not ADMIN]
    for each in missing:
        _add(each)
    return len(CAST) - len(present)


def act_as(person: Person) -> Actor:
    """The actor `person` is, with the permissions their role gives them."""
    return actor_for(User.objects.get(username=person.username))


def _add(each: Person) -> None:
    """Sam adds everybody; as soon as Margaret is there, she approves what Sam grants."""
    arguments = {
        "username": each.username,
        "display_name": each.name,
        "roles": [each.role],
        "office_code": each.office,
        "reason": REASON,
    }
    try:
        person = services.create_person(actor=act_as(ADMIN), **arguments)
    except ApprovalNeeded as needed:
        asked = approvals.request(actor=act_as(ADMIN), kind=needed.kind, payload=needed.payload, reason=REASON)
        approvals.approve(actor=act_as(MANAGER), request_id=asked.pk, reason="Confirmed with their manager")
        person = User.objects.get(username=each.username)
    # As if they had chosen it themselves on the page that asks for a new password.
    person.set_password(PASSWORD)
    with acting(actor_for(person), REASON):
        person.save()
