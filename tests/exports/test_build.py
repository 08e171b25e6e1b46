"""Building journals: balanced, each entry once, refused with what is missing, kept byte for byte."""

from __future__ import annotations

import csv
import io
import threading
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from ims.audit.actors import acting, command
from ims.audit.models import Event
from ims.common import clock
from ims.common.errors import ImsError, InvalidInput, NotAllowed, NotFound
from ims.exports import checks, selectors, services
from ims.exports.errors import ExportRefusal, NothingToExport
from ims.exports.models import ExportBatch, ExportedEntry, ExportProfile
from ims.exports.seed import seed_profiles
from ims.funds.models import Fund, GeneralLedgerMapping
from ims.ledger import services as ledger
from tests.exports.conftest import DAY, FINANCE, receipt
from tests.support.tampering import guards_down


def build(profile, *, day: date = DAY, key: str = "k", **more) -> ExportBatch:
    return services.build(actor=FINANCE, profile=profile, first=day, key=key, **more)


def read(batch: ExportBatch) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(bytes(batch.content).decode("utf-8-sig"))))


class TestBalance:
    def test_income_net_vat_and_control_account_balance(self, journal):
        receipt("31", "120.00")
        receipt("23", "50.00")
        batch = build(journal)
        rows = [(row["Account"], row["Debit"], row["Credit"], row["VAT code"]) for row in read(batch)]
        assert rows == [
            ("990000", "170.00", "", ""),
            ("964023", "", "50.00", "N0"),
            ("964031", "", "100.00", "W0"),
            ("980000", "", "20.00", "W0"),
        ]
        assert (batch.debit_total, batch.credit_total, batch.entry_count) == (Decimal("170.00"), Decimal("170.00"), 2)
        assert list(checks.verify()) == []

    def test_money_given_back_changes_sides(self, journal):
        receipt("31", "-60.00")
        rows = [(row["Account"], row["Debit"], row["Credit"]) for row in read(build(journal))]
        assert rows == [("990000", "", "60.00"), ("964031", "50.00", ""), ("980000", "10.00", "")]

    def test_full_detail_has_lines_for_each_entry_with_its_receipt(self, journal):
        journal.is_detail = True
        services.save_profile(actor=FINANCE, profile=journal, reason="Auditors want detail")
        first, second = receipt("31", "120.00", narrative="FEE"), receipt("31", "1.20")
        batch = build(journal)
        assert [(line.side, line.entry.posting) for line in batch.lines.select_related("entry__posting")] == [
            ("income", first),
            ("vat", first),
            ("control", first),
            ("income", second),
            ("vat", second),
            ("control", second),
        ]
        assert read(batch)[0]["Description"] == f"{first}/1 FEE"
        assert list(checks.verify()) == []

    def test_lines_are_told_apart_as_the_profile_says(self, journal):
        receipt("23", "50.00", method="28")
        receipt("23", "70.00", method="90")
        journal.group_by = ["method_of_payment"]
        services.save_profile(actor=FINANCE, profile=journal, reason="By method")
        income = [row["Credit"] for row in read(build(journal)) if row["Account"] == "964023"]
        assert income == ["50.00", "70.00"]

    def test_the_most_specific_mapping_of_the_day_wins(self, journal):
        with acting(command("test")):
            GeneralLedgerMapping.objects.create(
                side="control", method_of_payment_id="90", gl_code="991111", valid_from=DAY
            )
        receipt("23", "70.00", method="90")
        receipt("23", "30.00", method="90", day=DAY - timedelta(days=1))
        batch = build(journal, day=DAY - timedelta(days=1), last=DAY)
        control = [(row["Date"], row["Account"]) for row in read(batch) if row["Debit"]]
        assert control == [("2026-11-18", "990000"), ("2026-11-19", "991111")]

    def test_funds_that_are_not_exported_stay_out(self, journal):
        with acting(command("test")):
            fund = Fund.objects.get(pk="23")
            fund.is_exported_to_ledger = False
            fund.save()
        receipt("23", "70.00")
        with pytest.raises(NothingToExport):
            build(journal)

    def test_a_receipt_and_its_reversal_on_one_day_go_out_and_cancel(self, journal):
        today = clock.today()
        posting = receipt("23", "70.00", day=today)
        ledger.reverse(actor=FINANCE, posting_id=posting.pk, reason="Wrong")
        batch = build(journal, day=today)
        assert (batch.entry_count, batch.line_count, batch.debit_total) == (2, 0, 0)


class TestOnce:
    def test_the_same_request_returns_the_batch_built_first(self, journal):
        receipt("23", "70.00")
        batch = build(journal)
        assert build(journal) == batch
        assert ExportBatch.objects.count() == 1

    def test_a_day_that_has_gone_is_refused_naming_its_batch(self, journal):
        receipt("23", "70.00")
        batch = build(journal)
        with pytest.raises(NothingToExport, match="General ledger journal 1; the last was built by Fi Finance") as told:
            build(journal, key="again")
        assert told.value.batches == (batch,)

    def test_a_late_entry_goes_into_a_further_batch(self, journal):
        receipt("23", "70.00")
        first = build(journal)
        receipt("23", "5.00")
        assert [waiting.entry_count for waiting in selectors.waiting(journal, DAY, DAY)] == [1]
        second = build(journal, key="late")
        assert (second.sequence, second.debit_total) == (2, Decimal("5.00"))
        assert (first.sequence, first.debit_total) == (1, Decimal("70.00"))
        assert list(checks.verify()) == []

    def test_an_entry_goes_out_once_for_each_profile(self, profiles):
        receipt("23", "70.00")
        for number, profile in enumerate(profiles.values()):
            build(profile, key=str(number))
        assert ExportedEntry.objects.count() == len(profiles)

    def test_re_issue_gives_the_very_same_bytes(self, journal):
        receipt("23", "70.00")
        batch = build(journal)
        again = services.build_or_reissue(actor=FINANCE, profile=journal, first=DAY, key="again")
        assert (again.batch, again.created) == (batch, False)
        _, content = services.download(actor=FINANCE, batch_id=batch.pk)
        assert content == bytes(ExportBatch.objects.get(pk=batch.pk).content)

    def test_what_was_sent_cannot_be_altered(self, journal):
        receipt("23", "70.00")
        batch = build(journal)
        for change in (
            lambda: ExportBatch.objects.filter(pk=batch.pk).update(content=b""),
            lambda: batch.lines.update(debit=1),
            lambda: ExportedEntry.objects.all().delete(),
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                change()

    def test_what_was_altered_with_its_hash_or_taken_away_is_found(self, journal):
        receipt("23", "70.00")
        build(journal)
        with guards_down("exports_exportbatch") as cursor:
            cursor.execute("UPDATE exports_exportbatch SET content = 'x', sha256 = encode(sha256('x'), 'hex')")
        assert [finding.check for finding in checks.verify()] == ["exports.not_as_built"]
        with guards_down("exports_exportbatch") as cursor:
            cursor.execute("DELETE FROM exports_exportbatch")
        assert "exports.not_as_built" in {finding.check for finding in checks.verify()}


class TestRefusals:
    def test_an_empty_day(self, journal):
        with pytest.raises(NothingToExport, match="no entry has an accounting date of 19 Nov 2026"):
            build(journal)

    def test_every_missing_code_is_named_and_nothing_is_written(self, journal):
        GeneralLedgerMapping.objects.filter(fund_id__in=["23", "31"]).delete()
        GeneralLedgerMapping.objects.filter(side="vat").delete()
        receipt("23", "70.00")
        receipt("31", "12.00")
        with pytest.raises(ExportRefusal) as told:
            build(journal)
        assert told.value.details == (
            "no income code for fund 23, method of payment 28 on 19 Nov 2026",
            "no income code for fund 31, method of payment 28 on 19 Nov 2026",
            "no VAT code for VAT code W0 (fund 31) on 19 Nov 2026",
        )
        assert not ExportBatch.objects.exists()
        assert [waiting.entry_count for waiting in selectors.waiting(journal, DAY, DAY)] == [2]

    def test_days_that_cannot_be(self, journal):
        with pytest.raises(ExportRefusal, match="before it starts"):
            build(journal, last=DAY - timedelta(days=1))
        with pytest.raises(ExportRefusal, match="still to come"):
            build(journal, day=clock.today() + timedelta(days=1))
        with pytest.raises(ExportRefusal, match="a year at most"):
            build(journal, day=DAY - timedelta(days=400), last=DAY)

    def test_a_profile_that_is_not_in_use(self, journal):
        ExportProfile.objects.update(is_active=False)
        journal.refresh_from_db()
        with pytest.raises(ExportRefusal, match="not in use"):
            build(journal)

    def test_without_the_permission_or_with_only_some_funds(self, journal):
        receipt("23", "70.00")
        batch = build(journal)
        nobody = replace(FINANCE, permissions=frozenset())
        some = replace(FINANCE, funds=frozenset({"23"}))
        for actor in (nobody, some):
            with pytest.raises(NotAllowed):
                services.build(actor=actor, profile=journal, first=DAY, key="x")
        with pytest.raises(NotAllowed):
            services.download(actor=nobody, batch_id=batch.pk)
        with pytest.raises(NotFound):
            services.download(actor=some, batch_id=batch.pk)

    def test_a_profile_by_a_name_that_is_not_there(self, journal):
        assert selectors.get_profile("general LEDGER journal") == journal
        with pytest.raises(NotFound, match="There are: Fixed width"):
            selectors.get_profile("Nothing")


class TestProfiles:
    def test_seeding_twice_adds_nothing(self, profiles):
        again = seed_profiles(command("seed"))
        assert {profile.pk for profile in again} == {profile.pk for profile in profiles.values()}

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"layout": {"detail": []}}, "no detail record"),
            ({"layout": {"detail": [{"source": "colour"}]}}, "there is no source “colour”"),
            ({"group_by": ["weekday"]}, "cannot be added up by “weekday”"),
            ({"file_name": "{nonsense}.csv"}, "cannot be used"),
            ({"file_name": "../{batch}.csv"}, "cannot be the name of a file"),
        ],
    )
    def test_a_profile_that_cannot_work_is_refused(self, journal, change, sentence):
        for name, value in change.items():
            setattr(journal, name, value)
        with pytest.raises(InvalidInput, match=sentence):
            services.save_profile(actor=FINANCE, profile=journal, reason="Try")

    def test_a_change_is_kept_with_its_reason(self, journal):
        journal.file_name = "new-{batch}.csv"
        services.save_profile(actor=FINANCE, profile=journal, reason="Finance asked")
        latest = journal.history.first()
        assert (latest.actor_name, latest.history_change_reason) == ("Fi Finance", "Finance asked")


def test_building_and_fetching_are_on_record(journal):
    receipt("23", "70.00")
    batch = build(journal, reason="Daily")
    services.download(actor=FINANCE, batch_id=batch.pk)
    built, fetched = Event.objects.filter(subject_type="exports.exportbatch").order_by("id")
    assert (built.verb, built.reason, built.data["debits"]) == ("export_built", "Daily", "70.00")
    assert (fetched.verb, fetched.actor_name, fetched.data["sha256"]) == (
        "export_downloaded",
        "Fi Finance",
        batch.sha256,
    )


def test_the_plan_shows_what_the_batch_will_hold(journal):
    receipt("31", "120.00")
    plan = selectors.plan(FINANCE, journal, DAY, DAY)
    batch = build(journal)
    assert plan.balances
    assert (plan.entry_count, plan.debit_total) == (batch.entry_count, batch.debit_total)
    assert [(line.gl_code, line.debit, line.credit) for line in plan.lines] == list(
        batch.lines.values_list("gl_code", "debit", "credit")
    )


def test_two_at_once_export_each_entry_once(world_committed, transactional_db):
    profile = next(iter(seed_profiles(command("seed"))))
    receipt("23", "70.00")
    barrier = threading.Barrier(2)
    results: list[object] = []

    def attempt(key: str) -> None:
        try:
            barrier.wait()
            results.append(build(profile, key=key))
        except ImsError as refusal:
            results.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt, args=(key,)) for key in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(result).__name__ for result in results) == ["ExportBatch", "NothingToExport"]
    assert ExportedEntry.objects.count() == 1


def test_one_request_builds_the_journals_of_one_profile(profiles):
    receipt("23", "10.00")
    first, other = list(profiles.values())[:2]
    build(first, key="same")
    with pytest.raises(ExportRefusal, match="Begin again"):
        build(other, key="same")
    assert ExportBatch.objects.count() == 1
