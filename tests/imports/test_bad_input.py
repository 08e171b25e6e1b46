"""Whatever arrives: one clear sentence, nothing half done, nothing in the ledger."""

from __future__ import annotations

import io
import zipfile

import pytest

from ims.common.errors import ImsError, NotFound
from ims.imports import services
from ims.imports.errors import ImportRefusal
from ims.imports.models import FileContent, FileProfile, ImportBatch, ImportRow, SourceFile
from ims.imports.states import BatchState
from ims.ledger.models import Entry, Posting
from tests.imports.files import LAYOUT, YESTERDAY, checked, csv_of, line, outcomes, received, sample, simple_profile


def refusal(actor, content: bytes, profile: str, name: str = "file.dat") -> ImportBatch:
    """Bring a file in, check it, and see that it is refused as a whole and leaves nothing behind but itself."""
    batch = received(actor, content, profile, name)
    batch = services.check(actor=actor, batch_id=batch.pk)
    assert batch.state == BatchState.REFUSED, batch.error
    assert batch.error.endswith(".")
    assert not batch.rows.exists()
    assert not batch.statements.exists()
    assert not Posting.objects.exists()
    with pytest.raises(ImsError, match="refused"):
        services.post(actor=actor, batch_id=batch.pk)
    return batch


def row_reason(actor, content: bytes, number: int = 2) -> str:
    """The reason of one row of a CSV of the simple profile; the row before it is good and stays so."""
    batch = services.check(actor=actor, batch_id=received(actor, content).pk)
    assert batch.state == BatchState.CHECKED, batch.error
    assert outcomes(batch)[0] == "to_post"
    row = ImportRow.objects.get(batch=batch, line=number)
    assert row.outcome == "invalid"
    assert f"ine {number}" in row.reason
    services.post(actor=actor, batch_id=batch.pk)
    assert Entry.objects.count() == 1
    return row.reason


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"%PDF-1.7 statement", "PDF"),
        (b"\x89PNG\r\n\x1a\n....", "picture"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"just some words\n", "profile"),
        (b"\0\0\0\0", "empty"),
    ],
)
def test_a_file_that_is_no_bank_file_is_refused_at_the_door(seeded, actor, content, sentence):
    with pytest.raises(ImportRefusal, match=sentence):
        received(actor, content, profile="")
    assert not SourceFile.objects.exists()
    assert not FileContent.objects.exists()


def test_a_file_under_the_wrong_profile_is_refused(seeded, actor):
    refusal(actor, sample("allpay/synthetic-allpay.txt"), "mt940")


def test_an_empty_file_is_refused(profile, actor):
    with pytest.raises(ImportRefusal, match="is empty"):
        received(actor, b"")


def test_a_file_of_no_rows_is_refused(profile, actor):
    assert "empty" in refusal(actor, b"\n\n\n", "simple").error
    simple_profile("headed", layout={**LAYOUT, "skip_rows": 1})
    assert "no entries" in refusal(actor, b"Date,Amount,Fund,Reference,Narrative,Payer\n", "headed").error


def test_an_unknown_profile_is_named_with_those_there_are(profile, actor):
    with pytest.raises(NotFound, match=r"“nonsense” in use\. Profiles: simple"):
        received(actor, csv_of([line()]), profile="nonsense")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize(
    ("path", "profile"),
    [("camt053/genkgo-camt053.v2.multi.statement.xml", "camt053"), ("allpay/synthetic-allpay.txt", "allpay")],
)
def test_a_truncated_file_is_refused(seeded, actor, path, profile, share):
    content = sample(path)
    refusal(actor, content[: int(len(content) * share)], profile)


def test_bad_totals_refuse_the_file(seeded, actor):
    error = refusal(actor, sample("allpay/synthetic-allpay-bad-total.txt"), "allpay").error
    assert "£1,443.36" in error
    assert "£1,443.35" in error


def test_a_broken_balance_chain_refuses_the_file(seeded, actor):
    content = (
        b":20:REF\r\n:25:12345612345678\r\n:28C:1/1\r\n:60F:C260401GBP100,00\r\n"
        b":61:2604010401C50,00NTRFREF//1\r\n:86:RENT\r\n:62F:C260401GBP175,00\r\n-\r\n"
    )
    error = refusal(actor, content, "mt940").error
    assert "£175.00" in error
    assert "£25.00" in error


def test_wrong_encoding_is_read_as_windows_or_said(profile, actor):
    content = csv_of([line(narrative="CAFÉ")]).decode().encode("cp1252")
    batch = services.check(actor=actor, batch_id=received(actor, content).pk)
    assert ImportRow.objects.get(batch=batch).narrative == "CAFÉ"


@pytest.mark.parametrize("amount", ["ten pounds", "1.2.3", "", "1O.00", "£", "10.005", "NaN", "Infinity", "1e5"])
def test_an_unreadable_amount_is_never_zero(profile, actor, amount):
    reason = row_reason(actor, csv_of([line(), line(amount)]))
    assert amount in reason


@pytest.mark.parametrize("day", ["2026-02-30", "30/02/2026", "yesterday", "", "20261301"])
def test_an_unreadable_date_holds_the_row(profile, actor, day):
    content = csv_of([line(), (day, *line()[1:])])
    row_reason(actor, content)


def test_a_date_in_the_future_holds_the_row(profile, actor):
    assert "in the future" in row_reason(actor, csv_of([line(), line(on="2099-01-01")]))


def test_an_unknown_fund_holds_only_its_row(profile, actor):
    rows = [line(narrative=f"ROW {n}") for n in range(1000)]
    rows[499] = line(fund="??")
    batch = checked(actor, rows)
    assert outcomes(batch).count("to_post") == 999
    assert ImportRow.objects.get(batch=batch, outcome="invalid").line == 500
    assert batch.totals["by_outcome"]["invalid"]["count"] == 1


def test_a_file_with_twelve_bad_rows_of_twenty_names_each(profile, actor):
    rows = [line(narrative=str(n)) if n % 5 < 2 else line(fund="??", narrative=str(n)) for n in range(20)]
    batch = checked(actor, rows)
    bad = ImportRow.objects.filter(batch=batch, outcome="invalid")
    assert bad.count() == 12
    assert all(row.reason.startswith(f"Line {row.line}: ") for row in bad)
    assert not Entry.objects.exists()


def test_over_long_text_holds_the_row(profile, actor):
    row_reason(actor, csv_of([line(), line(narrative="X" * 5000)]))


def test_a_reference_too_long_holds_the_row(profile, actor):
    row_reason(actor, csv_of([line(), line(fund="13", reference="9" * 150)]))


def test_nul_bytes_reach_nothing(profile, actor):
    content = csv_of([line(), line(narrative="A\0B")])
    batch = services.check(actor=actor, batch_id=received(actor, content).pk)
    assert batch.state in (BatchState.CHECKED, BatchState.REFUSED)
    if batch.state == BatchState.CHECKED:
        assert outcomes(batch)[0] == "to_post"
        assert not ImportRow.objects.filter(narrative__contains="A").exclude(outcome="invalid").exclude(line=1).exists()


def test_separators_and_backslashes_in_text_stay_text(world, actor):
    simple_profile()
    text = "a\x1fb\tc\\nd\\N{x}"
    batch = checked(actor, [line(narrative=text), line(narrative="\\.")])
    found = list(ImportRow.objects.filter(batch=batch).order_by("line").values_list("narrative", flat=True))
    assert found[1] == "\\."
    assert "".join(found[0].split()) == text.replace("\x1f", "").replace("\t", "")


def test_a_file_larger_than_allowed_is_refused_unread(profile, actor, settings):
    class Huge(io.RawIOBase):
        """Two hundred megabytes that must never be read."""

        def seek(self, offset, whence=0):
            return 200 * 1024 * 1024 if whence == 2 else 0

        def read(self, size=-1):
            raise AssertionError("the file was read")

    assert settings.LARGEST_UPLOAD_BYTES < 200 * 1024 * 1024
    with pytest.raises(ImportRefusal, match=r"200 MB; the largest file taken is 100 MB"):
        services.receive(actor=actor, stream=Huge(), name="huge.csv", profile="simple")
    assert not SourceFile.objects.exists()


def test_a_zip_bomb_in_a_workbook_is_refused(world, actor):
    layout = {**LAYOUT, "layout": "spreadsheet"}
    FileProfile.objects.create(
        code="sheet", name="Sheet", format="profile", layout=layout, method_of_payment_id="28", office_id="99"
    )
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (600 * 1024 * 1024))
    assert len(bomb.getvalue()) < 2_000_000
    refusal(actor, bomb.getvalue(), "sheet", "bomb.xlsx")


def test_entity_tricks_are_refused(seeded, actor):
    content = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">'
        b'<!ENTITY f SYSTEM "file:///etc/passwd">]><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">'
        b"<BkToCstmrStmt><GrpHdr><MsgId>&b;&f;</MsgId></GrpHdr></BkToCstmrStmt></Document>"
    )
    batch = refusal(actor, content, "camt053", "tricks.xml")
    assert "root:" not in batch.error


def test_a_file_name_is_only_a_name(profile, actor):
    batch = received(actor, csv_of([line()]), name="../../etc/pass\0wd\n.csv")
    assert batch.file_name == "passwd.csv"


def test_a_foreign_currency_is_not_posted_as_pounds(world, actor):
    layout = {"columns": [*LAYOUT["columns"], {"field": "currency", "column": 7}]}
    simple_profile("money", layout=layout)
    batch = checked(actor, [(*line(), "GBP"), (*line(), "EUR")], profile="money")
    assert outcomes(batch) == ["to_post", "invalid"]
    assert "“EUR”" in ImportRow.objects.get(batch=batch, line=2).reason


def test_money_in_a_closed_period_is_accounted_for_today_or_refused(world, actor):
    from ims.ledger.models import AccountingPeriod
    from ims.ledger.services import close_period

    simple_profile()
    strict = simple_profile("strict", late_money=FileProfile.LateMoney.REFUSE)
    assert strict.late_money == "refuse"
    old = "2025-03-30"
    close_period(actor=actor, period_id=AccountingPeriod.objects.get(name="2024-25").pk, reason="Year end")
    batch = services.post(actor=actor, batch_id=checked(actor, [line(on=old), line()]).pk)
    entries = list(Entry.objects.filter(posting=batch.posting).order_by("line"))
    assert entries[0].received_on.isoformat() == old
    assert entries[0].accounting_date == world.today
    assert entries[1].accounting_date == entries[1].received_on == YESTERDAY

    refused = checked(actor, [line(on=old, narrative="B")], profile="strict")
    with pytest.raises(ImportRefusal, match="30 Mar 2025, which is in no open accounting period"):
        services.post(actor=actor, batch_id=refused.pk)
    refused.refresh_from_db()
    assert refused.state == BatchState.CHECKED

    close_period(
        actor=actor,
        period_id=AccountingPeriod.objects.get(starts_on__lte=world.today, ends_on__gte=world.today).pk,
        reason="Closed by mistake",
    )
    late = checked(actor, [line(on=old, narrative="C")])
    with pytest.raises(ImportRefusal, match="nor today"):
        services.post(actor=actor, batch_id=late.pk)
