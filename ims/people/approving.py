"""What of people can be asked for: giving somebody roles."""

from __future__ import annotations

from datetime import date

from ims.approvals import kinds
from ims.approvals.kinds import Approval, Payload
from ims.approvals.plans import Applied, Difference, Evidence, Plan
from ims.audit.actors import Actor
from ims.people import services
from ims.people.granting import ROLES
from ims.people.models import User


def register() -> None:
    """Make granting roles such that it can be limited and asked for."""
    kinds.register_limit(ROLES, "Grants of roles", has_amount=False)
    kinds.register(
        kinds.Kind(code=ROLES, label="Grant of roles", limit=ROLES, apply=_apply, stamp=_as_held, barred=_barred)
    )


def _apply(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    arguments = dict(payload["arguments"])
    if payload["act"] == "create":
        if arguments.get("access_ends_on"):
            arguments["access_ends_on"] = date.fromisoformat(arguments["access_ends_on"])
        person = services.create_person(actor=actor, approval=approval, **arguments)
        return _applied(person, f"Add {person} with roles", before="", is_known=False)
    before = User.objects.get(pk=arguments.pop("person"))
    act, verb = {
        "change": (services.change_roles, "Change the roles of"),
        "reactivate": (services.reactivate, "Make active again"),
    }[payload["act"]]
    person = act(actor=actor, person=before, approval=approval, **arguments)
    return _applied(person, f"{verb} {person}", before=before.role_names, is_known=True)


def _applied(person: User, summary: str, *, before: str, is_known: bool) -> Applied:
    facts = (("Username", person.username), ("E-mail", person.email), ("Office", person.office_code))
    plan = Plan(
        summary=summary,
        differences=[Difference(name="Roles", before=before, after=person.role_names)],
        facts=[(name, value) for name, value in facts if value],
        evidence=[Evidence(label=str(person), model="people.user", key=str(person.pk))] if is_known else [],
    )
    return Applied(plan=plan, outcome=f"{person}: {person.role_names}", record=person)


def _as_held(payload: Payload) -> dict[str, str]:
    person = User.objects.filter(pk=payload["arguments"].get("person")).first()
    if person is None:
        return {}
    active = "yes" if person.is_active else "no"
    return {f"The roles of {person}": person.role_names, f"Whether {person} is active": active}


def _barred(payload: Payload) -> tuple[str, ...]:
    """Nobody decides about their own rights."""
    person = payload["arguments"].get("person")
    return (str(person),) if person else ()
