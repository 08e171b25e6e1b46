"""Every kind that exists: over the limit it is asked for, and approved it is done as it was asked."""

from __future__ import annotations

import copy
from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from ims.approvals import kinds, services
from ims.approvals.errors import ApprovalNeeded
from ims.approvals.models import Limit, Request
from ims.audit.actors import Actor, acting, command
from ims.common.errors import NotAllowed
from ims.exports import services as exports
from ims.exports.seed import seed_profiles
from ims.funds.models import Fund, GeneralLedgerMapping, ReferenceRule
from ims.imports import services as imports
from ims.imports.models import FileProfile, RoutingRule
from ims.imports.states import BatchState, Outcome
from ims.ledger import services as ledger
from ims.ledger.errors import LedgerRefusal
from ims.ledger.lines import Line
from ims.ledger.models import Entry, Posting
from ims.ledger.verification import verify
from ims.payments.models import PaymentRoute, PaymentService
from ims.sign_in.models import DirectoryRole
from ims.suspense import services as suspense
from ims.suspense.allocation import Allocation, ItemTake
from ims.suspense.models import SuspenseItem
from tests.imports.files import checked, line, posted, simple_profile
from tests.people.people_world import actor
from tests.support import limits
from tests.support.world import SET_UP, World

TESTS = command("tests")


@pytest.fixture
def suggested(world: World) -> World:
    """The small world with the limits of a new installation, and a fund for write-offs."""
    with acting(SET_UP, "Test set-up"):
        Fund.objects.create(code="97", name="Write-offs", vat_code_id="N0", is_write_off=True)
    limits.as_installed()
    return world


def received(fund: str, amount: str, reference: str = "700123452", key: str = "r") -> Entry:
    with acting(SET_UP):
        posting = ledger.post_receipts(
            actor=SET_UP,
            lines=[Line(fund=fund, amount=Decimal(amount), method_of_payment="28", account_reference=reference)],
            source_kind="test",
            source_key=key,
        ).posting
    suspense.open_items(actor=SET_UP, posting=posting)
    return posting.entries.get()


def asked_for(needed: ApprovalNeeded, actor: Actor) -> Request:
    """What a face does with the refusal: asks."""
    return services.request(
        actor=actor, kind=needed.kind, payload=needed.payload, key=needed.key, reason="As the papers say"
    )


def journal(actor: Actor, entry: Entry, amount: str, key: str = "j", fund: str = "5", to: str = "45006789013"):
    target = Line(fund=fund, amount=Decimal(amount), account_reference=to, narrative="Wrong fund")
    return ledger.post_journal(actor=actor, entry_id=entry.pk, targets=[target], reason="Wrong fund", key=key)


# --- journals ------------------------------------------------------------------------------------------------------


def test_up_to_the_limit_alone(suggested: World, mina: Actor):
    assert journal(mina, received("23", "6000.00"), "5000.00").approval_id is None


def test_over_it_by_approval(suggested: World, mina: Actor, fran: Actor):
    entry = received("23", "6000.00")
    with pytest.raises(ApprovalNeeded, match=r"Journals of up to £5,000\.00 may be done alone; this is £5,000\.01"):
        journal(mina, entry, "5000.01")
    assert Posting.objects.filter(kind="journal").count() == 0
    with pytest.raises(ApprovalNeeded) as needed:
        journal(mina, entry, "5000.01")
    request = asked_for(needed.value, mina)
    assert request.amount == Decimal("5000.01")
    assert request.summary == f"Move £5,000.01 of {entry.receipt_number}"
    assert [planned["amount"] for planned in request.plan["lines"]] == ["-5000.01", "5000.01"]
    assert services.approve(actor=fran, request_id=request.pk).state == "approved"
    posting = Posting.objects.get(kind="journal")
    assert (posting.actor_name, posting.approval_id, posting.reason) == (mina.name, request.pk, "Wrong fund")
    assert journal(mina, entry, "5000.01") == posting  # the form sent again finds it
    assert not [found for found in verify() if found.severity == "error"]


def test_money_taken_meanwhile_overtakes_it(suggested: World, mina: Actor, fran: Actor):
    entry = received("23", "6000.00")
    with pytest.raises(ApprovalNeeded) as needed:
        journal(mina, entry, "5500.00")
    request = asked_for(needed.value, mina)
    journal(mina, entry, "600.00", key="other")
    request = services.approve(actor=fran, request_id=request.pk)
    assert request.state == "stale"
    assert "£6,000.00" in request.decision_reason
    assert "£5,400.00" in request.decision_reason
    assert Posting.objects.filter(kind="journal").count() == 1


def test_a_command_is_stopped_as_well(suggested: World):
    with pytest.raises(ApprovalNeeded):
        journal(TESTS, received("23", "6.00"), "1.00")


def test_the_database_holds_it_whoever_writes(suggested: World, mina: Actor):
    entry = received("23", "6000.00")
    limits.set_limit("ledger.journal", alone=None)
    posting = journal(mina, entry, "5500.00")
    limits.no_limits("ledger.journal")
    columns = "kind, series, source_kind, entry_count, total, reason, actor_kind, actor_id, actor_name"
    lines = (
        "line, fund_id, account_reference, method_of_payment_id, office_id, amount, vat_code_id, vat_rate,"
        " vat_amount, narrative, payer_name, source_reference, received_on, accounting_date"
    )
    refused = pytest.raises(IntegrityError, match="nobody has approved it")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO ledger_posting ({columns}, number, source_key)"
            f" SELECT {columns}, 999, 'x' FROM ledger_posting WHERE id = %s RETURNING id",
            [posting.pk],
        )
        new = cursor.fetchone()[0]
        cursor.execute(
            f"INSERT INTO ledger_entry ({lines}, posting_id, leaf) SELECT {lines}, %s, '' FROM ledger_entry"
            " WHERE posting_id = %s",
            [new, posting.pk],
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


# --- transfers and reversals ---------------------------------------------------------------------------------------


def test_a_transfer(suggested: World, mina: Actor, fran: Actor):
    source = Line(fund="23", amount=Decimal("1500.00"), account_reference=suggested.council_tax_account)
    target = Line(fund="5", amount=Decimal("1500.00"), account_reference=suggested.rents_account)
    with pytest.raises(ApprovalNeeded) as needed:
        ledger.post_transfer(actor=mina, sources=[source], targets=[target], reason="Mix-up", key="t")
    request = asked_for(needed.value, mina)
    assert services.approve(actor=fran, request_id=request.pk).outcome == "TRF-000001"


def test_a_reversal(suggested: World, mina: Actor, fran: Actor):
    entry = received("23", "1000.01")
    with pytest.raises(ApprovalNeeded) as needed:
        ledger.reverse(actor=mina, posting_id=entry.posting_id, reason="Unpaid")
    request = asked_for(needed.value, mina)
    assert asked_for(needed.value, mina) == request  # asking again while it waits is the same request
    services.approve(actor=fran, request_id=request.pk)
    assert Posting.objects.get(kind="reversal").approval_id == request.pk
    small = received("23", "1000.00", key="s")
    assert ledger.reverse(actor=mina, posting_id=small.posting_id, reason="Unpaid").approval_id is None


def test_reversed_by_somebody_else_meanwhile(suggested: World, mina: Actor, fran: Actor):
    entry = received("23", "1000.01")
    with pytest.raises(ApprovalNeeded) as needed:
        ledger.reverse(actor=mina, posting_id=entry.posting_id, reason="Unpaid")
    request = asked_for(needed.value, mina)
    limits.set_limit("ledger.reversal", alone=None)
    ledger.reverse(actor=mina, posting_id=entry.posting_id, reason="Unpaid")
    request = services.approve(actor=fran, request_id=request.pk)
    assert (request.state, "has been reversed already" in request.decision_reason) == ("stale", True)


# --- suspense ------------------------------------------------------------------------------------------------------


def test_a_large_allocation(suggested: World, olu: Actor, mina: Actor):
    received("1", "5000.01", reference="")
    item = SuspenseItem.objects.get()
    allocation = Allocation(
        takes=[ItemTake(item.pk, item.remaining, item.remaining)],
        lines=[Line(fund="23", amount=item.remaining, account_reference=suggested.council_tax_account)],
    )
    with pytest.raises(ApprovalNeeded) as needed:
        suspense.allocate(actor=olu, allocation=allocation, reason="Found", key="a")
    request = asked_for(needed.value, olu)
    assert request.summary == f"Allocate £5,000.01 of suspense item {item.pk}"
    services.approve(actor=mina, request_id=request.pk)
    item.refresh_from_db()
    assert item.state == "allocated"


def test_a_write_off_is_always_asked_for(suggested: World, olu: Actor, mina: Actor, fran: Actor):
    received("1", "12.34", reference="")
    item = SuspenseItem.objects.get()
    with pytest.raises(NotAllowed, match="write off"):
        suspense.write_off(actor=olu, item_id=item.pk, fund="97", reason="Nobody", key="w")
    with pytest.raises(ApprovalNeeded, match="Write-offs") as needed:
        suspense.write_off(actor=mina, item_id=item.pk, fund="97", reason="Nobody claimed it", key="w")
    request = asked_for(needed.value, mina)
    assert request.covers == {"ledger.allocation": "12.34", "ledger.write_off": "12.34"}
    assert request.summary == f"Write off £12.34 of suspense item {item.pk}"
    services.approve(actor=fran, request_id=request.pk)
    posting = Posting.objects.get(kind="allocation")
    assert list(posting.entries.order_by("line").values_list("fund_id", "amount")) == [
        ("1", Decimal("-12.34")),
        ("97", Decimal("12.34")),
    ]


def test_an_allocation_to_a_write_off_fund_is_a_write_off(suggested: World, mina: Actor):
    entry = received("23", "60.00")
    with pytest.raises(ApprovalNeeded, match="Write-offs"):
        journal(mina, entry, "50.00", fund="97", to="X")
    assert journal(mina, entry, "10.00", fund="97", to="X", key="small")


def test_only_a_fund_for_write_offs(suggested: World, mina: Actor):
    received("1", "12.34", reference="")
    with pytest.raises(Exception, match="no fund for write-offs"):
        suspense.write_off(actor=mina, item_id=SuspenseItem.objects.get().pk, fund="13", reason="Nobody", key="w")


# --- imports -------------------------------------------------------------------------------------------------------


def test_reversing_a_file(suggested: World, mina: Actor, fran: Actor):
    simple_profile()
    batch = posted(TESTS, [line("900.00"), line("200.00", narrative="B")])
    with pytest.raises(ApprovalNeeded, match=r"£1,100\.00") as needed:
        imports.reverse_batch(actor=mina, batch_id=batch.pk, reason="Wrong day")
    request = asked_for(needed.value, mina)
    assert (request.kind, request.plan["line_count"]) == ("imports.reversal", 2)
    services.approve(actor=fran, request_id=request.pk)
    batch.refresh_from_db()
    assert batch.state == BatchState.REVERSED
    assert Posting.objects.get(kind="reversal").approval_id == request.pk


def test_a_second_receipt_that_looks_like_the_first(suggested: World, olu: Actor, mina: Actor):
    simple_profile()
    posted(TESTS, [line("600.00")])
    batch = checked(TESTS, [line("600.00"), line("1.00", narrative="NEW")], name="b.csv")
    imports.post(actor=TESTS, batch_id=batch.pk)
    row = batch.rows.get(line=1)
    assert row.outcome == Outcome.SUSPECTED_DUPLICATE
    with pytest.raises(ApprovalNeeded) as needed:
        imports.decide_duplicate(actor=olu, row_id=row.pk, post=True, reason="Two instalments")
    request = asked_for(needed.value, olu)
    services.approve(actor=mina, request_id=request.pk)
    row.refresh_from_db()
    assert row.outcome == Outcome.CORRECTED
    assert row.decisions.get().actor_name == olu.name


def test_a_routing_rule(suggested: World, mina: Actor, fran: Actor):
    rule = RoutingRule(name="Rents", actions={"fund": "5"}, groups=[])
    with acting(mina), pytest.raises(ApprovalNeeded) as needed:
        imports.save_rule(actor=mina, rule=rule, reason="New tenant")
    assert not RoutingRule.objects.exists()
    request = asked_for(needed.value, mina)
    services.approve(actor=fran, request_id=request.pk)
    saved = RoutingRule.objects.get()
    row = saved.history.get()
    assert (saved.actions, row.actor_name, row.history_change_reason) == ({"fund": "5"}, mina.name, "New tenant")
    saved.description = "Words alone need nobody"
    imports.save_rule(actor=mina, rule=saved, reason="Explained")


def test_a_file_profile(suggested: World, mina: Actor, fran: Actor):
    with acting(SET_UP, "Test set-up"):
        profile = simple_profile()
    layout = copy.deepcopy(profile.layout)
    layout["columns"][0]["default"] = "2026-01-01"
    profile.layout, profile.fund_id = layout, "5"
    with pytest.raises(ApprovalNeeded, match="Changes of file profiles need the approval of a second person") as needed:
        imports.save_profile(actor=mina, profile=profile, reason="New layout")
    request = asked_for(needed.value, mina)
    changed = {each["name"] for each in request.plan["differences"]}
    assert changed == {"layout, columns 1", "fund"}
    assert FileProfile.objects.get(pk=profile.pk).fund_id != "5"
    services.approve(actor=fran, request_id=request.pk)
    profile.refresh_from_db()
    assert (profile.layout, profile.fund_id) == (layout, "5")
    assert profile.history.first().actor_name == mina.name
    profile.name = "Words alone need nobody"
    imports.save_profile(actor=mina, profile=profile, reason="Renamed")


def test_an_export_profile(suggested: World, mina: Actor, fran: Actor):
    [profile, *_] = seed_profiles(SET_UP)
    profile.line_end = "lf"
    with pytest.raises(ApprovalNeeded, match="Changes of export profiles") as needed:
        exports.save_profile(actor=fran, profile=profile, reason="Another ledger")
    request = asked_for(needed.value, fran)
    assert request.plan["differences"] == [{"name": "line end", "before": "Windows (CR LF)", "after": "Unix (LF)"}]
    with pytest.raises(NotAllowed):
        services.approve(actor=fran, request_id=request.pk)
    assert services.approve(actor=mina, request_id=request.pk).state == "approved"
    profile.refresh_from_db()
    assert profile.line_end == "lf"


def test_where_card_payments_go(suggested: World, mina: Actor):
    ada = actor("ada", "Administrator")
    with acting(SET_UP, "Test set-up"):
        service = PaymentService.objects.create(
            code="main", name="Main", provider="govuk_pay", base_url="https://a.example"
        )
    service.base_url = "https://cards.example"
    with acting(ada, "They have moved"), pytest.raises(ApprovalNeeded, match="payment services and routes") as needed:
        service.save()
    request = asked_for(needed.value, ada)
    assert request.plan["differences"] == [
        {"name": "address", "before": "https://a.example", "after": "https://cards.example"}
    ]
    route = PaymentRoute(channel="online", service=service, method_of_payment_id="28")
    with acting(ada, "Online"), pytest.raises(ApprovalNeeded):
        route.save()
    assert services.approve(actor=mina, request_id=request.pk).state == "approved"
    service.refresh_from_db()
    assert service.base_url == "https://cards.example"
    service.is_active = False
    with acting(ada, "Its key is known"):
        service.save()


# --- settings ------------------------------------------------------------------------------------------------------


def test_a_mapping_is_changed_by_approval_and_only_as_it_was(suggested: World, mina: Actor, fran: Actor):
    mapping = GeneralLedgerMapping.objects.get(side="income", fund="23")
    mapping.gl_code = "111111"
    with acting(fran, "New chart of accounts"), pytest.raises(ApprovalNeeded) as needed:
        mapping.save()
    request = asked_for(needed.value, fran)
    assert request.plan["differences"] == [{"name": "general ledger code", "before": "964023", "after": "111111"}]
    assert (request.amount, request.funds) == (None, ["23"])
    assert GeneralLedgerMapping.objects.get(pk=mapping.pk).gl_code == "964023"
    services.approve(actor=mina, request_id=request.pk)
    mapping.refresh_from_db()
    row = mapping.history.first()
    assert (mapping.gl_code, row.actor_name) == ("111111", fran.name)
    assert f"approved by {mina.name}" in row.history_change_reason


def test_a_change_in_between_overtakes_it(suggested: World, mina: Actor, fran: Actor):
    mapping = GeneralLedgerMapping.objects.get(side="income", fund="23")
    mapping.gl_code = "111111"
    with acting(fran, "New chart"), pytest.raises(ApprovalNeeded) as needed:
        mapping.save()
    request = asked_for(needed.value, fran)
    mapping.gl_code = "222222"
    with acting(SET_UP, "In between"):
        mapping.save()
    request = services.approve(actor=mina, request_id=request.pk)
    assert request.state == "stale"
    assert "was “964023” when this was asked and is “222222” now" in request.decision_reason


def test_adding_and_deleting_a_mapping(suggested: World, mina: Actor, fran: Actor):
    new = GeneralLedgerMapping(side="income", fund_id="5", office_id="WP", gl_code="5", valid_from=date(2026, 4, 1))
    with acting(fran, "Office of its own"), pytest.raises(ApprovalNeeded) as needed:
        new.save()
    services.approve(actor=mina, request_id=asked_for(needed.value, fran).pk)
    added = GeneralLedgerMapping.objects.get(fund="5", office="WP")
    with acting(fran, "Not needed"), pytest.raises(ApprovalNeeded) as needed, transaction.atomic():
        added.delete()
    request = asked_for(needed.value, fran)
    assert request.summary.startswith("Delete general ledger mapping")
    services.approve(actor=mina, request_id=request.pk)
    assert not GeneralLedgerMapping.objects.filter(fund="5", office="WP").exists()


def test_a_fund_where_it_moves_money_and_not_where_it_is_only_words(suggested: World, mina: Actor):
    ada = actor("ada", "Administrator")
    fund = Fund.objects.get(pk="23")
    fund.display_name = "Your council tax"
    with acting(ada, "Clearer"):
        fund.save()
    fund.maximum_amount = Decimal("10.00")
    with acting(ada, "Lower"), pytest.raises(ApprovalNeeded) as needed:
        fund.save()
    request = asked_for(needed.value, ada)
    with pytest.raises(NotAllowed, match="you asked for it yourself"):
        services.approve(actor=ada, request_id=request.pk)
    services.approve(actor=mina, request_id=request.pk)
    fund.refresh_from_db()
    assert fund.maximum_amount == 10


def test_a_reference_rule_is_saved_by_its_service(suggested: World, mina: Actor, fran: Actor):
    ada = actor("ada", "Administrator")
    rule = ReferenceRule.objects.get(name="Open")
    rule.max_length = 20
    with acting(ada, "Shorter"), pytest.raises(ApprovalNeeded) as needed:
        rule.save()
    services.approve(actor=mina, request_id=asked_for(needed.value, ada).pk)
    rule.refresh_from_db()
    assert rule.max_length == 20


def test_a_limit_too(suggested: World, mina: Actor, fran: Actor):
    ada = actor("ada", "Administrator")
    limit = Limit.objects.get(kind="ledger.journal", role="Income manager")
    limit.alone_up_to = None
    with acting(ada, "They asked"), pytest.raises(ApprovalNeeded) as needed:
        limit.save()
    request = asked_for(needed.value, ada)
    with pytest.raises(NotAllowed, match="more than your roles may approve"):
        services.approve(actor=mina, request_id=request.pk)
    services.approve(actor=fran, request_id=request.pk)
    limit.refresh_from_db()
    assert limit.alone_up_to is None


def test_every_limit_is_suggested_for_some_role(suggested: World):
    without = {limit.code for limit in kinds.limits()} - set(Limit.objects.values_list("kind", flat=True))
    assert without == set()


def test_an_unapproved_number_is_no_leave(suggested: World, mina: Actor):
    entry = received("23", "6000.00")
    with pytest.raises(ApprovalNeeded) as needed:
        journal(mina, entry, "5500.00")
    request = asked_for(needed.value, mina)
    with pytest.raises(LedgerRefusal, match="nobody has approved it"), transaction.atomic():
        ledger.post_journal(
            actor=mina,
            entry_id=entry.pk,
            targets=[
                Line(fund="5", amount=Decimal("5500.00"), account_reference="45006789013", narrative="Wrong fund")
            ],
            reason="Wrong fund",
            key="j",
            approval=kinds.Approval(request),
        )


def test_mapping_a_group_of_a_directory_grants_a_role(suggested: World, mina: Actor):
    ada = actor("ada", "Administrator")
    mapping = DirectoryRole(directory="council", value="Income", role="Income officer")
    with acting(ada, "Groups instead of grants"), pytest.raises(ApprovalNeeded, match="Grants of roles") as needed:
        mapping.save()
    request = asked_for(needed.value, ada)
    assert request.covers == {"people.roles": None}
    services.approve(actor=mina, request_id=request.pk)
    assert DirectoryRole.objects.get().history.get().actor_name == ada.name
