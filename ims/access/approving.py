"""What of access can be asked for: a move to other work that gives somebody roles they did not have."""

from __future__ import annotations

from ims.access import selectors, services
from ims.approvals import kinds
from ims.approvals.kinds import Approval, Payload
from ims.approvals.plans import Applied, Difference, Evidence, Plan
from ims.audit.actors import Actor
from ims.funds.models import FundGroup
from ims.people.approving import as_held, barred
from ims.people.granting import ROLES
from ims.people.models import User


def register() -> None:
    """Make a move such that it can be asked for as a whole. It is limited as any grant of roles."""
    kinds.register(
        kinds.Kind(
            code=services.MOVE,
            label="Move to other work",
            limit=ROLES,
            apply=_apply,
            stamp=_as_it_stands,
            barred=barred,
        )
    )


def _apply(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    arguments = dict(payload["arguments"])
    before = User.objects.get(pk=arguments.pop("person"))
    scope = selectors.scope_in_words(before)
    groups = FundGroup.objects.filter(pk__in=arguments.pop("fund_groups"))
    moved = services.move_person(actor=actor, person=before, fund_groups=groups, approval=approval, **arguments)
    changes = (
        ("Roles", before.role_names, moved.role_names),
        ("Office", before.office_code, moved.office_code),
        ("Sees", scope, selectors.scope_in_words(moved)),
    )
    plan = Plan(
        summary=f"Move {moved} to other work",
        differences=[Difference(name=name, before=was, after=now) for name, was, now in changes if was != now],
        facts=[("Username", moved.username)],
        evidence=[Evidence(label=str(moved), model="people.user", key=str(moved.pk))],
    )
    return Applied(plan=plan, outcome=f"{moved}: {moved.role_names}", record=moved)


def _as_it_stands(payload: Payload) -> dict[str, str]:
    """What the person holds and sees now, and what the fund groups they would see take in."""
    arguments = payload["arguments"]
    groups = FundGroup.objects.filter(pk__in=arguments["fund_groups"]).prefetch_related("funds")
    taken_in = {
        f"What the fund group {group} takes in": ", ".join(sorted(fund.code for fund in group.funds.all()))
        for group in groups
    }
    person = User.objects.get(pk=arguments["person"])
    now = {f"What {person} sees": selectors.scope_in_words(person), f"The office of {person}": person.office_code}
    return {**as_held(payload), **now, **taken_in}
