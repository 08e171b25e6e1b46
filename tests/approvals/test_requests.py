"""Asking and deciding: happy, refused, twice, at once, out of scope, overtaken, and always on record."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from ims.approvals import gate, selectors, services
from ims.approvals.errors import ApprovalNeeded, ApprovalRefusal
from ims.approvals.models import Request
from ims.approvals.states import RequestState
from ims.audit.actors import Actor, acting, command
from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import Conflict, InvalidInput, NotAllowed, NotFound
from ims.funds.models import Fund
from ims.jobs.models import JobRun
from ims.ledger.errors import LedgerRefusal
from ims.ledger.models import Entry, Posting
from ims.people.models import User
from ims.people.selectors import actor_for
from tests.approvals.conftest import post_receipt
from tests.people.people_world import actor
from tests.support.world import SET_UP, World


def ask(actor: Actor, world: World, amount: str = "250.00", key: str = "k", **more: object) -> Request:
    payload = {"amount": amount, "reference": world.council_tax_account, "key": key, **more}
    return services.request(actor=actor, kind="test.receipt", payload=payload, reason="The bank says so", key=key)


def verbs() -> list[str]:
    return list(Event.objects.filter(verb__startswith="approval").order_by("id").values_list("verb", flat=True))


# --- the gate ------------------------------------------------------------------------------------------------------


def test_up_to_the_limit_alone_and_over_it_not(world: World, limited: str, olu: Actor):
    assert post_receipt(actor=olu, amount="100.00", reference=world.council_tax_account, key="a")
    with pytest.raises(ApprovalNeeded, match=r"up to £100\.00 may be done alone; this is £100\.01") as needed:
        post_receipt(actor=olu, amount="100.01", reference=world.council_tax_account, key="b")
    assert "Finance or Income manager" in str(needed.value)
    assert needed.value.kind == limited
    assert needed.value.payload["amount"] == "100.01"


def test_beyond_what_an_approval_reaches_it_is_refused(world: World, limited: str, olu: Actor):
    with pytest.raises(ApprovalRefusal, match="even with an approval"):
        post_receipt(actor=olu, amount="5000.01", reference=world.council_tax_account, key="a")
    with pytest.raises(ApprovalRefusal, match="even with an approval"):
        ask(olu, world, "5000.01")


def test_without_a_limit_nothing_is_done_alone_and_nobody_approves(world: World, kind: str, olu: Actor, fran: Actor):
    with pytest.raises(ApprovalNeeded, match="no role may approve it"):
        post_receipt(actor=olu, amount="0.01", reference=world.council_tax_account, key="a")
    request = ask(olu, world, "0.01")
    with pytest.raises(NotAllowed, match="more than your roles may approve"):
        services.approve(actor=fran, request_id=request.pk)


def test_a_command_that_may_do_everything_needs_an_approval_too(world: World, limited: str):
    with pytest.raises(ApprovalNeeded):
        post_receipt(actor=command("x"), amount="1.00", reference=world.council_tax_account, key="a")


def test_of_several_roles_the_one_that_reaches_furthest_counts(world: World, limited: str):
    both = actor("both", "Income officer", "Income manager")
    assert gate.allowance_of(both, limited).alone_up_to == 500
    assert post_receipt(actor=both, amount="500.00", reference=world.council_tax_account, key="a")


# --- asking --------------------------------------------------------------------------------------------------------


def test_the_plan_is_kept_and_nothing_is_posted(world: World, limited: str, olu: Actor):
    before = Request.objects.count()
    request = ask(olu, world)
    assert (request.state, request.amount, request.funds) == ("waiting", 250, ["23"])
    assert request.plan["lines"][0]["amount"] == "250.00"
    assert request.covers == {limited: "250.00"}
    assert not Posting.objects.exists()
    assert Request.objects.count() == before + 1
    assert verbs() == ["approval_requested"]
    assert JobRun.objects.filter(task=services.TELL_JOB, arguments={"request": request.pk}).exists()
    assert request.history.get().history_change_reason == "The bank says so"


def test_the_same_key_asks_once(world: World, limited: str, olu: Actor, mina: Actor):
    assert ask(olu, world) == ask(olu, world)
    with pytest.raises(ApprovalRefusal, match="has asked for exactly this already"):
        ask(mina, world)


def test_what_cannot_be_done_cannot_be_asked_for(world: World, limited: str, olu: Actor):
    payload = {"amount": "250.00", "reference": world.council_tax_account, "key": "k"}
    post_receipt(actor=olu, **{**payload, "amount": "50.00"})
    nobody = replace(olu, permissions=frozenset())
    with pytest.raises(NotAllowed, match="post receipts"):
        services.request(actor=nobody, kind=limited, payload={**payload, "key": "n"}, reason="x")
    with pytest.raises(LedgerRefusal):
        services.request(actor=olu, kind=limited, payload={**payload, "amount": "0.00", "key": "z"}, reason="x")
    with pytest.raises(InvalidInput, match="Say why"):
        services.request(actor=olu, kind=limited, payload=payload, reason=" ")
    assert not Request.objects.exists()


# --- approving -----------------------------------------------------------------------------------------------------


def test_it_is_applied_as_the_act_of_who_asked(world: World, limited: str, olu: Actor, mina: Actor):
    request = services.approve(actor=mina, request_id=ask(olu, world).pk, reason="Seen")
    posting = Posting.objects.get()
    assert (request.state, request.outcome) == ("approved", str(posting))
    assert (request.outcome_type, request.outcome_id) == ("ledger.posting", str(posting.pk))
    assert posting.actor_name == olu.name
    assert (request.decided_by_name, request.decision_reason) == (mina.name, "Seen")
    assert verbs() == ["approval_requested", "approval_given"]
    assert [row.actor_name for row in request.history.order_by("history_id")] == [olu.name, mina.name, mina.name]
    assert selectors.for_record("ledger.posting", posting.pk) == request


def test_nobody_decides_about_their_own(world: World, limited: str, mina: Actor):
    request = ask(mina, world, "600.00")
    for act in (services.approve, services.reject):
        with pytest.raises(NotAllowed, match="you asked for it yourself"):
            act(actor=mina, request_id=request.pk, reason="x")
    superuser = replace(mina, everything=True)
    with pytest.raises(NotAllowed, match="you asked for it yourself"):
        services.approve(actor=superuser, request_id=request.pk)


def test_the_database_holds_that_too(world: World, limited: str, mina: Actor):
    request = ask(mina, world, "600.00")
    values = {"state": "approved", "decided_by_kind": mina.kind, "decided_by_id": mina.identifier}
    with pytest.raises(IntegrityError, match="maker_is_not_checker"), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(**values)


def test_a_command_decides_nothing(world: World, limited: str, olu: Actor):
    request = ask(olu, world)
    with pytest.raises(NotAllowed, match="by a person who signs in"):
        services.approve(actor=command("approve"), request_id=request.pk)


def test_without_the_permission_or_beyond_the_limit_it_is_refused(
    world: World, limited: str, olu: Actor, mina: Actor, fran: Actor
):
    request = ask(olu, world, "1000.01")
    with pytest.raises(NotAllowed, match="permission"):
        services.approve(actor=replace(olu, identifier="999"), request_id=request.pk)
    with pytest.raises(NotAllowed, match=r"£1,000\.01 is more than your roles may approve"):
        services.approve(actor=mina, request_id=request.pk)
    assert selectors.waiting_for(mina) == []
    assert selectors.waiting_for(fran) == [request]
    assert [each.actor.name for each in selectors.deciders(request)] == [fran.name]
    assert services.approve(actor=fran, request_id=request.pk).state == "approved"


def test_who_it_is_about_does_not_decide(world: World, limited: str, olu: Actor, mina: Actor):
    request = ask(olu, world)
    Request.objects.filter(pk=request.pk)  # as asked
    barred = {**request.payload, "barred": [mina.identifier]}
    with pytest.raises(IntegrityError, match="cannot be changed"), transaction.atomic():
        Request.objects.filter(pk=request.pk).update(payload=barred)
    about = Request(kind=request.kind, payload=barred, covers=request.covers, funds=[], requested_by_id="0")
    assert "about yourself" in selectors.why_not_decide(mina, about)


def test_twice_is_once(world: World, limited: str, olu: Actor, mina: Actor, fran: Actor):
    request = ask(olu, world)
    services.approve(actor=mina, request_id=request.pk)
    with pytest.raises(Conflict, match=f"approved and done.*{mina.name} decided"):
        services.approve(actor=fran, request_id=request.pk)
    assert Posting.objects.count() == 1


def test_out_of_scope_is_not_there(world: World, limited: str, olu: Actor, mina: Actor):
    request = ask(olu, world)
    with pytest.raises(NotFound):
        services.approve(actor=replace(mina, funds=frozenset({"5"})), request_id=request.pk)
    assert services.approve(actor=replace(mina, funds=frozenset({"5", "23"})), request_id=request.pk)


# --- a world that moves --------------------------------------------------------------------------------------------


def test_another_receipt_meanwhile_and_nothing_is_applied(world: World, limited: str, olu: Actor, mina: Actor):
    request = ask(olu, world)
    post_receipt(actor=olu, amount="1.00", reference=world.council_tax_account, key="other")
    request = services.approve(actor=mina, request_id=request.pk)
    assert request.state == RequestState.STALE
    assert "was “0” when this was asked and is “1” now" in request.decision_reason
    assert Posting.objects.count() == 1
    assert verbs()[-1] == "approval_overtaken"


def test_rights_lost_meanwhile(world: World, limited: str, olu: Actor, mina: Actor):
    request = ask(olu, world)
    User.objects.get(pk=olu.identifier).groups.clear()
    request = services.approve(actor=mina, request_id=request.pk)
    assert (request.state, Posting.objects.count()) == ("stale", 0)
    assert "may no longer do this" in request.decision_reason


def test_a_leaver(world: World, limited: str, olu: Actor, mina: Actor):
    request = ask(olu, world)
    with acting(SET_UP, "left"):
        User.objects.filter(pk=olu.identifier).update(is_active=False)
    request = services.approve(actor=mina, request_id=request.pk)
    assert request.state == "stale"
    assert "may no longer sign in" in request.decision_reason


def test_a_plan_that_would_be_another_one(world: World, limited: str, olu: Actor, mina: Actor):
    request = ask(olu, world)
    with acting(SET_UP, "renamed"):
        Fund.objects.filter(code="23").update(name="Council Tax and more")
    request = services.approve(actor=mina, request_id=request.pk)
    assert (request.state, Posting.objects.count()) == ("stale", 0)
    assert "the lines that would be posted" in request.decision_reason


def test_too_late(world: World, limited: str, olu: Actor, mina: Actor, monkeypatch: pytest.MonkeyPatch):
    request = ask(olu, world)
    later = request.expires_on + timedelta(days=1)
    monkeypatch.setattr(clock, "today", lambda: later)
    with pytest.raises(ApprovalRefusal, match="asked again"):
        services.approve(actor=mina, request_id=request.pk)
    assert services.expire(actor=command("expire")) == 1
    assert services.expire(actor=command("expire")) == 0
    request.refresh_from_db()
    assert request.state == "expired"
    with pytest.raises(NotAllowed):
        services.expire(actor=olu)


# --- ending otherwise ----------------------------------------------------------------------------------------------


def test_rejecting_needs_a_reason_and_ends_it(world: World, limited: str, olu: Actor, mina: Actor):
    request = ask(olu, world)
    with pytest.raises(InvalidInput, match="Say why"):
        services.reject(actor=mina, request_id=request.pk, reason="")
    assert services.reject(actor=mina, request_id=request.pk, reason="Wrong account").state == "rejected"
    assert not Posting.objects.exists()
    assert verbs()[-1] == "approval_rejected"
    with pytest.raises(Conflict):
        services.withdraw(actor=olu, request_id=request.pk)


def test_only_who_asked_withdraws(world: World, limited: str, olu: Actor, mina: Actor):
    request = ask(olu, world)
    with pytest.raises(NotAllowed, match="who asked, may withdraw"):
        services.withdraw(actor=mina, request_id=request.pk)
    assert services.withdraw(actor=olu, request_id=request.pk).state == "withdrawn"
    with pytest.raises(Conflict):
        services.approve(actor=mina, request_id=request.pk)


def test_decisions_stay(world: World, limited: str, olu: Actor, mina: Actor):
    request = services.reject(actor=mina, request_id=ask(olu, world).pk, reason="No")
    for values in ({"state": "waiting"}, {"decision_reason": "Yes"}, {"outcome": "x"}):
        with pytest.raises(IntegrityError, match="not changed"), transaction.atomic():
            Request.objects.filter(pk=request.pk).update(**values)
    with pytest.raises(IntegrityError, match="stays on record"), transaction.atomic():
        request.delete()


# --- at once -------------------------------------------------------------------------------------------------------


def test_two_approvers_one_applies_and_the_other_is_told(world_committed: World, limited: str):
    olu, mina, fran = actor("olu", "Income officer"), actor("mina", "Income manager"), actor("fran", "Finance")
    request = ask(olu, world_committed)
    outcomes: list[str] = []
    both = threading.Barrier(2)

    def decide(approver: Actor) -> None:
        both.wait()
        try:
            outcomes.append(services.approve(actor=approver, request_id=request.pk).state)
        except Conflict as refusal:
            outcomes.append(str(refusal))
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=[approver]) for approver in (mina, fran)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=len)[0] == "approved"
    assert "decid" in sorted(outcomes, key=len)[1]
    assert Entry.objects.filter(posting__source_kind="approved").count() == 1


def test_a_failure_in_the_middle_leaves_it_waiting(
    world: World, limited: str, olu: Actor, mina: Actor, monkeypatch: pytest.MonkeyPatch
):
    request = ask(olu, world)

    def break_down(*_: object) -> str:
        raise RuntimeError("the power went")

    monkeypatch.setattr(services, "first_difference", break_down)
    with pytest.raises(RuntimeError):
        services.approve(actor=mina, request_id=request.pk)
    request.refresh_from_db()
    assert request.is_waiting
    assert not Posting.objects.exists()


def test_scope_of_lists(world: World, limited: str, olu: Actor, mina: Actor):
    request = ask(olu, world)
    assert list(selectors.own(olu)) == [request]
    nobody = actor_for(User.objects.get(pk=mina.identifier))
    assert selectors.get(nobody, request.pk) == request
    with pytest.raises(NotFound):
        selectors.get(replace(mina, permissions=frozenset()), request.pk)
    assert selectors.get(replace(olu, permissions=frozenset()), request.pk) == request
