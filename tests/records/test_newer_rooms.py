"""Text about people in card payments, messages, calls, the API and approvals: found, held, stripped, once."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from ims.api.models import ClientPayment, Notification, NotifyAddress
from ims.api.services import notifying
from ims.approvals import services as approvals
from ims.approvals.models import Request
from ims.approvals.states import RequestState
from ims.audit.actors import acting
from ims.audit.history_seals import seal_histories
from ims.common.errors import ImsError
from ims.correspondence.models import Message
from ims.correspondence.services import writing
from ims.ledger.models import Entry
from ims.payments.models import Basket, BasketLine, Dispute, PaymentAttempt
from ims.payments.services import NewLine, Payer, create_link
from ims.people.selectors import actor_for
from ims.records import classes, services, subject_access
from ims.records.errors import RecordsRefusal
from ims.records.models import Disposal, Erasure
from ims.telephone_line.models import CallLine, CallPayment
from tests.api.conftest import add_client
from tests.console.conftest import receive
from tests.payments.conftest import Desk, build_desk
from tests.records.test_retention import OLD, ask, checker, decided, errors, maker, people  # noqa: F401 - fixtures
from tests.support.limits import set_limit
from tests.support.tampering import guards_down
from tests.support.world import SET_UP, World

CANARY = "Zephyrine Quill"
EMAIL = "zq@canary.example"
TELEPHONE = "01226 555 0199"
NEWER = ("payers", "unpaid_baskets", "messages", "telephone_calls", "api_payments", "requests")
# A bare "4242" stands by chance in many a moment and digest: as a card's last four digits it stands alone.
MARKS = ("zephyrine", "canary", r"555 ?0199", "quill", r"(?<![\w.:-])4242(?!\w)")


@pytest.fixture
def desk(world: World, settings, tmp_path) -> Desk:
    settings.PRACTICE_PROVIDER_BOOKS = tmp_path / "books.sqlite3"
    return build_desk(world)


@pytest.fixture
def told(desk: Desk, people) -> Desk:  # noqa: F811
    """The canary in every newer room, long ago and over."""
    payer = Payer(name=CANARY, email=EMAIL, telephone=TELEPHONE, address="1 Quill Lane", postcode="QW9 9YZ")
    attempt = desk.paid("145.00", payer=payer)
    line = NewLine(fund="23", amount=Decimal("80"), account_reference=desk.world.council_tax_account,
                   narrative=CANARY)  # fmt: skip
    link = create_link(actor=desk.staff, lines=[line], payer=payer, message=f"Dear {CANARY}")
    with acting(SET_UP, "Test set-up"):
        Basket.objects.filter(pk=link.basket_id).update(state="expired")
        Dispute.objects.create(service=desk.service, attempt=attempt, provider_dispute_id="d1", payment_id="p1",
                               amount=Decimal("1.00"), state="won", note=f"{CANARY} telephoned")  # fmt: skip
        words = {"message": CANARY, "lines": "", "total": "", "link": "", "expires": ""}
        writing.write_link(actor=desk.staff, channel="email", to=EMAIL, language="en", key=f"link:{link.pk}:1",
                           funds=["23"], values=words)  # fmt: skip
        for message in Message.objects.all():
            message.state = "sent"
            message.save()
        call = CallPayment.objects.create(line="1", call="c1", method_of_payment_id="90", total=1, state="failed",
                                          announced_at=timezone.now(), card_last_four="4242")  # fmt: skip
        CallLine.objects.create(payment=call, number=1, fund_id="23", vat_code_id="N0", amount=Decimal("1.00"),
                                account_reference=desk.world.council_tax_account)  # fmt: skip
        client, _ = add_client()
        address = NotifyAddress.objects.create(client=client, url="https://forms.example.gov.uk/paid")
    payment = ClientPayment.objects.create(client=client, basket=attempt.basket, client_reference=CANARY,
                                           return_url="https://forms.example.gov.uk/?who=canary")  # fmt: skip
    Notification.objects.create(address=address, event="payment.paid", key="1", state="delivered",
                                body={"payment": str(payment.pk), "client_reference": CANARY})  # fmt: skip
    entry = receive("23", "10.00", reference=desk.world.council_tax_account, key="j")
    target = {"fund": "23", "account_reference": desk.world.other_council_tax_account, "amount": "10.00",
              "narrative": CANARY}  # fmt: skip
    set_limit("ledger.journal", alone="0", approves=None)
    payload = {"entry_id": entry.pk, "targets": [target], "reason": "Moved", "key": "j1"}
    manager = actor_for(people["Income manager"])
    asked = approvals.request(actor=manager, kind="ledger.journal", payload=payload, reason="Moved")
    assert approvals.approve(actor=actor_for(people["Finance"]), request_id=asked.pk).state == RequestState.APPROVED
    grow_old()
    return desk


def grow_old() -> None:
    """Put everything of the newer rooms back by more than eight years."""
    moments = {
        "payments_basket": ("created_at", "sealed_at"),
        "payments_paymentattempt": ("asked_at", "paid_at"),
        "payments_dispute": ("heard_at",),
        "correspondence_message": ("created_at", "sent_at", "finished_at"),
        "telephone_line_callpayment": ("announced_at", "taken_at"),
        "api_clientpayment": ("made_at",),
        "api_notification": ("made_at",),
        "approvals_request": ("requested_at", "decided_at"),
    }
    with guards_down("api_clientpayment") as cursor:
        cursor.execute("ALTER TABLE approvals_request DISABLE TRIGGER ims_request_guard")
        for table, columns in moments.items():
            changes = ", ".join(f"{column} = {column} - interval '{OLD} days'" for column in columns)
            cursor.execute(f"UPDATE {table} SET {changes}")
        cursor.execute("ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER ims_request_guard")


def rooms_text() -> str:
    """Every column of every table of the newer rooms and of their history, as one text."""
    with connection.cursor() as cursor:
        found = []
        for record_class in classes.CLASSES:
            if record_class.code in NEWER:
                for target in record_class.targets:
                    cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {target.table} t")
                    found.append(cursor.fetchone()[0] or "")
    return " ".join(found).lower()


def dispose(maker, checker, code: str) -> Disposal:  # noqa: F811
    return services.carry_out(actor=maker, disposal_id=decided(maker, checker, code).pk)


def test_it_is_found(told, maker):  # noqa: F811
    for known in ({"email": EMAIL.upper()}, {"telephone": "+44 1226 5550199"}, {"name": "zephyrine q"},
                  {"references": told.world.council_tax_account.lower()}):  # fmt: skip
        request = subject_access.open_request(actor=maker, case="SAR/1", **known)
        found = {each.source.name: each.kept for each in subject_access.holdings(maker, request)}
        sources = {"card_payments", "cards", "payment_links", "payment_history", "messages", "message_history",
                   "api_payments"}  # fmt: skip
        if "references" in known:
            sources |= {"calls", "requests"}
        if "name" in known:
            sources |= {"requests"}
        assert {name for name in sources if not found[name]} == set(), known
    assert "4242" in str(found["cards"][0].values)
    said = " ".join(str(each.values) for kept in found.values() for each in kept)
    for word in (CANARY, EMAIL, TELEPHONE, "1 Quill Lane", "QW9 9YZ", f"Dear {CANARY}", f"{CANARY} telephoned"):
        assert word in said
    others = subject_access.open_request(actor=maker, case="SAR/2", email="nobody@canary.example")
    kept = [each.source.name for each in subject_access.holdings(maker, others) if each.kept]
    assert kept == []
    with pytest.raises(RecordsRefusal, match="whole telephone"):
        subject_access.open_request(actor=maker, case="SAR/3", telephone="0199")


def test_it_goes_once_the_accounting_record_stays_and_everything_verifies(told, maker, checker):  # noqa: F811
    assert all(re.search(mark, rooms_text()) for mark in MARKS)
    assert seal_histories() > 10
    wrong_already = errors()  # that a posting is younger than its approval: it was put back in time above
    stays = (
        list(BasketLine.objects.order_by("pk").values("account_reference", "amount", "fund")),
        list(
            PaymentAttempt.objects.order_by("pk").values("reference", "amount", "posting", "provider_id", "card_brand")
        ),
    )
    asked = list(Request.objects.filter(kind="ledger.journal").values(
        "summary", "amount", "requested_by_name", "decided_by_name", "outcome", "reason"))  # fmt: skip
    counted = {}
    for code in NEWER:
        before = Erasure.objects.count()
        done = dispose(maker, checker, code)
        counted[code] = json.loads(done.certificate)["rows_erased"]
        assert counted[code] == done.done == done.planned == Erasure.objects.count() - before > 0
        with pytest.raises(RecordsRefusal, match="Nothing of"):  # twice
            ask(maker, code)
        assert services.carry_out(actor=maker, disposal_id=done.pk).sha256 == done.sha256
    assert counted["messages"] >= 2 * Message.objects.count()
    assert counted["telephone_calls"] == 2
    assert counted["api_payments"] == 2
    assert [mark for mark in MARKS if re.search(mark, rooms_text())] == []
    assert stays == (
        list(BasketLine.objects.order_by("pk").values("account_reference", "amount", "fund")),
        list(
            PaymentAttempt.objects.order_by("pk").values("reference", "amount", "posting", "provider_id", "card_brand")
        ),
    )
    assert asked == list(Request.objects.filter(kind="ledger.journal").values(
        "summary", "amount", "requested_by_name", "decided_by_name", "outcome", "reason"))  # fmt: skip
    assert Entry.objects.filter(payer_name=CANARY).exists()  # the receipt has a rule of its own
    assert errors() == wrong_already <= {"ledger.approval_differs"}
    with guards_down("payments_historicalbasket") as cursor:  # what is left of it is under seal too
        cursor.execute("UPDATE payments_historicalbasket SET state = 'open'")
    assert "audit.altered_history" in errors()


def test_a_hold_on_the_account_or_the_fund_keeps_all_of_it(told, maker, checker):  # noqa: F811
    hold = services.place_hold(actor=maker, reason="Claim 7", reference=told.world.council_tax_account.lower())
    kept = rooms_text()
    due = [code for code in NEWER if standing(maker, code).count]
    assert due == []
    assert all(standing(maker, code).held > 0 for code in NEWER)
    services.lift_hold(actor=maker, hold_id=hold.pk, reason="Settled")
    by_fund = services.place_hold(actor=maker, reason="Claim 8", fund="23")
    assert [code for code in NEWER if standing(maker, code).count] == []
    services.lift_hold(actor=maker, hold_id=by_fund.pk, reason="Settled")
    services.place_hold(actor=maker, reason="Another's", reference="999999999")
    assert all(standing(maker, code).count > 0 for code in NEWER)
    assert rooms_text() == kept


def standing(maker, code: str):  # noqa: F811
    from ims.records import selectors

    return selectors.plan(selectors.rule_of(code))


def test_what_is_under_way_is_not_due(told, maker):  # noqa: F811
    with guards_down() as cursor:
        cursor.execute("UPDATE payments_paymentattempt SET state = 'held'")
        cursor.execute("UPDATE payments_dispute SET state = 'under_review'")
        cursor.execute("UPDATE correspondence_message SET state = 'waiting'")
        cursor.execute("UPDATE telephone_line_callpayment SET state = 'announced'")
        cursor.execute("UPDATE api_notification SET state = 'waiting'")
    assert [code for code in ("payers", "messages", "telephone_calls") if standing(maker, code).count] == []


def test_what_is_gone_is_not_sent_again_and_its_pages_say_so(told, maker, checker, client, people):  # noqa: F811
    receipt = Message.objects.filter(purpose="receipt").first()
    for code in ("messages", "payers", "api_payments", "requests"):
        dispose(maker, checker, code)
    with pytest.raises(ImsError, match="Say where"):
        writing.send_again(actor=SET_UP, message_id=receipt.pk, reason="Asked")
    assert writing.send_again(actor=SET_UP, message_id=receipt.pk, to="new@example.org", reason="Asked").body
    with pytest.raises(ImsError, match="disposed of"):
        notifying.send_again(actor=SET_UP, notification_id=Notification.objects.get().pk, reason="Asked")
    client.force_login(people["Administrator"])
    page = client.get(f"/approvals/{Request.objects.filter(kind='ledger.journal').get().pk}/")
    assert b"were disposed of" in page.content
    for address in (f"/payments/{PaymentAttempt.objects.first().pk}/", "/payments/links/",
                    f"/admin/correspondence/message/{receipt.pk}/change/"):  # fmt: skip
        assert client.get(address).status_code == 200, address


def test_the_database_lets_nobody_else_change_them(told):
    line = BasketLine.objects.filter(basket__sealed_at__isnull=False).first()
    for statement in (
        f"UPDATE payments_basketline SET narrative = '' WHERE id = {line.pk}",
        "UPDATE approvals_request SET payload = '{}', plan = '{}', stamp = '{}'",
        "UPDATE api_clientpayment SET return_url = '', client_reference = ''",
        "UPDATE payments_historicalbasket SET payer_name = '', email = ''",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


# --- nothing forgotten -------------------------------------------------------------------------------------------

TEXT = (models.TextField, models.CharField, models.JSONField, models.BinaryField)
SUSPECT = re.compile(
    "name|surname|payer_name|payer_key|email|telephone|address|postcode|narrative|body|message|text|note|to|raw|content|"
    "compressed|payload|card_last_four|answer|return_url|subject|failure|left_out|examples|before|after|user_agent|ip"
)
"""Names of columns that usually hold text about people."""

STAYS = {
    "access_": "staff: who may do what, signed off",
    "account_": "staff: sign-in",
    "people_": "staff: the trail names them",
    "sign_in_": "staff: sign-in",
    "socialaccount_": "staff: sign-in",
    "usersessions_": "staff: sessions end and are cleared",
    "mfa_": "staff: sign-in",
    "auth_": "roles",
    "council_": "the council itself",
    "funds_": "finance's own lists",
    "exports_exportprofile": "settings",
    "imports_fileprofile": "settings",
    "imports_routingrule": "settings",
    "imports_batchstep": "what staff noted of a file",
    "imports_sourcefile.name": "the name a file came with",
    "payment_types_": "settings",
    "payments_refund.failure": "the provider's word for why",
    "telephone_line_callline.narrative": "the title of a payment type",
    "payments_paymentservice": "settings",
    "payments_attemptmove": "states",
    "payments_paymentexception": "references and sums; what staff decided",
    "correspondence_carrieraccount": "settings",
    "correspondence_wording": "settings",
    "approvals_limit": "settings",
    "approvals_conflict": "settings",
    "api_client.": "other systems, not people",
    "api_spentkey": "deleted after ninety days",
    "audit_event": "the trail, which the council must keep",
    "evidence_": "packs are let go after days; seals name nobody",
    "interests_interest": "what staff declared of themselves, on which audits of their work rely",
    "jobs_jobrun": "progress in numbers",
    "ledger_accountingperiod": "names of years",
    "records_erasure": "hashes",
    "records_subjectrequest.left_out": "keys of rows and why",
    "suspense_matchsuggestion": "deleted when its item closes",
    "accounts_stopreason": "settings",
    "django_content_type": "the framework's",
}


@pytest.mark.django_db
def test_every_column_that_may_hold_text_about_people_is_stripped_or_says_why_it_stays():
    with connection.cursor() as cursor:
        forgotten = []
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            cursor.execute("SELECT ims_erasable(%s)", [table])
            erased = set(json.loads(cursor.fetchone()[0] or "{}"))
            plain = table.replace("_historical", "_")
            forgotten += [
                f"{table}.{column.column}"
                for column in model._meta.local_fields
                if isinstance(column, TEXT)
                and not column.choices
                and column.column not in erased
                and SUSPECT.fullmatch(column.column)
                if not f"{plain}.{column.column}".startswith(tuple(STAYS))
            ]
    assert forgotten == []
    stripped = {target.table for each in classes.CLASSES for target in each.targets}
    histories = {model._meta.db_table for model in apps.get_models() if "_historical" in model._meta.db_table}
    for table in {table for table in stripped if "_historical" not in table}:
        room, _, name = table.rpartition("_")
        past = f"{room}_historical{name}"
        assert past not in histories or past in stripped, f"The history of {table} keeps what it loses."
