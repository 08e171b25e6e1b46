"""The operator's modulus tables: loading, which are in force, their age, the screen, the roles and the command."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import Error, connection, transaction

from ims.audit.models import Event
from ims.command_line.entry import run
from ims.common import clock
from ims.common.errors import Conflict, InvalidInput, NotAllowed
from ims.funds import checks, modulus
from ims.funds.errors import FundsRefusal
from ims.funds.models import ModulusTableLoad
from ims.people.roles import ADMINISTRATOR, AUDITOR, FINANCE, INCOME_OFFICER, SERVICE_DESK
from tests.people.people_world import SET_UP, member
from tests.support.world import person

SCREEN = "/admin/funds/modulustableload/check/"
# Made-up weights over made-up ranges: the published tables are not ours to ship.
WEIGHTS = (
    b"100000 199999 MOD11    0    0    0    0    0    0    8    7    6    5    4    3    2    1\r\n"
    b"309070 309072 MOD11    0    0    1    2    5    3    6    4    8    7   10    9    3    1   2\r\n"
    b"309070 309072 MOD11    0    0    0    0    0    0    8    7    6    5    4    3    2    1   9\r\n"
)
OTHER_WEIGHTS = b"200000 299999 MOD10    0    0    0    0    0    0    7    1    3    7    1    3    7    1\r\n\x1a"
SUBSTITUTES = b"938173 938017\r\n938289 938068\r\n"

pytestmark = pytest.mark.django_db


def load(weights: bytes = WEIGHTS, *, valid_from: date | None = None, **changes: object) -> ModulusTableLoad:
    given = {"actor": SET_UP, "scsubtab": SUBSTITUTES, "valid_from": valid_from or clock.today(), **changes}
    return modulus.load_modulus_tables(valacdos=weights, **given)


def test_tables_are_kept_as_published_with_who_and_why():
    kept = load(version="7.90", reason="November’s tables")
    kept.refresh_from_db()
    assert kept.valacdos.encode() == WEIGHTS
    assert kept.valacdos_sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert kept.scsubtab_sha256 == hashlib.sha256(SUBSTITUTES).hexdigest()
    assert (kept.weight_rows, kept.substitutions, kept.loaded_by) == (3, 2, SET_UP.name)
    event = Event.objects.get(verb="modulus_tables_loaded")
    assert event.data["valacdos_sha256"] == kept.valacdos_sha256
    assert event.reason == "November’s tables"


def test_the_database_lets_nobody_change_what_was_loaded():
    load()
    for statement in ("UPDATE funds_modulustableload SET valacdos = ''", "DELETE FROM funds_modulustableload"):
        with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_without_permission_nothing_is_loaded():
    with pytest.raises(NotAllowed):
        load(actor=person("Olu", "funds.view_modulustableload"))
    assert not ModulusTableLoad.objects.exists()


@pytest.mark.parametrize(
    ("weights", "substitutes", "sentence"),
    [
        (b"", SUBSTITUTES, "weight table is empty"),
        (SUBSTITUTES, SUBSTITUTES, "Line 1 of the modulus weight table"),
        (WEIGHTS + b"rubbish\r\n", SUBSTITUTES, "Line 4 of the modulus weight table"),
        (WEIGHTS, WEIGHTS, "Line 1 of the sort code substitution table"),
        (WEIGHTS, b"\r\n", "substitution table is empty"),
        (b"\xff\xfe" + WEIGHTS, SUBSTITUTES, "VALACDOS file holds a character at byte 1"),
        (WEIGHTS, b"PK\0\1", "SCSUBTAB file is not text"),
        (b" " * (modulus.LARGEST_FILE_BYTES + 1), SUBSTITUTES, "more than the 2,000,000"),
    ],
)
def test_a_wrong_file_is_named_and_never_in_force(weights, substitutes, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        load(weights, scsubtab=substitutes)
    assert modulus.modulus_state().current is None


@pytest.mark.parametrize("valid_from", [date(1901, 1, 1), date(2999, 1, 1)])
def test_an_unlikely_date_is_refused(valid_from):
    with pytest.raises(InvalidInput, match="cannot be the day"):
        load(valid_from=valid_from)


def test_the_same_files_twice_are_refused_but_an_earlier_pair_may_come_back():
    first = load()
    with pytest.raises(Conflict, match="loaded already"):
        load()
    load(OTHER_WEIGHTS)
    again = load()
    assert again.pk != first.pk
    assert modulus.modulus_state().current == again


def test_tables_loaded_ahead_come_into_force_on_their_day():
    day = clock.today()
    load(valid_from=day - timedelta(days=30))
    load(OTHER_WEIGHTS, valid_from=day + timedelta(days=10))
    assert modulus.check_bank_account("250000", "12345678").verdict == "not_checkable"
    assert modulus.check_bank_account("250000", "00000000", day + timedelta(days=10)).verdict == "valid"
    assert modulus.modulus_state().coming.valid_from == day + timedelta(days=10)


def test_tables_are_parsed_once_for_as_long_as_they_are_in_force(django_assert_num_queries):
    load()
    first = modulus.modulus_tables()
    with django_assert_num_queries(1):
        assert modulus.modulus_tables() is first
    load(OTHER_WEIGHTS)
    assert modulus.modulus_tables() is not first


def test_verdicts_name_the_exception_met():
    load()
    assert modulus.check_bank_account("30-90-70", "12345677").exception_rule == "2 & 9"
    assert modulus.check_bank_account("10-00-00", "00000010").verdict == "invalid"


def test_no_tables_is_information_and_old_tables_a_warning():
    assert modulus.modulus_state().finding.severity == "information"
    with pytest.raises(FundsRefusal, match="No modulus tables are loaded"):
        modulus.check_bank_account("100000", "00000000")
    load(valid_from=date(2026, 5, 20))
    assert modulus.modulus_state(date(2026, 11, 20)).finding is None
    finding = modulus.modulus_state(date(2026, 11, 21)).finding
    assert finding.severity == "warning"
    assert "20 May 2026" in finding.message
    assert list(checks.verify(date(2026, 11, 21))) == [finding]
    assert list(checks.verify(date(2026, 11, 20))) == []


@pytest.mark.parametrize(
    ("valid_from", "stale"),
    [
        (date(2026, 1, 31), date(2026, 8, 1)),
        (date(2026, 8, 31), date(2027, 3, 1)),
        (date(2026, 6, 15), date(2026, 12, 16)),
        (date(2027, 8, 29), date(2028, 3, 1)),
    ],
)
def test_six_months_end_with_the_month_when_it_is_shorter(valid_from, stale):
    assert modulus.stale_from(valid_from) == stale


def test_an_alteration_behind_the_back_of_the_database_is_found():
    kept = load()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE funds_modulustableload DISABLE TRIGGER append_only_rows")
        cursor.execute("UPDATE funds_modulustableload SET valacdos = replace(valacdos, '8', '9')")
        cursor.execute("ALTER TABLE funds_modulustableload ENABLE ALWAYS TRIGGER append_only_rows")
    found = list(checks.verify())
    assert [(finding.severity, finding.subject) for finding in found] == [("error", str(kept.pk))]


# --- screen --------------------------------------------------------------------------------------------------------


def upload(client, weights: bytes = WEIGHTS, **changes: object):
    files = {
        "valacdos": SimpleUploadedFile("valacdos_v790.txt", weights),
        "scsubtab": SimpleUploadedFile("scsubtab.txt", SUBSTITUTES),
    }
    return client.post(SCREEN, {"act": "load", "valid_from": "20 Nov 2026", **files, **changes}, follow=True)


def signed_in(client, role: str):
    client.force_login(member("ada", role))
    return client


@pytest.mark.parametrize("role", [ADMINISTRATOR, FINANCE])
def test_finance_and_administrators_load_and_try_on_screen(client, role):
    signed_in(client, role)
    empty = client.get(SCREEN).content.decode()
    assert "No modulus tables are loaded" in empty
    assert "Try an account" not in empty
    page = upload(client, version="7.90").content.decode()
    assert "3 rows of weights, 2 substitutions" in page
    tried = client.post(SCREEN, {"act": "try", "sort_code": "30-90-70", "account": "12345677"}).content.decode()
    assert "2 &amp; 9" in tried
    assert "309070 12345677" in tried
    assert Event.objects.filter(verb="modulus_tables_loaded", actor_name="Ada").count() == 1


@pytest.mark.parametrize("role", [AUDITOR, INCOME_OFFICER, SERVICE_DESK])
def test_others_try_but_do_not_load(client, role):
    load()
    signed_in(client, role)
    assert "Load the tables" not in client.get(SCREEN).content.decode()
    assert "may not load" in upload(client).content.decode()
    assert (
        "Not valid"
        in client.post(SCREEN, {"act": "try", "sort_code": "100000", "account": "00000010"}).content.decode()
    )
    assert ModulusTableLoad.objects.count() == 1


def test_wrong_files_and_numbers_are_refused_beside_the_form(client):
    load()
    signed_in(client, ADMINISTRATOR)
    refused = upload(client, weights=b"not a table")
    assert refused.status_code == 400
    assert "Line 1 of the modulus weight table" in refused.content.decode()
    tried = client.post(SCREEN, {"act": "try", "sort_code": "12", "account": "12345678"})
    assert tried.status_code == 400
    assert "is not a sort code" in tried.content.decode()
    assert client.post(SCREEN, {"act": "load", "valid_from": "soon"}).status_code == 400


def test_old_tables_are_warned_of_on_their_screen_and_on_today(client):
    signed_in(client, ADMINISTRATOR)
    load(valid_from=clock.today() - timedelta(days=200))
    for address in (SCREEN, "/"):
        assert "more than six months ago" in client.get(address).content.decode(), address


def test_every_loading_is_listed_and_opens(client):
    kept = load(version="7.90")
    signed_in(client, AUDITOR)
    assert "7.90" in client.get("/admin/funds/modulustableload/").content.decode()
    page = client.get(f"/admin/funds/modulustableload/{kept.pk}/change/").content.decode()
    assert kept.valacdos_sha256 in page


# --- command -------------------------------------------------------------------------------------------------------


def test_the_command_uses_the_loaded_tables_when_asked(capsys):
    assert run(["modulus-check", "100000", "00000010", "--loaded"]) == 1
    assert "No modulus tables are loaded" in capsys.readouterr().err
    load()
    assert run(["modulus-check", "100000", "00000010", "--loaded"]) == 1
    assert "Not valid" in capsys.readouterr().out
    assert run(["modulus-check", "100000", "00000000", "--loaded"]) == 0
    assert run(["modulus-check", "100000", "00000000", "--loaded", "--tables", "."]) == 2
