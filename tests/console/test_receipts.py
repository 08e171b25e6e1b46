"""Finding receipts, reading one, taking lists away."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from ims.audit.actors import acting
from ims.audit.models import Event
from ims.console.receipt_search import read_box
from ims.funds.models import FundGroup
from ims.ledger import services
from ims.ledger.models import Entry
from ims.people.models import User
from tests.console.conftest import receive
from tests.console.markup import text_of
from tests.support.world import SET_UP, World

SignIn = Callable[[str], Client]
SEARCH = "/receipts/"
IN_USE = frozenset({"REC", "IMP"})


def found(client: Client, query: str) -> list[str]:
    """The receipt numbers that a search lists."""
    answer = client.get(f"{SEARCH}?{query}")
    assert answer.status_code == 200, query
    return [entry.receipt_number for entry in answer.context.get("entries") or []]


class TestTheBox:
    @pytest.mark.parametrize(
        ("typed", "series", "number", "line"),
        [
            ("IMP-000123/7", "IMP", 123, 7),
            ("imp-123/7", "IMP", 123, 7),
            ("REC-000001", "REC", 1, None),
            ("rec000001", "REC", 1, None),
            ("ABC-5/2", "ABC", 5, 2),
        ],
    )
    def test_receipt_numbers(self, typed: str, series: str, number: int, line: int | None):
        criteria = read_box(typed, series=IN_USE).criteria
        assert (criteria.series, criteria.number, criteria.line) == (series, number, line)

    @pytest.mark.parametrize("typed", ["BJ12345673", "700123452", "7001", "45-006", "BC/1"])
    def test_starts_of_references(self, typed: str):
        criteria = read_box(typed, series=IN_USE).criteria
        assert (criteria.account_reference, criteria.account_prefix) == (typed, True)

    @pytest.mark.parametrize(
        ("typed", "amount"),
        [("12.34", "12.34"), ("£12", "12.00"), ("1,234.50", "1234.50"), ("-20.00", "-20.00"), ("-£5", "-5.00")],
    )
    def test_amounts(self, typed: str, amount: str):
        criteria = read_box(typed, series=IN_USE).criteria
        assert criteria.amount_from == criteria.amount_to == Decimal(amount)

    def test_days(self):
        assert read_box("20/11/2026").criteria.received_from == date(2026, 11, 20)
        assert read_box("2026-11-20").criteria.received_to == date(2026, 11, 20)

    @pytest.mark.parametrize("typed", ["mrs moss", "MOSS", "fps credit 12", "£lots"])
    def test_everything_else_is_words(self, typed: str):
        assert read_box(typed).criteria.words == typed

    def test_nothing_asks_for_everything(self):
        assert read_box("  ").explanation == ""

    def test_what_is_too_long_is_cut_rather_than_refused(self):
        assert len(read_box("x" * 5000).criteria.words) == 200


class TestSearching:
    def test_newest_first_with_count_and_total(self, as_role: SignIn, receipts: list[Entry]):
        answer = as_role("Income officer").get(SEARCH)
        assert [entry.pk for entry in answer.context["entries"]][-1] == receipts[5].pk
        assert "6 receipts, £438.00 in all" in text_of(answer.content)

    def test_each_thing_one_may_type(self, as_role: SignIn, receipts: list[Entry]):
        client = as_role("Income officer")
        tax, rent, vat, unknown, returned, other = (entry.receipt_number for entry in receipts)
        assert found(client, "q=700123") == [returned, tax]
        assert found(client, "q=95.50") == [rent]
        assert found(client, "q=-20.00") == [returned]
        assert found(client, "q=moss") == [tax]
        assert found(client, "q=build+ltd") == [vat]
        assert found(client, "q=FP0001") == [unknown]
        assert found(client, f"q={receipts[5].received_on:%d/%m/%Y}") == [other]
        assert found(client, "q=zzz") == []

    def test_a_whole_receipt_number_opens_the_receipt(self, as_role: SignIn, receipts: list[Entry]):
        answer = as_role("Income officer").get(SEARCH, {"q": receipts[1].receipt_number})
        assert answer.url == reverse("receipts:receipt", args=[receipts[1].pk])

    def test_filters_narrow_and_say_so(self, as_role: SignIn, receipts: list[Entry]):
        client = as_role("Income officer")
        week_ago = date.today() - timedelta(days=7)
        assert found(client, "fund=5") == [receipts[1].receipt_number]
        assert found(client, "amount_from=100&amount_to=120") == [receipts[2].receipt_number]
        assert found(client, f"received_to={week_ago:%d+%b+%Y}") == [receipts[5].receipt_number]
        assert found(client, "words=hill") == [receipts[5].receipt_number]
        assert found(client, "kind=journal") == []
        page = text_of(client.get(SEARCH, {"fund": "5"}).content)
        assert "Remove the filter Fund: 5 Housing Rents" in page

    def test_box_and_filters_both_count(self, as_role: SignIn, receipts: list[Entry]):
        client = as_role("Income officer")
        assert found(client, "q=700123&amount_from=0") == [receipts[0].receipt_number]
        assert found(client, "q=95.50&amount_from=96") == []

    def test_a_filter_that_cannot_be_read_is_explained_beside_it(self, as_role: SignIn, receipts: list[Entry]):
        page = text_of(as_role("Income officer").get(SEARCH, {"amount_from": "lots", "received_from": "soon"}).content)
        assert "“lots” is not an amount in pounds" in page
        assert "“soon” is not a date" in page
        page = text_of(as_role("Income officer").get(SEARCH, {"amount_from": "5", "amount_to": "4"}).content)
        assert "put the smaller amount first" in page

    def test_nonsense_in_the_address_does_no_harm(self, as_role: SignIn, receipts: list[Entry]):
        client = as_role("Income officer")
        for query in ("cursor=older.x.y", "cursor=%00", "fund=' OR 1=1", "q=%27%3B--", "office=99&page=-1"):
            assert client.get(f"{SEARCH}?{query}").status_code in (200, 400), query

    def test_pages_go_older_and_newer_and_miss_nothing(
        self, as_role: SignIn, receipts: list[Entry], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("ims.console.views.receipts.PAGE_SIZE", 4)
        client = as_role("Income officer")
        first = client.get(SEARCH)
        older = client.get(f"{SEARCH}?{first.context['page']['older']}")
        seen = [entry.pk for page in (first, older) for entry in page.context["entries"]]
        assert sorted(seen) == sorted(entry.pk for entry in receipts)
        newer = client.get(f"{SEARCH}?{older.context['page']['newer']}")
        assert [e.pk for e in newer.context["entries"]] == [e.pk for e in first.context["entries"]]

    def test_counting_stops_at_the_cap(self, as_role: SignIn, receipts: list[Entry], monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("ims.console.views.receipts.COUNT_NO_FURTHER", 3)
        monkeypatch.setattr("ims.console.views.receipts.PAGE_SIZE", 2)
        assert "More than 3 receipts" in text_of(as_role("Income officer").get(SEARCH).content)

    def test_a_search_that_takes_too_long_is_stopped_with_advice(
        self, as_role: SignIn, receipts: list[Entry], monkeypatch: pytest.MonkeyPatch
    ):
        from django.db import connection

        def slow(*_: object, **__: object) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(3)")

        monkeypatch.setattr("ims.console.views.receipts.SECONDS", 1)
        monkeypatch.setattr("ims.console.views.receipts.selectors.entries_matching", slow)
        answer = as_role("Income officer").get(SEARCH)
        assert answer.status_code == 400
        assert "longer than 1 seconds" in text_of(answer.content)


class TestScope:
    @pytest.fixture
    def rents_only(self, people: dict[str, User], receipts: list[Entry]) -> Client:
        person = people["Income manager"]
        with acting(SET_UP, "Test"):
            group = FundGroup.objects.create(name="Rents")
            group.funds.set(["5"])
        person.fund_groups.set([group])
        client = Client()
        client.force_login(person)
        return client

    def test_only_receipts_of_ones_own_funds(self, rents_only: Client, receipts: list[Entry]):
        assert found(rents_only, "") == [receipts[1].receipt_number]
        assert found(rents_only, "q=moss") == []
        assert "Council Tax" not in rents_only.get(SEARCH).content.decode()
        for name in ("receipt", "print", "journal", "reverse"):
            assert rents_only.get(reverse(f"receipts:{name}", args=[receipts[0].pk])).status_code == 404
        body = b"".join(rents_only.get("/receipts/export/").streaming_content).decode()
        assert body.count("\n") == 2


class TestOneReceipt:
    def test_says_what_it_is_and_where_it_came_from(self, as_role: SignIn, receipts: list[Entry]):
        page = text_of(as_role("Auditor").get(reverse("receipts:receipt", args=[receipts[0].pk])).content)
        for words in (
            "£120.50",
            "Mrs Ada Moss",
            "23 Council Tax",
            "28 Bank credit",
            "Covered by seal",
            "Nothing was moved",
        ):
            assert words in page, words

    def test_offers_only_what_the_person_may_do(self, as_role: SignIn, receipts: list[Entry]):
        def actions(role: str, entry: Entry) -> set[str]:
            page = as_role(role).get(reverse("receipts:receipt", args=[entry.pk])).content.decode()
            return {act for act in ("journal", "reverse") if f"/receipts/{entry.pk}/{act}/" in page}

        assert actions("Income manager", receipts[0]) == {"journal", "reverse"}
        assert actions("Auditor", receipts[0]) == set()
        assert actions("Income manager", receipts[3]) == {"reverse"}, "suspense is allocated, not journalled"
        assert actions("Income manager", receipts[4]) == {"reverse"}, "a negative line cannot be journalled"

    def test_tells_the_whole_story(self, as_role: SignIn, receipts: list[Entry], world: World):
        target = services.Line(fund="5", amount=Decimal("20.50"), account_reference=world.rents_account)
        journal = services.post_journal(
            actor=SET_UP,
            entry_id=receipts[0].pk,
            targets=[target],
            reason="Tenant paid by the wrong reference",
            key="j",
        )
        client = as_role("Auditor")
        page = text_of(client.get(reverse("receipts:receipt", args=[receipts[0].pk])).content)
        assert f"Journal {journal.reference}" in page
        assert "Tenant paid by the wrong reference" in page
        assert "Still on this receipt £100.00" in page
        services.reverse(actor=SET_UP, posting_id=journal.pk, reason="It was right after all")
        page = text_of(client.get(reverse("receipts:receipt", args=[receipts[0].pk])).content)
        assert "It was right after all" in page
        assert "Still on this receipt £120.50" in page

    def test_the_printed_receipt_shows_vat(self, as_role: SignIn, receipts: list[Entry]):
        page = text_of(as_role("Income officer").get(reverse("receipts:print", args=[receipts[2].pk])).content)
        for words in ("VAT receipt", "£100.00", "standard rate at 20%", "£20.00", "£120.00", "Build Ltd"):
            assert words in page, words

    def test_a_reversed_receipt_prints_as_no_longer_valid(self, as_role: SignIn, receipts: list[Entry]):
        services.reverse(actor=SET_UP, posting_id=receipts[2].posting_id, reason="Cheque bounced")
        page = text_of(as_role("Income officer").get(reverse("receipts:print", args=[receipts[2].pk])).content)
        assert "is no longer valid" in page


class TestTakingAway:
    def test_csv_holds_every_receipt_of_the_search(self, as_role: SignIn, receipts: list[Entry]):
        answer = as_role("Auditor").get("/receipts/export/", {"fund": "23", "format": "csv"})
        body = b"".join(answer.streaming_content).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(body)))
        assert {row["Receipt number"] for row in rows} == {receipts[i].receipt_number for i in (0, 4, 5)}
        assert sum(Decimal(row["Amount"]) for row in rows) == Decimal("180.50")

    def test_a_workbook_holds_numbers_and_dates_as_such(self, as_role: SignIn, receipts: list[Entry]):
        answer = as_role("Auditor").get("/receipts/export/", {"format": "xlsx"})
        sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
        rows = list(sheet.iter_rows(values_only=True))
        assert len(rows) == 7
        assert isinstance(rows[1][11], int | float)
        assert rows[1][2].date() == receipts[4].received_on

    def test_formulas_are_made_harmless(self, as_role: SignIn, world: World):
        receive("31", "5.00", reference="BC/9", key="x", narrative="=HYPERLINK(1)", payer_name="@SUM(A1)")
        body = b"".join(as_role("Auditor").get("/receipts/export/").streaming_content).decode()
        assert "'=HYPERLINK(1)" in body
        assert "'@SUM(A1)" in body
        answer = as_role("Auditor").get("/receipts/export/", {"format": "xlsx"})
        sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)

    def test_too_many_for_a_workbook_are_refused_with_the_way_out(
        self, as_role: SignIn, receipts: list[Entry], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("ims.console.receipt_files.LARGEST_WORKBOOK", 2)
        answer = as_role("Auditor").get("/receipts/export/", {"format": "xlsx"})
        assert answer.status_code == 400
        assert "Export them as CSV" in text_of(answer.content)

    def test_who_took_what_is_kept(self, as_role: SignIn, receipts: list[Entry]):
        as_role("Auditor").get("/receipts/export/", {"fund": "23"})
        event = Event.objects.get(verb="receipts_exported")
        assert (event.actor_name, event.data["search"]) == ("Sam Auditor", "fund=23")
