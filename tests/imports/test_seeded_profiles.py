"""The profiles that come with IMS, over the sample files."""

from __future__ import annotations

import io
from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from ims.audit.actors import acting
from ims.common.errors import InvalidInput
from ims.funds.models import BankHoliday, MethodOfPayment
from ims.imports import checks, selectors, services
from ims.imports.models import FileProfile, ImportRow, ImportStatement, RoutingRule
from ims.imports.seed import seed_profiles
from ims.ledger.models import Entry
from tests.imports.files import YESTERDAY, csv_of, line, posted, received, sample
from tests.support.world import SET_UP


def through(actor, path: str, profile: str = ""):
    """A sample file, its format told from its content, from bytes to posting."""
    batch = received(actor, sample(path), profile, path.split("/")[-1])
    batch = services.check(actor=actor, batch_id=batch.pk)
    return services.post(actor=actor, batch_id=batch.pk) if batch.state == "checked" else batch


def test_seeding_twice_adds_nothing_and_keeps_what_the_council_changed(seeded, actor):
    seeded["mt940"].name = "Our bank"
    services.save_profile(actor=actor, profile=seeded["mt940"], reason="Ours")
    assert seed_profiles(actor) == []
    assert FileProfile.objects.get(code="mt940").name == "Our bank"
    assert {"mt940", "camt053", "allpay", "receipts15"} <= set(seeded)
    assert seeded["mt940"].method_of_payment_id == "28"
    assert seeded["mt940"].office_id == "99"


def test_allpay_letters_become_methods(world, actor):
    with acting(SET_UP, "Test set-up"):
        for code in ("15", "16", "17", "18", "19", "20", "21"):
            MethodOfPayment.objects.create(code=code, name=f"allpay {code}")
    seed_profiles(actor)
    batch = through(actor, "allpay/synthetic-allpay.txt")
    assert batch.state == "posted"
    by_letter = dict(ImportRow.objects.filter(batch=batch).values_list("type_code", "method_of_payment"))
    expected = {"P": "15", "C": "16", "Q": "17", "T": "18", "Z": "19", "N": "20", "B": "21"}
    assert by_letter == {letter: expected[letter] for letter in by_letter}
    assert batch.posting.total == Decimal("1443.35")
    assert RoutingRule.objects.count() == 7


def test_a_receipts_file_names_its_own_funds_and_methods(seeded, actor):
    day = f"{YESTERDAY:%d/%m/%Y}"
    rows = [
        ("R1", "", "", "WP", day, day, "700123452", "7", "23", "28", "12.50", "N0", "0", "0", 'Tax, "spring"'),
        ("R2", "", "", "WP", day, day, "BC/1", "7", "31", "90", "120.00", "W0", "0.2", "20", "Plans"),
    ]
    batch = received(actor, csv_of(rows), "receipts15")
    services.check(actor=actor, batch_id=batch.pk)
    services.post(actor=actor, batch_id=batch.pk)
    found = Entry.objects.order_by("line").values_list("fund_id", "method_of_payment_id", "office_id", "vat_amount")
    assert list(found) == [("23", "28", "WP", Decimal("0.00")), ("31", "90", "WP", Decimal("20.00"))]
    assert Entry.objects.order_by("line").first().narrative == 'Tax, "spring"'


@pytest.mark.parametrize(
    ("path", "code", "count"),
    [
        ("mt940/salimfadhley-sample_file.txt", "mt940", 8),
        ("csv-uk/synthetic-barclays.csv", "barclays", 5),
        ("csv-uk/synthetic-lloyds.csv", "lloyds", 5),
        ("csv-uk/synthetic-santander.txt", "santander", 5),
    ],
)
def test_bank_files_are_recognised_and_unknown_money_goes_to_suspense(seeded, actor, path, code, count):
    batch = through(actor, path)
    assert (batch.state, batch.profile.code) == ("posted", code)
    assert batch.posting.entry_count == count
    assert set(Entry.objects.values_list("fund_id", flat=True)) == {"1"}


def mt940(number: int, opening: str, credit: str, closing: str) -> bytes:
    entry = f":61:2604010401C{credit},00NTRFNONREF//{number}\r\n:86:700123452 TAX\r\n" if credit else ""
    return (
        f":20:REF{number}\r\n:25:12345612345678\r\n:28C:{number}/1\r\n:60F:C260401GBP{opening},00\r\n"
        f"{entry}:62F:C260401GBP{closing},00\r\n-\r\n"
    ).encode()


def test_a_statement_that_does_not_follow_on_is_taken_with_a_notice(seeded, actor):
    for content in (mt940(1, "100", "50", "150"), mt940(2, "150", "5", "155")):
        batch = services.check(actor=actor, batch_id=received(actor, content, "mt940").pk)
        assert batch.notices == []
        services.post(actor=actor, batch_id=batch.pk)
    batch = services.check(actor=actor, batch_id=received(actor, mt940(4, "170", "5", "175"), "mt940").pk)
    assert batch.state == "checked"
    assert "opens at £170.00" in batch.notices[0]["message"]
    assert "closed at £155.00" in batch.notices[0]["message"]


def test_a_statement_of_a_quiet_day_is_taken_and_continues_the_chain(seeded, actor):
    batch = services.check(actor=actor, batch_id=received(actor, mt940(1, "100", "", "100"), "mt940").pk)
    assert (batch.state, batch.row_count) == ("checked", 0)
    batch = services.post(actor=actor, batch_id=batch.pk)
    assert batch.posting is None
    assert ImportStatement.objects.get(batch=batch).closing == Decimal("100")


def test_files_that_have_not_come_are_late_and_bank_holidays_are_left_out(profile, actor):
    profile.expected_days, profile.expected_by = [0, 1, 2, 3, 4], time(9, 0)
    services.save_profile(actor=actor, profile=profile, reason="Daily")

    def late(day: datetime) -> list[datetime]:
        return [found.expected_at for found in selectors.late_files(day)]

    friday = timezone.make_aware(datetime(2026, 11, 20, 9, 30))
    assert late(friday) == [timezone.make_aware(datetime(2026, 11, 20, 9, 0))]
    assert late(friday - timedelta(hours=1)) == [timezone.make_aware(datetime(2026, 11, 19, 9, 0))]
    assert late(friday + timedelta(days=2)) == [timezone.make_aware(datetime(2026, 11, 20, 9, 0))]
    with acting(SET_UP, "Test set-up"):
        BankHoliday.objects.create(day=friday.date(), name="A holiday")
    assert late(friday) == [timezone.make_aware(datetime(2026, 11, 19, 9, 0))]
    posted(actor, [line()])
    assert selectors.late_files() == []


def test_a_profile_that_cannot_be_used_is_refused_with_every_fault(profile, actor):
    profile.layout = {"columns": [{"field": "colour", "column": 1}]}
    with pytest.raises(InvalidInput) as refused:
        services.save_profile(actor=actor, profile=profile, reason="x")
    assert any("colour" in fault for fault in refused.value.details)
    profile.format = "nonsense"
    with pytest.raises(InvalidInput, match="no file format “nonsense”"):
        services.save_profile(actor=actor, profile=profile, reason="x")


def test_checks_find_what_was_changed_outside(profile, actor):
    batch = posted(actor, [line(), line(narrative="B")])
    assert list(checks.verify()) == []
    ImportRow.objects.filter(batch=batch, line=2).update(amount=Decimal("11.00"))
    ImportRow.objects.filter(batch=batch, line=1).update(outcome="discarded")
    assert [finding.check for finding in checks.verify()] == ["imports.posting_differs"]
    services.receive(actor=actor, stream=io.BytesIO(b"x"), name="x", profile="simple")
    assert "imports.bytes_differ" not in {finding.check for finding in checks.verify()}


@pytest.mark.parametrize("report", ["ADDACS", "AUDDIS", "AWACS", "INPUT"])
def test_reports_that_hold_no_money_are_kept_and_post_nothing(seeded, actor, report):
    day = "20260401" if report == "INPUT" else "20260407"
    batch = through(actor, f"bacs-xml/synthetic-{report}-{day}.xml")
    assert batch.state == "posted"
    assert batch.posting is None
    rows = ImportRow.objects.filter(batch=batch)
    assert {row.outcome for row in rows} == {"ignored"}
    assert all(row.reason.startswith(f"Line {row.line}: it is ") for row in rows)


def test_what_a_bank_tells_during_the_day_is_for_information(seeded, actor):
    for code, sample_file in (
        ("mt942", "mt942/railslove-mt942.txt"),
        ("camt052", "camt052/viafintech-valid_example.xml"),
    ):
        assert seeded[code].entries == FileProfile.Entries.NOTHING
        batch = through(actor, sample_file, code)
        assert set(batch.rows.values_list("outcome", flat=True)) <= {"ignored", "invalid"}
    assert Entry.objects.count() == 0
