"""One search over everything anybody did."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from ims.accounts.models import AccountHolder
from ims.assurance import papers, selectors, services
from ims.assurance.errors import AssuranceRefusal
from ims.assurance.indexes import ensure
from ims.assurance.search import CHANGED, DELETED, EVENT, Criteria, Position
from ims.assurance.trails import trails
from ims.audit.actors import Actor, acting
from ims.audit.models import Event
from ims.audit.services import record
from ims.common.errors import NotAllowed, NotFound
from ims.funds.models import BankHoliday, Fund
from ims.imports.models import RoutingRule
from ims.people import services as people_services
from ims.people.models import User
from tests.support.world import person


def change_fund(actor: Actor, reason: str = "Budget book 2026", **values: object) -> Fund:
    fund = Fund.objects.get(code="31")
    fund._history_user = User.objects.get(pk=actor.identifier)  # as the middleware does for whoever is signed in
    for name, value in values.items():
        setattr(fund, name, value)
    with acting(actor, reason):
        fund.save()
    return fund


def latest(actor: Actor, **criteria: object) -> selectors.Act:
    return selectors.page(actor, Criteria(**criteria)).acts[0]


def test_every_tracked_model_has_a_trail_and_the_indexes_that_find_its_rows_in_order(db):
    assert {"funds.fund", "people.user", "imports.routingrule", "suspense.suspenseitem"} <= {t.label for t in trails()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema()")
        definitions = cursor.fetchall()
    for trail in trails():
        own = [text for table, text in definitions if table == trail.table]
        assert any("(history_date, history_id)" in text for text in own), trail.label
        assert any("(history_user_id, history_date, history_id)" in text for text in own), trail.label
    ensure()  # again, without harm


def test_a_change_says_who_what_when_before_after_why_and_from_where(auditor, administrator):
    change_fund(administrator, maximum_amount=Decimal("1500.00"), is_payable_online=True, vat_code_id="N0")
    act = latest(auditor, models=frozenset({"funds.fund"}), acts=frozenset({CHANGED}))
    assert (act.actor_name, act.actor_kind, act.address) == ("Sam Administrator", "person", "192.0.2.9")
    assert (act.what, act.kind_of_record, act.record, act.key) == ("Changed", "Fund", "31 Building Control", "31")
    assert act.reason == "Budget book 2026"
    shown = {difference.field: (difference.before, difference.after) for difference in act.differences}
    assert shown["Maximum amount"] == ("", "£1,500.00")
    assert shown["Is payable online"] == ("No", "Yes")
    assert shown["VAT code"] == ("W0 Standard rate", "N0 Outside the scope")
    assert len(shown) == 3


def test_structured_settings_are_compared_part_by_part(auditor, administrator):
    with acting(administrator, "New rule"):
        rule = RoutingRule.objects.create(name="Parking", actions={"fund": "11", "narrative": "PCN"})
        rule.actions = {"fund": "13", "narrative": "PCN"}
        rule.save()
    act = latest(auditor, models=frozenset({"imports.routingrule"}))
    assert [(d.field, d.before, d.after) for d in act.differences] == [("Actions: fund", "11", "13")]


def test_a_deleted_record_is_still_found_by_its_name(auditor, administrator):
    with acting(administrator, "Not a holiday after all"):
        BankHoliday.objects.create(day=date(2026, 12, 25), name="Christmas Day").delete()
    deleted = latest(auditor, models=frozenset({"funds.bankholiday"}))
    assert (deleted.act, deleted.record) == (DELETED, "25 Dec 2026 Christmas Day")
    story = selectors.of_record(auditor, "funds.bankholiday", "2026-12-25").acts
    assert [act.what for act in story] == ["Deleted", "Added"]
    assert selectors.record_name("funds.bankholiday", "2026-12-25") == "25 Dec 2026 Christmas Day"


def test_events_and_histories_stand_in_one_order(auditor, administrator, people):
    people_services.change_roles(
        actor=administrator, person=people["Nobody"], roles=["Auditor"], reason="Joined internal audit"
    )
    change_fund(administrator)
    change_fund(administrator, display_name="Building control fees")
    acts = selectors.page(auditor, Criteria(person=people["Administrator"].pk)).acts
    assert [(act.what, act.kind_of_record) for act in acts] == [
        ("Changed", "Fund"),
        ("Changed", "Fund"),
        ("Roles changed", "Person"),
    ]
    event = next(act for act in acts if act.act == EVENT)
    assert [(d.before, d.after) for d in event.differences] == [("", "Auditor")]


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({"reason": "budget BOOK"}, 1),
        ({"reason": "nothing like it"}, 0),
        ({"address": "192.0.2.9"}, 1),
        ({"address": "192.0.2.10"}, 0),
        ({"actor": "Sam Administrator"}, 1),
        ({"actor_kind": "job"}, 0),
        ({"acts": frozenset({EVENT})}, 0),
        ({"first": date.today() + timedelta(days=1)}, 0),
        ({"last": date.today() - timedelta(days=1)}, 0),
        ({"first": date.today(), "last": date.today()}, 1),
        ({"records": frozenset({("funds.fund", "31")})}, 1),
        ({"records": frozenset({("funds.fund", "23")})}, 0),
        ({"records": frozenset()}, 0),
    ],
)
def test_each_criterion_narrows(auditor, administrator, criteria, expected):
    change_fund(administrator, display_name="Fees")
    own = {"actor": "Sam Administrator", **criteria}
    assert len(selectors.page(auditor, Criteria(**own)).acts) == expected


def test_pages_neither_overlap_nor_leave_out_rows_of_the_same_moment(auditor, administrator):
    moment = timezone.now()
    with acting(administrator, "Load"):
        for number in range(7):
            holder = AccountHolder(fund_id="23", reference=f"70000000{number}", name="A", surname="A")
            holder._history_date = moment
            holder.save()
            record("probe", actor=administrator)
    # One moment for all, across tables: the order must still be whole.
    everything = list(selectors.all_of(auditor, Criteria(), limit=1_000))
    paged, cursor = [], ""
    while True:
        page = selectors.page(auditor, Criteria(), cursor=cursor, size=3)
        paged += page.acts
        cursor = page.older
        if not cursor:
            break
    assert [(act.label, act.row) for act in paged] == [(act.label, act.row) for act in everything]
    assert len({(act.label, act.row) for act in paged}) == len(paged)


def test_a_cursor_that_never_was_is_refused(auditor):
    with pytest.raises(AssuranceRefusal, match="Start the search again"):
        selectors.page(auditor, Criteria(), cursor="x-y")
    position = Position(timezone.now(), "funds.fund", 12)
    assert Position.read(str(position)) == position


@pytest.mark.parametrize(
    ("text", "label", "key"),
    [
        ("31", "funds.fund", "31"),
        ("auditor", "people.user", None),
        ("Academy", "funds.checkdigitscheme", None),
        ("700123452", "accounts.accountholder", None),
        ("rec-000001/1", "ledger.posting", None),
    ],
)
def test_records_are_found_by_what_people_call_them(auditor, receipts, text, label, key):
    found = selectors.records_called(text)
    assert label in {model for model, _ in found}
    assert key is None or (label, key) in found


def test_only_who_may_read_events_of_every_fund_reads_them(auditor, manager):
    with pytest.raises(NotAllowed, match=r"audit\.view_event"):
        selectors.page(manager, Criteria())
    with pytest.raises(NotAllowed, match="every fund"):
        selectors.page(replace(auditor, funds=frozenset({"23"})), Criteria())
    with pytest.raises(NotAllowed):
        list(services.export_search(actor=person("Nosy"), criteria=Criteria(), asked={}))


def test_unknown_records_are_not_found(auditor):
    for label, key in (
        ("no.such", "1"),
        ("auth.group", "1"),
        ("imports.routingrule", "x"),
        ("funds.fund", "2\0"),
        ("people.user", "9" * 30),
    ):
        with pytest.raises(NotFound):
            selectors.of_record(auditor, label, key)


def test_an_export_is_whole_harmless_and_on_record(auditor, administrator):
    change_fund(administrator, reason="=cmd|'/c calc'!A0", display_name="@SUM(A1)")
    asked = {"model": "funds.fund"}
    acts = services.export_search(
        actor=auditor, criteria=Criteria(models=frozenset({"funds.fund"}), acts=frozenset({CHANGED})), asked=asked
    )
    rows = list(csv.reader(io.StringIO("".join(papers.trail_lines(acts)).lstrip("\ufeff"))))
    assert rows[0][:2] == ["When", "Who"]
    assert rows[1][8:] == ["Display name", "", "'@SUM(A1)", "'=cmd|'/c calc'!A0"]
    event = Event.objects.latest("id")
    assert (event.verb, event.actor_name, event.data) == ("audit_trail_exported", "Sam Auditor", {"search": asked})
