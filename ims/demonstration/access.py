"""People whose access is not everybody's: a clerk who sees only rents, a supplier with a last day."""

from __future__ import annotations

from datetime import date, timedelta

from ims.access import services as access
from ims.access.models import AccessReview
from ims.audit.actors import acting
from ims.common import clock
from ims.demonstration import cast
from ims.demonstration.agreeing import act_or_ask
from ims.demonstration.telling import Event, Tell
from ims.funds.models import FundGroup
from ims.interests import services as interests
from ims.interests.models import Interest
from ims.people import council_roles
from ims.people import services as people
from ims.people.models import AccessKind, CouncilRole, User
from ims.people.selectors import actor_for

ROLE = "Rents enquiries"
CLERK = ("jo.bennett", "Jo Bennett")
SUPPLIER = ("dev.support", "Dev Sharma (software supplier)")
GROUP = "Housing"
OWN_ACCOUNT = "799900017"
"""An account of the officer’s own, which the files of the day do not touch."""


def arrange(day: date, tell: Tell) -> None:
    """Compose the role, add the two people and open an access review, each once."""
    if User.objects.filter(username=CLERK[0]).exists():
        tell(Event("Access", "as it was", cast.ADMIN.name))
        return
    admin = cast.act_as(cast.ADMIN)
    act_or_ask(
        lambda: council_roles.save_role(
            actor=admin,
            name=ROLE,
            purpose="Answers tenants' questions about what they paid.",
            permissions=["ledger.view_entry", "accounts.view_accountholder", "accounts.see_personal_data"],
            reason=cast.REASON,
            role=CouncilRole.objects.filter(name=ROLE).first(),
        ),
        maker=cast.ADMIN,
        checker=cast.MANAGER,
    )
    clerk = _add(*CLERK, role=ROLE, office="WP", kind=AccessKind.STAFF, until=None)
    group = FundGroup.objects.filter(name=GROUP).first()
    access.set_scope(
        actor=admin,
        person=clerk,
        fund_groups=[group] if group else [],
        offices=None,
        methods=None,
        reason="Answers for rents alone",
    )
    _add(*SUPPLIER, role="Service desk", office="", kind=AccessKind.SUPPLIER, until=clock.today() + timedelta(days=30))
    officer = cast.act_as(cast.OFFICER)
    interests.declare(
        actor=officer,
        person=User.objects.get(pk=officer.person_key),
        account_reference=OWN_ACCOUNT,
        relation=Interest.Relation.OWN,
        note="My own council tax",
    )
    if not AccessReview.objects.exists():
        quarter = (day.month - 4) % 12 // 3 + 1
        access.open_review(
            actor=admin, title=f"Quarter {quarter} of {day:%Y}", due_on=clock.today() + timedelta(days=14)
        )
    tell(Event("Access", "a clerk who sees rents alone, a supplier with a last day, an access review", cast.ADMIN.name))


def _add(username: str, name: str, *, role: str, office: str, kind: str, until: date | None) -> User:
    act_or_ask(
        lambda: people.create_person(
            actor=cast.act_as(cast.ADMIN),
            username=username,
            display_name=name,
            roles=[role],
            office_code=office,
            access_kind=kind,
            access_ends_on=until,
            reason=cast.REASON,
        ),
        maker=cast.ADMIN,
        checker=cast.MANAGER,
    )
    person = User.objects.get(username=username)
    person.set_password(cast.PASSWORD)
    with acting(actor_for(person), cast.REASON):
        person.save()
    return person
