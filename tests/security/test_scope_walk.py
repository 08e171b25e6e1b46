"""A limited person asks for everything there is, and nothing outside their scope ever comes back.

Money inside and outside a scope is marked with words and amounts found nowhere else. Then every address of the console
and the admin is asked, as somebody of each role whose scope is limited, with the numbers of the records that lie
outside it, in every form it is given in (pages, CSV, XLSX, JSON), and searched for the marks. A further walk does the
same for personal details, as those who may not see them and as those who may but did not ask.

A new address is walked without anybody adding it here; a new kind of money needs a mark in `marked`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client

from ims.access.models import PersonScope
from ims.accounts.models import AccountHolder, AccountLoad
from ims.approvals import services as approvals
from ims.approvals.models import Request
from ims.audit import personal
from ims.audit.actors import acting, command
from ims.audit.models import Event
from ims.correspondence.models import Message
from ims.funds.models import FundGroup, Office
from ims.imports.models import ImportRow, RoutingRule
from ims.ledger import seals, services
from ims.ledger.lines import Line
from ims.ledger.models import Entry
from ims.people.models import User
from ims.people.selectors import actor_for
from ims.suspense import services as suspense
from ims.suspense.models import SuspenseItem
from tests.console.conftest import shows_details
from tests.imports.files import line, posted, simple_profile
from tests.security.conftest import OneOfEverything
from tests.security.surface import Address, addresses
from tests.support.limits import set_limit
from tests.support.world import SET_UP, World

OUTSIDE = re.compile(r"ZZOUT\w*|98[,]?76\d\.\d\d")
"""The marks of money outside the scope: words, and amounts of £98,76x."""
# Words too long to stand in a random token by chance.
PRIVATE = re.compile(r"Qwyz(?:name|street|narrative|mail)|QW9 9YZ|07700 ?9007", re.IGNORECASE)
"""The marks of personal details: names, narratives, addresses, e-mail addresses, telephone numbers, messages."""
INSIDE = "123.45"
WIDEST = ("Income manager", "Finance", "Auditor", "Administrator")
"""Roles that between them open every address; what the others may open is part of these."""

FUNDS, OFFICES, METHODS = ["5", "1"], ["WP", "99"], ["28", "JN", "JR"]

FORMS = ("format=csv", "format=xlsx", "format=json", "q=ZZOUTPAYER", "q=ZZOUT", "q=98765.43", "show=attention",
         "state=", "outcome=to_post", "fund=23", "office=CC", "method_of_payment=90")  # fmt: skip
"""What every list is asked, besides as it stands."""


def receive(key: str, fund: str, amount: str, *, office: str = "WP", method: str = "28", **more) -> Entry:
    given = Line(fund=fund, amount=Decimal(amount), method_of_payment=method, office=office, received_on=date.today(),
                 accounting_date=date.today(), **more)  # fmt: skip
    done = services.post_receipts(actor=SET_UP, lines=[given], source_kind="test", source_key=key)
    return done.posting.entries.get()


@pytest.fixture
def outside(everything: OneOfEverything, world: World) -> OneOfEverything:
    """Money outside the scope on each of its sides, in every room that holds money, all of it marked."""
    with acting(SET_UP, "Test set-up"):
        Office.objects.create(code="CC", name="Contact centre")
        profile = simple_profile("marked", office_id="CC")
        AccountHolder.objects.create(
            fund_id="23", reference="ZZOUTREF1", name="Zzoutholder Person", balance=Decimal("98762.00")
        )
    marks = {"payer_name": "ZZOUTPAYER", "narrative": "ZZOUTNARRATIVE", "source_reference": "ZZOUTSOURCE"}
    entry = receive("out-fund", "23", "98765.43", account_reference="700123452", **marks)
    receive("out-office", "5", "98764.43", office="CC", account_reference="45006789013", **marks)
    receive("out-method", "5", "98763.43", method="90", account_reference="45006789013", **marks)
    unknown = receive("out-suspense", "1", "98761.43", office="CC", **marks)
    suspense.open_items(actor=SET_UP, posting=unknown.posting)
    inside = receive("in", "5", INSIDE, account_reference="45006789013", payer_name="Inside Payer")
    target = Line(fund="23", account_reference="700123452", amount=Decimal("1.00"), narrative="Moved")
    services.post_journal(actor=SET_UP, entry_id=inside.pk, targets=[target], reason="Marked", key="marked")
    batch = posted(
        command("tests"),
        [
            line("98765.01", narrative="ZZOUTROW", payer="ZZOUTPAYER"),
            line("98765.02", fund="", reference="", narrative="ZZOUTHELD", payer="ZZOUTPAYER"),
            line("nonsense", narrative="ZZOUTWRONG", payer="ZZOUTPAYER"),
        ],
        profile=profile.code,
        name="ZZOUTFILE.csv",
    )
    seals.seal_pending()
    limit(everything)
    return replace(
        everything,
        entry=entry,
        batch=batch,
        row=ImportRow.objects.filter(batch=batch).order_by("line").last(),
        item=SuspenseItem.objects.get(entry=unknown),
        load=AccountLoad.objects.create(file_name="ZZOUTLOAD.csv", fund_id="23", sha256="1" * 64, content=b"ZZOUT"),
    )


def limit(everything: OneOfEverything) -> None:
    group = FundGroup.objects.create(name="Rents and suspense")
    group.funds.set(FUNDS)
    for person in everything.people.values():
        person.fund_groups.set([group])
        PersonScope.objects.create(person=person, offices=OFFICES, methods=METHODS)


def body_of(answer) -> str:
    """All that came back, as text: also what is packed in a workbook, and where a redirect leads."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            content = b"\n".join(book.read(name) for name in book.namelist())
    return content.decode("utf-8", errors="replace") + getattr(answer, "url", "")


def asked(client: Client, address: Address, forms: Sequence[str] = FORMS) -> Iterator[tuple[str, str]]:
    """Every answer of an address: as it stands and, where it is no single record, in every form it may be asked in."""
    joined = "&" if "?" in address.url else "?"
    is_record = "<" in address.route and not address.name.endswith(("export", "export_review", "rows", "batch"))
    if address.name.startswith("admin:"):
        forms = [form for form in forms if form.startswith("q=")][:1] if address.name.endswith("_changelist") else ()
    for form in ("", *(() if is_record else forms)):
        where = f"{address.url}{joined}{form}" if form else address.url
        with transaction.atomic():
            body = body_of(client.get(where))
            transaction.set_rollback(True)
        echoed = form.partition("=")[2] or "\0"  # what was asked is said again, and is no answer
        yield where, body.replace(echoed, "").replace(echoed.replace("98765", "98,765"), "")


@pytest.mark.slow
@pytest.mark.parametrize("role", WIDEST)
def test_nothing_outside_the_scope_is_ever_shown(outside, role):
    client = Client(raise_request_exception=False)
    client.force_login(outside.people[role])
    shows_details(client)
    seen, leaks = 0, []
    for address in addresses(outside):
        if address.name in ("admin:logout", "admin:password_change"):
            continue
        for where, body in asked(client, address):
            seen += INSIDE in body
            leaks += [f"{where} as {role}: {found}" for found in set(OUTSIDE.findall(body))]
    assert leaks == [], "\n".join(leaks)
    if role != "Administrator":
        assert seen, "the walk saw nothing of what is inside either"


@pytest.mark.slow
@pytest.mark.parametrize("role", ["Income manager", "Auditor", "Administrator", "Service desk"])
def test_no_personal_detail_is_shown_to_who_did_not_ask_or_may_not(everything, role):
    with acting(SET_UP, "Test set-up"):
        AccountHolder.objects.create(
            fund_id="5",
            reference="45006789021",
            name="Mrs Qwyzname",
            surname="Qwyzname",
            address="1 Qwyzstreet",
            postcode="QW9 9YZ",
        )
        AccountHolder.objects.filter(reference="45006789021").first().save()
    marks = {"payer_name": "Mr Qwyzname", "narrative": "Qwyznarrative"}
    entry = receive("private", "5", "10.00", account_reference="45006789021", **marks)
    unknown = receive("private-suspense", "1", "11.00", **marks)
    suspense.open_items(actor=SET_UP, posting=unknown.posting)
    held = [line("x", narrative="Qwyznarrative", payer="Mr Qwyzname")]
    batch = posted(command("tests"), [line(narrative="Qwyznarrative", payer="Mr Qwyzname"), *held], name="p.csv")
    one = replace(
        everything,
        entry=entry,
        batch=batch,
        row=ImportRow.objects.filter(batch=batch).order_by("line").last(),
        item=SuspenseItem.objects.get(entry=unknown),
    )
    one = replace(one, request=private_elsewhere(one, entry))
    client = Client(raise_request_exception=False)
    client.force_login(one.people[role])
    leaks = []
    for address in addresses(one):
        if address.name in ("admin:logout", "admin:password_change", "imports:download", "records:subject"):
            continue  # a file's own bytes and what is held about a person are for who may see them; each is recorded
        for where, body in asked(client, address, ("format=csv", "format=xlsx", "q=45006789021")):
            leaks += [f"{where} as {role}: {found}" for found in set(PRIVATE.findall(body))]
    assert leaks == [], "\n".join(leaks)
    assert not Event.objects.filter(verb=personal.VIEWED).exists()


def private_elsewhere(one: OneOfEverything, entry: Entry) -> Request:
    """Personal details in card payments, messages and their history, and in a request for approval (returned)."""
    contact = {"email": "qwyzmail@example.org", "telephone": "07700 900777"}
    payer = {"payer_name": "Mr Qwyzname", "address": "1 Qwyzstreet", "postcode": "QW9 9YZ", **contact}
    with acting(SET_UP, "Test set-up"):
        for record, values in (
            (one.payments.attempt.basket, payer),
            (one.payments.link.basket, payer),
            (one.payments.link, {**contact, "message": "Dear Qwyzname"}),
            (one.payments.dispute, {"note": "Qwyzname telephoned"}),
            (
                Message.objects.order_by("pk").first(),
                {"to": contact["email"], "body": "Dear Qwyzname", "subject": "Qwyzname"},
            ),
        ):
            for name, value in values.items():
                setattr(record, name, value)
            record.save()
    return approvals.request(actor=actor_for(one.people["Income manager"]), kind="ledger.journal", reason="Moved",
                             payload=journal_of(entry))  # fmt: skip


def journal_of(entry: Entry) -> dict:
    target = {"fund": "23", "account_reference": "700123452", "amount": "10.00", "narrative": "Qwyznarrative"}
    return {"entry_id": entry.pk, "targets": [target], "reason": "Moved", "key": "private"}


@pytest.mark.parametrize("needs_another", [False, True], ids=["alone", "with approval"])
def test_a_plan_shown_after_a_form_masks_what_is_masked_before_it(everything, needs_another):
    """Reversing repeats a narrative: the page that asks for confirmation, or for a second person, hides it."""
    entry = receive("private", "5", "10.00", account_reference="45006789013", narrative="Qwyznarrative")
    if needs_another:
        set_limit("ledger.reversal", alone="0", approves=None)
    client = Client()
    client.force_login(everything.people["Income manager"])
    form = {"reason": "Wrong", "key": "k", "step": "plan"}
    page = client.post(f"/receipts/{entry.pk}/reverse/", form).content.decode()
    assert ("This needs a second person" in page) == needs_another
    assert "£10.00" in page
    assert not PRIVATE.search(page)
    assert not Event.objects.filter(verb=personal.VIEWED).exists()
    shows_details(client)
    assert "Qwyznarrative" in client.post(f"/receipts/{entry.pk}/reverse/", form).content.decode()
    assert Event.objects.filter(verb=personal.VIEWED).exists()


class TestNumbers:
    """What is counted and added up for a limited person is what a plain statement counts and adds up."""

    @pytest.fixture
    def manager(self, outside) -> Client:
        client = Client()
        client.force_login(outside.people["Income manager"])
        return client

    def recount(self, condition: str = "true") -> tuple[int, Decimal]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), coalesce(sum(e.amount), 0) FROM ledger_entry e JOIN ledger_posting p"
                " ON p.id = e.posting_id WHERE e.fund_id = ANY(%s) AND e.office_id = ANY(%s)"
                f" AND e.method_of_payment_id = ANY(%s) AND {condition}",
                [FUNDS, OFFICES, METHODS],
            )
            return cursor.fetchone()

    def test_a_search(self, manager):
        context = manager.get("/receipts/?kind=").context
        assert (context["count"], context["total"]) == self.recount()

    def test_its_file(self, manager):
        lines = list(csv.reader(io.StringIO(body_of(manager.get("/receipts/export/?kind=")).lstrip("\ufeff"))))
        amount = lines[0].index("Amount")
        assert (len(lines) - 1, sum(Decimal(row[amount]) for row in lines[1:])) == self.recount()

    def test_the_day(self, manager):
        shown = manager.get("/").context["shown"]
        today = "e.accounting_date = current_date AND p.kind IN ('receipt', 'import', 'reversal')"
        assert shown.income.total == self.recount(today)[1]
        assert "limited to" not in shown.proof.note

    def test_the_proof_and_the_period(self, manager):
        proof = json.loads(manager.get(f"/proof/?date={date.today().isoformat()}&format=json").content)
        assert Decimal(proof["total"]["closing"]) == self.recount()[1]
        assert proof["limited_to"].startswith("funds 1, 5; offices 99, WP; methods of payment 28")
        assert proof["files"] == proof["exports"] == []
        first = (date.today() - timedelta(days=30)).isoformat()
        totals = manager.get(f"/proof/period/?first={first}&last={date.today().isoformat()}").context["totals"]
        assert sum(row.closing for row in totals.funds) == self.recount()[1]

    def test_suspense(self, manager):
        context = manager.get("/suspense/").context
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), coalesce(sum(s.remaining), 0) FROM suspense_suspenseitem s"
                " JOIN ledger_entry e ON e.id = s.entry_id WHERE s.state = 'open' AND e.fund_id = ANY(%s)"
                " AND e.office_id = ANY(%s) AND e.method_of_payment_id = ANY(%s)",
                [FUNDS, OFFICES, METHODS],
            )
            assert (context["count"], context["total"]) == cursor.fetchone()

    def test_an_import_of_which_only_a_part_is_theirs(self, outside, manager):
        RoutingRule.objects.filter(pk=outside.rule.pk).update(is_enabled=False)  # it would send every row to one fund
        batch = posted(command("tests"), [line("98765.09"), line("7.00", fund="5", reference="45006789013")],
                       name="mixed.csv")  # fmt: skip
        page = manager.get(f"/imports/{batch.pk}/")
        assert page.context["plan"].to_post.count == 1
        assert page.context["plan"].to_post.amount == Decimal("7.00")
        listed = dict(manager.get("/imports/").context["batches"])
        assert listed[batch]["posted"].amount == Decimal("7.00")

    def test_every_page_says_that_it_is_a_part(self, manager):
        for where in ("/", "/receipts/", "/suspense/", "/imports/", "/proof/"):
            assert (
                "You see part of the money: funds 1, 5; offices 99, WP; methods of payment 28"
                in manager.get(where).content.decode()
            )


def test_showing_details_leaves_one_event_for_a_page_and_not_one_for_each_record(everything):
    client = Client()
    client.force_login(everything.people["Income officer"])
    masked = client.get("/receipts/?fund=23").content.decode()
    assert "M••• A••• M•••" in masked
    assert "Mrs Ada Moss" not in masked
    shows_details(client)
    assert "Mrs Ada Moss" in client.get("/receipts/?fund=23").content.decode()
    client.get("/receipts/?fund=23")
    [event] = Event.objects.filter(verb=personal.VIEWED)
    assert event.data["page"] == "/receipts/"
    assert event.data["search"] == "fund=23"
    assert event.data["records"]["ledger.entry"] > 1
    client.get(f"/receipts/{everything.entry.pk}/")
    one = Event.objects.filter(verb=personal.VIEWED).latest("pk")
    assert one.subject_type in ("ledger.entry", "")
    client.post("/personal-details/", {"show": "no"})
    assert "Mrs Ada Moss" not in client.get("/receipts/?fund=23").content.decode()


def test_who_needs_only_the_money_may_not_search_by_name(everything):
    everything.people["Nobody"].groups.set([Group.objects.get(name="Service desk")])
    client = Client()
    client.force_login(User.objects.get(pk=everything.people["Nobody"].pk))
    assert client.get("/receipts/?q=moss").status_code == 403
    assert client.post("/personal-details/", {"show": "yes"}).status_code == 403
    holders = client.get("/admin/accounts/accountholder/?q=moss")
    assert "Moss" not in holders.content.decode().replace("moss", "")
