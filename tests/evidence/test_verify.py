"""Whatever a superuser alters, `ims verify` names it: each kind of record, with every trigger taken away."""

from __future__ import annotations

import hashlib
import zlib
from datetime import timedelta

import pytest
from django.db import connection

from ims.audit.actors import acting, command
from ims.audit.history_seals import seal_histories
from ims.audit.models import Event, EventSeal, HistorySeal, SealedEvent
from ims.audit.seals import seal_events
from ims.audit.services import record
from ims.common import clock
from ims.evidence.integrity import check_everything
from ims.funds.models import Fund
from ims.imports.models import SourceFile
from ims.ledger.models import Entry, Posting
from ims.ledger.seals import seal_pending
from tests.imports.files import line, posted, simple_profile
from tests.support.tampering import guards_down
from tests.support.world import World

ACTOR = command("test")


@pytest.fixture
def council(world: World) -> None:
    """A file posted, sealed with the events about it; then some more."""
    simple_profile()
    posted(ACTOR, [line(), line(amount="20.00"), line(amount="30.00")])
    seal_pending()
    seal_events()
    record("something_done", actor=ACTOR, data={"amount": "12.50", "before": None})
    seal_events()


def found() -> dict[str, str]:
    """Errors by the name of the check, with what they say."""
    report = check_everything(actor=ACTOR)
    return {finding.check: finding.message for finding in report.findings if finding.severity == "error"}


def alter(table: str, statement: str, *values) -> None:
    with guards_down(table) as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount >= 1


def test_nothing_is_found_where_nothing_was_altered(council):
    assert found() == {}
    assert SealedEvent.objects.count() >= Event.objects.exclude(verb="integrity_checked").count()


def test_an_altered_entry(council):
    alter("ledger_entry", "UPDATE ledger_entry SET amount = amount + 1 WHERE line = 2")
    assert "Line 2 of" in found()["ledger.altered_entry"]


def test_a_removed_entry(council):
    alter("ledger_entry", "DELETE FROM ledger_entry WHERE line = 2")
    assert found()["ledger.removed_entry"].startswith("Line 2 of")


_COLUMNS = (
    "posting_id, fund_id, account_reference, method_of_payment_id, office_id, amount, vat_code_id, vat_rate,"
    " vat_amount, narrative, payer_name, source_reference, received_on"
)


def test_an_inserted_back_dated_entry_even_with_its_hash_remade(council):
    with guards_down("ledger_entry") as cursor:
        cursor.execute(
            f"INSERT INTO ledger_entry (line, accounting_date, posted_at, leaf, {_COLUMNS})"
            f" SELECT 99, accounting_date - 30, posted_at - interval '30 days', '', {_COLUMNS}"
            " FROM ledger_entry WHERE line = 1"
        )
        cursor.execute("UPDATE ledger_entry e SET leaf = ims_entry_leaf(e) WHERE line = 99")
    assert "Line 99 of" in found()["ledger.inserted_entry"]


def test_a_reordered_pair_even_with_its_hashes_remade(council):
    with guards_down("ledger_entry") as cursor:
        cursor.execute("UPDATE ledger_entry SET line = line + 10 WHERE line IN (1, 2)")
        cursor.execute("UPDATE ledger_entry SET line = 13 - line WHERE line IN (11, 12)")
        cursor.execute("UPDATE ledger_entry e SET leaf = ims_entry_leaf(e)")
    named = found()
    assert "Lines 1 and 2 of" in named["ledger.reordered_entries"]
    assert "ledger.posting_differs_from_seal" in named


def test_an_altered_and_a_missing_seal(council):
    alter("ledger_seal", "UPDATE ledger_seal SET total = total + 1")
    assert "ledger.altered_seal" in found()
    with guards_down("ledger_seal", "ledger_sealedposting") as cursor:
        cursor.execute("DELETE FROM ledger_sealedposting")
        cursor.execute("DELETE FROM ledger_seal")
    assert "ledger.seal_gone" in found()


@pytest.mark.parametrize(
    ("table", "statement", "check"),
    [
        ("audit_event", "UPDATE audit_event SET actor_name = 'X' WHERE verb = 'something_done'", "audit.altered_event"),
        ("audit_event", "UPDATE audit_event SET data = '{}' WHERE verb = 'something_done'", "audit.altered_event"),
        ("audit_event", "UPDATE audit_event SET reason = 'X' WHERE verb = 'something_done'", "audit.altered_event"),
        ("audit_event", "DELETE FROM audit_event WHERE verb = 'something_done'", "audit.event_gone"),
        ("audit_eventseal", "UPDATE audit_eventseal SET event_count = 7", "audit.altered_seal"),
        ("audit_sealedevent", "UPDATE audit_sealedevent SET digest = '\\x00'", "audit.altered_seal"),
        ("audit_sealedevent", "DELETE FROM audit_sealedevent WHERE seal_id = (SELECT max(id) FROM audit_eventseal)",
         "audit.altered_seal"),
        ("audit_eventseal", "DELETE FROM audit_eventseal WHERE id = (SELECT max(id) FROM audit_eventseal)",
         "audit.seal_gone"),
    ],
)  # fmt: skip
def test_the_audit_trail_altered(council, table, statement, check):
    alter(table, statement)
    assert check in found()


def test_a_missing_seal_of_events(council):
    first = EventSeal.objects.order_by("pk").first()
    with guards_down("audit_eventseal", "audit_sealedevent") as cursor:
        cursor.execute("DELETE FROM audit_sealedevent WHERE seal_id = %s", [first.pk])
        cursor.execute("DELETE FROM audit_eventseal WHERE id = %s", [first.pk])
    assert "audit.missing_seal" in found()


def test_an_event_slipped_in_with_an_old_date(council):
    late = record("something_else", actor=ACTOR)
    alter("audit_event", "UPDATE audit_event SET occurred_at = occurred_at - interval '3 days' WHERE id = %s", late.pk)
    assert "audit.unsealed_event" in found()
    seal_events()
    assert "audit.back_dated_event" in found()


def test_the_past_of_a_record_altered_removed_slipped_in_or_its_seal(council):
    with acting(ACTOR, "Renamed"):
        fund = Fund.objects.get(code="23")
        fund.name = "Council Tax, renamed"
        fund.save()
        with connection.cursor() as cursor:  # a number that no row took
            cursor.execute("SELECT nextval(pg_get_serial_sequence('funds_historicalfund', 'history_id'))")
            free = cursor.fetchone()[0]
        fund.save()
    assert seal_histories() >= 2
    assert seal_histories() == 0
    assert found() == {}
    renamed, last = Fund.history.filter(code="23").order_by("history_id").values_list("history_id", flat=True)[:2]
    alter("funds_historicalfund", "UPDATE funds_historicalfund SET name = 'X' WHERE history_id = %s", renamed)
    said = found()["audit.altered_history"]
    assert said.startswith(f"Row {renamed} of funds_historicalfund has been altered since History seal ")
    alter("funds_historicalfund", "DELETE FROM funds_historicalfund WHERE history_id = %s", last)
    with guards_down("funds_historicalfund") as cursor:
        columns = [column.column for column in Fund.history.model._meta.concrete_fields if column.name != "history_id"]
        names = ", ".join(columns)
        cursor.execute(f"INSERT INTO funds_historicalfund (history_id, {names}) SELECT {free}, {names}"
                       f" FROM funds_historicalfund WHERE history_id = {renamed}")  # fmt: skip
    named = found()
    assert f"Row {last} of funds_historicalfund has been removed" in named["audit.history_gone"]
    assert f"Row {free} of funds_historicalfund was slipped in" in named["audit.inserted_history"]
    alter("audit_historyseal", "UPDATE audit_historyseal SET marks = '' WHERE table_name = 'funds_historicalfund'")
    assert "audit.altered_history_seal" in found()


def test_a_past_slipped_in_beside_what_is_sealed(council):
    with acting(ACTOR, "Renamed"):
        Fund.objects.get(code="23").save()
        seal_histories()
    row = Fund.history.latest("history_id").history_id
    names = [column.column for column in Fund.history.model._meta.concrete_fields if column.name != "history_id"]
    old = ", ".join("history_date - interval '40 days'" if name == "history_date" else name for name in names)
    for key in (-5, row + 1):  # one that no seal will ever cover, and one that the next seal takes for new
        alter("funds_historicalfund", f"INSERT INTO funds_historicalfund (history_id, {', '.join(names)})"
              f" SELECT {key}, {old} FROM funds_historicalfund WHERE history_id = {row}")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('funds_historicalfund', 'history_id'), %s)", [row + 1])
    seal_histories()
    named = found()
    assert "Row -5 of funds_historicalfund was slipped in" in named["audit.inserted_history"]
    assert f"Row {row + 1} of funds_historicalfund says" in named["audit.back_dated_history"]


def test_a_seal_of_a_history_removed_and_one_made_anew(council):
    with acting(ACTOR, "Renamed"):
        Fund.objects.get(code="23").save()
        seal_histories()
        Fund.objects.get(code="5").save()
        seal_histories()
    first, last = HistorySeal.objects.filter(table_name="funds_historicalfund").order_by("pk")
    assert (last.first_id, last.row_count) == (first.last_id + 1, 1)
    alter("audit_historyseal", "DELETE FROM audit_historyseal WHERE id = %s", first.pk)
    assert {"audit.missing_history_seal", "audit.history_seal_gone"} & set(found())
    alter("audit_historyseal", "DELETE FROM audit_historyseal WHERE id = %s", last.pk)
    assert f"History seal {last.pk}, which the audit trail knows" in found()["audit.history_seal_gone"]


@pytest.mark.parametrize(
    "table", ["audit_event", "audit_eventseal", "audit_historyseal", "imports_filecontent", "funds_historicalfund"]
)
def test_a_guard_taken_away(council, table):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only_rows")
    assert table in found()["audit.unguarded_table"]


def test_an_altered_file(council):
    forged = zlib.compress(b"other bytes")
    alter("imports_filecontent", "UPDATE imports_filecontent SET compressed = %s", forged)
    assert SourceFile.objects.get().name in found()["imports.bytes_differ"]
    alter("imports_filecontent", "UPDATE imports_filecontent SET compressed = %s", b"not even compressed")
    assert "imports.bytes_differ" in found()


def test_an_altered_file_whose_hash_was_altered_with_it(council):
    forged = b"other bytes"
    with guards_down("imports_filecontent", "imports_sourcefile") as cursor:
        cursor.execute("UPDATE imports_filecontent SET compressed = %s", [zlib.compress(forged)])
        cursor.execute("UPDATE imports_sourcefile SET sha256 = %s", [hashlib.sha256(forged).hexdigest()])
    named = found()
    assert "imports.bytes_differ" not in named
    assert str(Posting.objects.get(kind="import")) in named["imports.file_gone"]


def test_an_old_altered_file_is_found_at_its_turn_or_when_asked(council):
    file = SourceFile.objects.get()
    old = clock.now() - timedelta(days=400)
    alter("imports_sourcefile", "UPDATE imports_sourcefile SET received_at = %s", old)
    alter("imports_filecontent", "UPDATE imports_filecontent SET compressed = %s", zlib.compress(b"other"))
    report = check_everything(actor=ACTOR, every_file=True)
    assert f"File {file.pk}" in {finding.subject for finding in report.findings}


def test_the_outcome_is_an_audit_event(council):
    alter("ledger_entry", "UPDATE ledger_entry SET amount = amount + 1 WHERE line = 2")
    report = check_everything(actor=ACTOR)
    event = Event.objects.filter(verb="integrity_checked").latest("pk")
    assert report.is_recorded
    assert event.data["errors"] >= 1
    assert "ledger.altered_entry" in {finding["check"] for finding in event.data["findings"]}
    assert event.data["entries"] == Entry.objects.count()


def test_a_card_number_in_a_file_is_pointed_at_masked_and_left_alone(world):
    simple_profile()
    posted(ACTOR, [line(narrative="PAID 4111 1111 1111 1111"), line(narrative="REF 1234567812345670")])
    pointed_at = [each for each in check_everything(actor=ACTOR).findings if each.check == "imports.card_number"]
    assert len({each.subject for each in pointed_at}) == 1
    assert "411111******1111" in pointed_at[0].message
    assert pointed_at[0].severity == "warning"
    assert Entry.objects.filter(narrative__contains="4111 1111 1111 1111").exists()
