"""What of people can be asked for: giving somebody roles, and giving a role more permissions."""

from __future__ import annotations

from datetime import date

from ims.approvals import kinds
from ims.approvals.kinds import Approval, Payload
from ims.approvals.plans import Applied, Difference, Evidence, Plan
from ims.audit.actors import Actor
from ims.people import council_roles, services
from ims.people.council_roles import COMPOSING
from ims.people.granting import ROLES
from ims.people.models import CouncilRole, User


def register() -> None:
    """Make granting roles such that it can be limited and asked for."""
    kinds.register_limit(ROLES, "Grants of roles", has_amount=False)
    kinds.register(
        kinds.Kind(code=ROLES, label="Grant of roles", limit=ROLES, apply=_apply, stamp=as_held, barred=barred)
    )
    kinds.register(
        kinds.Kind(
            code=COMPOSING,
            label="Role and its permissions",
            limit=ROLES,
            apply=_compose,
            stamp=_as_composed,
            barred=_holders,
        )
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
    ends_on = person.access_ends_on
    access = f"{person.get_access_kind_display()}, until {ends_on:%-d %b %Y}" if ends_on else ""
    facts = (
        ("Username", person.username),
        ("E-mail", person.email),
        ("Office", person.office_code),
        ("Kind of access", access),
    )
    plan = Plan(
        summary=summary,
        differences=[Difference(name="Roles", before=before, after=person.role_names)],
        facts=[(name, value) for name, value in facts if value],
        evidence=[Evidence(label=str(person), model="people.user", key=str(person.pk))] if is_known else [],
    )
    return Applied(plan=plan, outcome=f"{person}: {person.role_names}", record=person)


def as_held(payload: Payload) -> dict[str, str]:
    """What the person holds, and what the council's own roles they would be given allow: a role must not grow in
    between."""
    composed = CouncilRole.objects.filter(name__in=payload["arguments"]["roles"]).order_by("name")
    stamp = {f"What the role {role} allows": ", ".join(sorted(role.permissions)) for role in composed}
    person = User.objects.filter(pk=payload["arguments"].get("person")).first()
    if person is None:
        return stamp
    active = "yes" if person.is_active else "no"
    return {f"The roles of {person}": person.role_names, f"Whether {person} is active": active, **stamp}


def barred(payload: Payload) -> tuple[str, ...]:
    """Nobody decides about their own rights."""
    person = payload["arguments"].get("person")
    return (str(person),) if person else ()


def _compose(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    arguments = dict(payload["arguments"])
    before = CouncilRole.objects.filter(pk=arguments.pop("role")).first()
    name, wanted = arguments["name"], set(arguments["permissions"])
    held = set(before.permissions) if before else set()
    people = council_roles.holders(before) if before else []
    together = council_roles.duties_brought_together(before, name, wanted)
    role = council_roles.save_role(actor=actor, role=before, approval=approval, **arguments)
    changes = [
        ("Name", before.name if before else "", name),
        ("Purpose", before.purpose if before else "", role.purpose),
        ("In use", _yes_or_no(before.is_in_use) if before else "", _yes_or_no(role.is_in_use)),
        *(("May now", "", sentence) for sentence in council_roles.sentences_of(wanted - held)),
        *(("May no longer", sentence, "") for sentence in council_roles.sentences_of(held - wanted)),
    ]
    facts = [
        ("Who holds it", ", ".join(map(str, people)) or "Nobody yet"),
        ("What it allows already", "; ".join(council_roles.sentences_of(held & wanted)) or "Nothing"),
    ]
    facts += [
        ("Duties that should be apart", f"{conflict.name}: {council_roles.in_hands(whose)}. "
         f"What makes up for it: {conflict.compensating_control}")
        for conflict, whose in together.items()
    ]  # fmt: skip
    plan = Plan(
        summary=f"Change the role {before}" if before else f"Compose the role {name}",
        differences=[Difference(name=what, before=old, after=new) for what, old, new in changes if old != new],
        facts=facts,
    )
    return Applied(plan=plan, outcome=f"The role {role}", record=role)


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _as_composed(payload: Payload) -> dict[str, str]:
    role = CouncilRole.objects.filter(pk=payload["arguments"]["role"]).first()
    if role is None:
        return {}
    return {
        f"What the role {role} allows": ", ".join(sorted(role.permissions)),
        f"Who holds the role {role}": ", ".join(map(str, council_roles.holders(role))),
    }


def _holders(payload: Payload) -> tuple[str, ...]:
    """Nobody decides about their own rights: who holds the role does not."""
    role = CouncilRole.objects.filter(pk=payload["arguments"]["role"]).first()
    return tuple(str(person.pk) for person in council_roles.holders(role)) if role else ()
