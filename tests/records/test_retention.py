"""Retention: what is due, what a hold keeps, two people's decision, a killed worker, a ledger that still verifies."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from ims.accounts.models import AccountHolder
from ims.approvals import services as approvals
from ims.approvals.errors import ApprovalNeeded, ApprovalRefusal
from ims.approvals.states import RequestState
from ims.audit.actors import Actor, acting, command
from ims.audit.models import Event
from ims.audit.seals import seal_events
from ims.common.errors import NotAllowed
from ims.evidence.integrity import check_everything
from ims.imports.models import ImportRow, SourceFile
from ims.jobs.models import JobRun
from ims.ledger import offline_verifier
from ims.ledger.evidence import export_event_evidence, export_evidence
from ims.ledger.models import Entry
from ims.ledger.seals import seal_pending
from ims.people.models import User
from ims.people.selectors import actor_for
from ims.records import rules, selectors, services
from ims.records.errors import RecordsRefusal
from ims.records.models import Disposal, Erasure, RetentionRule
from tests.console.conftest import add_people, receive
from tests.imports.files import line, posted, simple_profile
from tests.support.limits import set_limit
from tests.support.tampering import guards_down
from tests.support.world import SET_UP, World, person

OLD = 3_000
"""Days: more than eight years."""
REASON = "Yearly disposal"


@pytest.fixture
def people(world: World) -> dict[str, User]:
    found = add_people()
    with acting(SET_UP, "Test set-up"):
        for year in range(date.today().year - 10, 2024):
            from ims.ledger.models import AccountingPeriod

            AccountingPeriod.objects.create(name=f"{year}", starts_on=date(year, 4, 1), ends_on=date(year + 1, 3, 31))
        second = User(username="second", display_name="Second Administrator", is_staff=True)
        second.save()
        second.groups.set([Group.objects.get(name="Administrator")])
        found["Second"] = second
    set_limit(services.DISPOSAL_LIMIT, "Administrator", alone="0", approved=None, approves=None)
    return found


@pytest.fixture
def maker(people) -> Actor:
    return actor_for(people["Administrator"])


@pytest.fixture
def checker(people) -> Actor:
    return actor_for(people["Second"])


@pytest.fixture
def receipts(people, world) -> list[Entry]:
    """Two old receipts, of which one is of an account that will be held, and a new one; sealed."""
    found = [
        receive("23", "10.00", reference=world.council_tax_account, key="o", days_ago=OLD, payer_name="Mrs Ada Moss",
                narrative="CT MOSS"),
        receive("23", "20.00", reference=world.other_council_tax_account, key="p", days_ago=OLD, payer_name="B Hill"),
        receive("23", "30.00", reference=world.council_tax_account, key="n", payer_name="Mrs Ada Moss"),
    ]  # fmt: skip
    seal_pending()
    return found


def before(code: str) -> date:
    return selectors.cutoff_of(selectors.rule_of(code))


def ask(maker: Actor, code: str = "ledger_text"):
    payload = {"record_class": code, "before": before(code).isoformat(), "reason": REASON}
    return approvals.request(actor=maker, kind=services.DISPOSAL_KIND, payload=payload, reason=REASON)


def decided(maker: Actor, checker: Actor, code: str = "ledger_text") -> Disposal:
    approved = approvals.approve(actor=checker, request_id=ask(maker, code).pk)
    assert approved.state == RequestState.APPROVED, approved.decision_reason
    return Disposal.objects.get(approval=approved)


def texts() -> list[tuple[str, str]]:
    return list(Entry.objects.order_by("pk").values_list("payer_name", "narrative"))


# --- rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "months", "from_year_end", "expected"),
    [
        (date(2026, 11, 26), 72, True, date(2020, 4, 1)),
        (date(2026, 3, 31), 72, True, date(2019, 4, 1)),
        (date(2026, 4, 1), 72, True, date(2020, 4, 1)),
        (date(2026, 11, 26), 24, False, date(2024, 11, 26)),
        (date(2024, 2, 29), 12, False, date(2023, 2, 28)),
        (date(2026, 1, 15), 1, False, date(2025, 12, 15)),
    ],
)
def test_the_day_before_which_records_are_due(today, months, from_year_end, expected):
    assert rules.cutoff(today, months=months, from_year_end=from_year_end) == expected


def test_every_class_has_a_rule_with_its_legal_source(people):
    assert RetentionRule.objects.count() == len(selectors.classes.CLASSES)
    assert all(rule.basis for rule in RetentionRule.objects.all())
    assert RetentionRule.objects.get(record_class="ledger_text").months == 72


def test_a_rule_changes_with_a_reason_and_keeps_its_history(people, maker):
    change = {
        "record_class": "suspense_notes",
        "counted_from": "day",
        "basis": "Decision 12",
        "is_active": True,
    }
    with pytest.raises(RecordsRefusal, match="why"):
        services.change_rule(actor=maker, months=12, reason=" ", **change)
    services.change_rule(actor=maker, months=12, reason="Shorter", **change)
    row = RetentionRule.history.filter(record_class="suspense_notes").latest("history_id")
    assert (row.months, row.history_change_reason) == (12, "Shorter")
    with pytest.raises(NotAllowed):
        services.change_rule(actor=person(), months=12, reason="x", **change)


# --- plan and holds ----------------------------------------------------------------------------------------------


def test_the_plan_says_what_how_many_oldest_and_newest(receipts, maker):
    plan = selectors.plan(selectors.rule_of("ledger_text"))
    assert (plan.count, plan.held) == (2, 0)
    assert plan.oldest == plan.newest == date.today() - timedelta(days=OLD)


def test_a_hold_keeps_what_it_covers_until_it_is_lifted(receipts, world, maker):
    hold = services.place_hold(actor=maker, reason="Claim 7", reference=world.council_tax_account)
    plan = selectors.plan(selectors.rule_of("ledger_text"))
    assert (plan.count, plan.held) == (1, 1)
    everything = services.place_hold(actor=maker, reason="Inquiry")
    assert selectors.plan(selectors.rule_of("ledger_text")).count == 0
    for each in (hold, everything):
        services.lift_hold(actor=maker, hold_id=each.pk, reason="Settled")
    assert selectors.plan(selectors.rule_of("ledger_text")).count == 2
    with pytest.raises(RecordsRefusal, match="already"):
        services.lift_hold(actor=maker, hold_id=hold.pk, reason="Again")
    with pytest.raises(RecordsRefusal, match="what the hold is for"):
        services.place_hold(actor=maker, reason="")
    with pytest.raises(NotAllowed):
        services.place_hold(actor=person(), reason="x")


def test_a_hold_placed_after_the_decision_still_keeps(receipts, world, maker, checker):
    disposal = decided(maker, checker)
    services.place_hold(actor=maker, reason="Claim 7", reference=world.council_tax_account.lower())
    services.carry_out(actor=maker, disposal_id=disposal.pk)
    assert texts()[0] == ("Mrs Ada Moss", "CT MOSS")
    assert texts()[1] == ("", "")
    disposal.refresh_from_db()
    assert (disposal.planned, disposal.done) == (2, 1)


# --- two people --------------------------------------------------------------------------------------------------


def test_nobody_disposes_alone_whatever_the_limits_say(receipts, maker):
    set_limit(services.DISPOSAL_LIMIT, alone=None, approves=None)
    with pytest.raises(ApprovalNeeded):
        services.dispose(actor=maker, record_class="ledger_text", before=before("ledger_text"), reason=REASON)
    asked = ask(maker)
    with pytest.raises((ApprovalRefusal, NotAllowed)):
        approvals.approve(actor=maker, request_id=asked.pk)
    assert not Disposal.objects.exists()


def test_the_database_refuses_a_disposal_nobody_approved(receipts, maker):
    asked = ask(maker)
    with pytest.raises(DatabaseError, match="second person"), transaction.atomic():
        Disposal.objects.create(
            record_class="ledger_text", rule={}, before_day=date.today(), planned=1, oldest=date.today(),
            newest=date.today(), approval=asked, reason="x", asked_by="x",
        )  # fmt: skip
    assert not Disposal.objects.exists()


def test_what_is_not_due_and_what_is_under_way_is_refused(receipts, maker, checker):
    payload = {"record_class": "ledger_text", "before": date.today().isoformat(), "reason": REASON}
    with pytest.raises(RecordsRefusal, match="kept for 72 months"):
        approvals.request(actor=maker, kind=services.DISPOSAL_KIND, payload=payload, reason=REASON)
    decided(maker, checker)
    with pytest.raises(RecordsRefusal, match="under way"):
        ask(maker)
    with pytest.raises(RecordsRefusal, match="Nothing of"):
        ask(maker, "suspense_notes")


# --- carrying it out ---------------------------------------------------------------------------------------------


def test_the_text_goes_the_accounting_record_stays_and_everything_verifies(receipts, maker, checker, tmp_path):
    kept = list(Entry.objects.order_by("pk").values("amount", "account_reference", "leaf", "received_on"))
    disposal = decided(maker, checker)
    assert JobRun.objects.get(task=services.DISPOSAL_JOB).actor["name"] == maker.name
    done = services.carry_out(actor=maker, disposal_id=disposal.pk)
    assert texts() == [("", ""), ("", ""), ("Mrs Ada Moss", "")]
    assert list(Entry.objects.order_by("pk").values("amount", "account_reference", "leaf", "received_on")) == kept
    assert [finding.message for finding in check_everything(actor=SET_UP).findings if finding.severity == "error"] == []
    said = json.loads(done.certificate)
    assert (said["rows_erased"], said["asked_by"], said["approved_by"]) == (2, maker.name, checker.name)
    assert Event.objects.filter(verb="disposal_done", data__certificate_sha256=done.sha256).exists()
    path, _ = evidence(tmp_path)
    ran = verified(path)
    assert (ran.returncode, "2 entries had their text disposed of" in ran.stdout) == (0, True), ran.stdout
    again = services.carry_out(actor=maker, disposal_id=disposal.pk)
    assert (again.sha256, Erasure.objects.count()) == (done.sha256, 2)


def evidence(folder) -> tuple[Path, Path]:
    """The ledger and the audit trail as files."""
    seal_events()
    ledger, events = folder / "ledger.jsonl", folder / "events.jsonl"
    with ledger.open("w", encoding="utf-8") as out:
        export_evidence(out, actor=SET_UP, council="Model Council")
    with events.open("w", encoding="utf-8") as out:
        export_event_evidence(out, actor=SET_UP, council="Model Council")
    return ledger, events


def verified(*paths: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-I", offline_verifier.__file__, *paths], capture_output=True, text=True)


def test_the_offline_verifier_takes_no_word_for_an_erased_entry(receipts, maker, checker, tmp_path):
    done = services.carry_out(actor=maker, disposal_id=decided(maker, checker).pk)
    ledger, events = evidence(tmp_path)
    alone, both = verified(ledger), verified(ledger, events)
    assert (alone.returncode, both.returncode) == (0, 0), alone.stdout + both.stdout
    assert f"as certificate {done.pk} says (asked for by {maker.name}, approved by {checker.name}" in both.stdout
    assert "which was not looked for: give events.jsonl" in alone.stdout
    assert "which the audit trail knows" in both.stdout
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]

    def forged(change) -> subprocess.CompletedProcess:
        copied = json.loads(json.dumps(lines))
        path = tmp_path / "forged.jsonl"
        path.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in change(copied)))
        return verified(path, events)

    def of(records, name):
        return [each[name] for each in records if name in each]

    def fits(records, hash_of_what_is_left):
        """A source of receipts altered, with the hash of what is left made to fit."""
        entry = next(each for each in of(records, "entry") if "erased" in each)
        entry["source_reference"] = "ANOTHER"
        entry["erased"] = offline_verifier.leaf(entry).hex()
        for each in of(records, "erasure"):
            if hash_of_what_is_left and each["row"] == str(entry["id"]):
                each["after"] = entry["erased"]
        return records

    def certified(records):
        """The same, and the certificate made to fit: only the sealed trail knows better."""
        records = fits(records, True)
        rows = "".join(
            f"ledger_entry|{each['row']}|{each['before']}|{each['after']}\n" for each in of(records, "erasure")
        )
        [disposal] = of(records, "disposal")
        said = json.loads(disposal["certificate"])
        disposal["certificate"] = json.dumps(said | {"rows_sha256": hashlib.sha256(rows.encode()).hexdigest()})
        return records

    for change, sentence in (
        (lambda records: fits(records, False), "no certificate of disposal in this file says so"),
        (lambda records: fits(records, True), "is about other entries than those listed under it"),
        (certified, "The audit trail does not know the certificate"),
        (lambda records: [each for each in records if not {"disposal", "erasure"} & set(each)], "no certificate"),
    ):
        ran = forged(change)
        assert (ran.returncode, sentence in ran.stdout) == (1, True), ran.stdout


def errors() -> set[str]:
    return {finding.check for finding in check_everything(actor=SET_UP).findings if finding.severity == "error"}


def test_an_alteration_after_the_disposal_is_still_found(receipts, maker, checker):
    services.carry_out(actor=maker, disposal_id=decided(maker, checker).pk)
    with guards_down("ledger_entry") as cursor:
        cursor.execute("UPDATE ledger_entry SET amount = amount + 1 WHERE id = %s", [receipts[0].pk])
    assert {"ledger.altered_entry", "records.erased_entry_differs"} <= errors()
    with guards_down("records_erasure") as cursor:  # and the record of the erasure made to fit
        cursor.execute(
            "UPDATE records_erasure SET after = ims_entry_leaf(e) FROM ledger_entry e"
            " WHERE e.id = row_key::bigint AND e.id = %s",
            [receipts[0].pk],
        )
    assert "records.erasures_differ" in errors()
    with guards_down("records_erasure") as cursor:
        cursor.execute("DELETE FROM records_erasure WHERE row_key = %s", [str(receipts[1].pk)])
    assert "ledger.altered_entry" in errors()


def test_an_altered_certificate_is_found(receipts, maker, checker):
    services.carry_out(actor=maker, disposal_id=decided(maker, checker).pk)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE records_disposal DISABLE TRIGGER ims_disposal_guard")
        cursor.execute("UPDATE records_disposal SET certificate = replace(certificate, 'Yearly', 'Other')")
        cursor.execute("UPDATE records_disposal SET sha256 = encode(sha256(convert_to(certificate, 'UTF8')), 'hex')")
    assert "records.certificate_unknown" in errors()


def test_a_disposal_opened_again_to_cover_an_alteration_is_found(receipts, maker, checker):
    services.carry_out(actor=maker, disposal_id=decided(maker, checker).pk)
    with guards_down("records_erasure") as cursor:
        cursor.execute("ALTER TABLE records_disposal DISABLE TRIGGER ims_disposal_guard")
        cursor.execute("UPDATE records_disposal SET state = 'running'")
    assert "records.disposal_opened_again" in errors()
    with guards_down("audit_event") as cursor:
        cursor.execute("DELETE FROM audit_event WHERE verb LIKE 'disposal_%'")
    assert "records.disposal_unknown" in errors()


def test_an_entry_that_was_altered_is_evidence_and_is_not_erased(receipts, maker, checker):
    disposal = decided(maker, checker)
    with guards_down("ledger_entry") as cursor:
        cursor.execute("UPDATE ledger_entry SET amount = 99 WHERE id = %s", [receipts[0].pk])
    with pytest.raises(DatabaseError, match="is evidence"), transaction.atomic():
        services.carry_out(actor=maker, disposal_id=disposal.pk)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET payer_name = '' WHERE id = {entry}",
        "UPDATE ledger_entry SET payer_name = '', narrative = '', amount = 5 WHERE id = {entry}",
        "SELECT ims_erase({disposal}, 'ledger_entry', ARRAY['{entry}'])",
        "SELECT ims_erase({disposal}, 'ledger_posting', ARRAY['{entry}'])",
        "INSERT INTO records_erasure (disposal_id, table_name, row_key, before, after)"
        " VALUES ({disposal}, 'ledger_entry', {entry}, '', '')",
        "UPDATE records_disposal SET state = 'done', sha256 = 'x', finished_at = now() WHERE id = {disposal}",
        "UPDATE records_disposal SET before_day = current_date WHERE id = {disposal}",
        "DELETE FROM records_disposal WHERE id = {disposal}",
    ],
)
def test_the_database_erases_nothing_but_what_a_running_disposal_names(receipts, maker, checker, statement):
    disposal = decided(maker, checker)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(entry=receipts[0].pk, disposal=disposal.pk))
    assert texts()[0] == ("Mrs Ada Moss", "CT MOSS")


def test_a_worker_killed_between_batches_is_followed_by_another(receipts, maker, checker, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 1)
    disposal = decided(maker, checker)

    def killed(done: int, total: int, message: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        services.carry_out(actor=maker, disposal_id=disposal.pk, report=killed)
    disposal.refresh_from_db()
    assert (disposal.state, Erasure.objects.count()) == (Disposal.State.RUNNING, 1)
    assert services.carry_out(actor=maker, disposal_id=disposal.pk).done == 2
    assert errors() == set()


def test_files_rows_and_accounts_lose_their_text_too(people, world, maker, checker):
    simple_profile()
    posted(command("tests"), [line(), line(narrative="MRS MOSS")])
    with acting(SET_UP, "Gone"):
        AccountHolder.objects.filter(reference=world.rents_account).get().save()
        holder = AccountHolder.objects.get(reference=world.rents_account)
        holder.is_open = False
        holder.save()
    long_ago = f"now() - interval '{OLD} days'"
    with guards_down("imports_sourcefile", "accounts_historicalaccountholder") as cursor:
        cursor.execute(f"UPDATE imports_sourcefile SET received_at = {long_ago}")
        cursor.execute(f"UPDATE imports_importrow SET received_on = ({long_ago})::date")
        cursor.execute(f"UPDATE accounts_historicalaccountholder SET history_date = {long_ago}")
    for code in ("imported_rows", "received_files", "closed_accounts"):
        services.carry_out(actor=maker, disposal_id=decided(maker, checker, code).pk)
    assert set(ImportRow.objects.values_list("raw", "narrative")) == {("", "")}
    holder.refresh_from_db()
    assert (holder.name, holder.address, holder.postcode) == ("", "", "")
    assert set(holder.history.values_list("name", flat=True)) == {""}
    from ims.imports import content

    assert content.is_disposed(SourceFile.objects.get())
    assert AccountHolder.objects.get(reference=world.council_tax_account).name == "Mrs Ada Moss"
    assert errors() == set()


def test_the_application_role_erases_only_through_a_disposal(receipts, maker, checker):
    disposal = decided(maker, checker)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'ims_app'")
        if cursor.fetchone() is None:
            cursor.execute("CREATE ROLE ims_app")
        from ims.audit.protection import protect

        protect()
        cursor.execute("SET ROLE ims_app")
        try:
            with pytest.raises(DatabaseError), transaction.atomic():
                cursor.execute("UPDATE ledger_entry SET payer_name = ''")
            services.carry_out(actor=maker, disposal_id=disposal.pk)
        finally:
            cursor.execute("RESET ROLE")
    assert texts()[0] == ("", "")
