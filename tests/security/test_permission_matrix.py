"""Every address as every role and as nobody, compared with the table that stands in the repository.

    IMS_WRITE_PERMISSIONS=1 .venv/bin/python -m pytest tests/security/test_permission_matrix.py

writes docs/architecture/permissions.md anew; read the difference before committing it.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client

from ims.people.roles import ROLE_NAMES
from tests.security.conftest import OneOfEverything
from tests.security.surface import Address, addresses, every_permission, model_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architecture" / "permissions.md"
SIGNED_OUT = "Signed out"
NO_ROLE = "Nobody"
WHO = (*ROLE_NAMES, NO_ROLE, SIGNED_OUT)

OPEN = {
    "today": "everybody signed in: the page shows each person only what their role may see",
    "healthz": "machines ask whether the server answers; says nothing else",
    "readyz": "machines ask whether the service can work; names no record",
    "provider_notified": "card providers, who prove themselves by a signature over what they send",
    "practice_card": "plays a card provider's page, outside production only; its token is the secret",
    "approvals:request": "everybody sees what they asked for; of others only who may is told that it exists",
    "approvals:withdraw": "everybody takes back what they asked for themselves, and nothing else",
    "approvals:ask": "asks for what a form was stopped from doing, through the service that stopped it",
    "admin:index": "everybody signed in: lists only what each may open",
    "admin:app_list": "as the index, for one room; empty rooms are refused",
    "admin:login": "the way in",
    "admin:logout": "the way out",
    "account:interests": "everybody declares their own interests",
    "admin:password_change": "everybody changes their own password",
    "admin:password_change_done": "says that the password was changed",
    "admin:jsi18n": "words for the admin's scripts",
    "admin:autocomplete": "asks for the permission of the list it completes",
    "account_login": "the way in",
    "account_inactive": "says that an account is not active, to whoever just showed its password",
    "account_reauthenticate": "everybody confirms who they are",
    "account:confirm_directory": "everybody confirms who they are, with the directory they came in with",
    "account:end_session": "everybody ends their own sessions",
    "mfa_authenticate": "the second factor, between a right password and being signed in",
    "mfa_login_webauthn": "the way in, with a passkey",
    "mfa_index": "everybody's own account",
    "mfa_reauthenticate": "everybody confirms who they are, with a code",
    "mfa_reauthenticate_webauthn": "everybody confirms who they are, with a passkey",
    "mfa_activate_totp": "everybody's own authenticator app",
    "mfa_deactivate_totp": "everybody's own authenticator app",
    "mfa_view_recovery_codes": "everybody's own recovery codes, after a recent sign-in",
    "mfa_generate_recovery_codes": "everybody's own recovery codes, after a recent sign-in",
    "mfa_list_webauthn": "everybody's own passkeys",
    "mfa_add_webauthn": "everybody's own passkeys, after a recent sign-in",
    "mfa_remove_webauthn": "everybody's own passkeys, after a recent sign-in",
    "mfa_edit_webauthn": "everybody's own passkeys, after a recent sign-in",
    "openid_connect_login": "the way to a directory",
    "openid_connect_callback": "the way back from a directory",
    "socialaccount_login_cancelled": "says that signing in with a directory was cancelled",
    "account:link": "the secret in the address is the permission; any other is answered with a refusal",
    "admin:view_on_site": "Django's own; no record has a page elsewhere",
}
"""Addresses that need no permission named here, and why that is right."""


OWN_RULES = {
    "admin:accounts_accountload_load": ("accounts.load_accounts",),
    "admin:accounts_accountload_preview": ("accounts.view_accountload",),
    "admin:accounts_accountload_progress": ("accounts.view_accountload",),
    "admin:funds_referencerule_designer": ("funds.view_referencerule", "funds.change_referencerule"),
    "admin:funds_referencerule_design": ("funds.view_referencerule", "funds.change_referencerule"),
    "admin:funds_checkdigitscheme_designer": ("funds.view_checkdigitscheme", "funds.change_checkdigitscheme"),
    "admin:funds_checkdigitscheme_design": ("funds.view_checkdigitscheme", "funds.change_checkdigitscheme"),
    "admin:api_client_issue_key": ("api.issue_key",),
    "admin:api_client_revoke_key": ("api.issue_key",),
    "admin:api_notifyaddress_secret": ("api.see_secret",),
    "admin:api_notifyaddress_new_secret": ("api.see_secret",),
    "admin:api_notification_again": ("api.see_secret",),
    "admin:correspondence_message_copy": ("correspondence.send_message",),
    "admin:funds_modulustableload_check": ("funds.view_modulustableload",),
}
"""Pages a room added to the admin, and the permission each asks for. Trying a design needs only the right to look."""

LEADS_ON = {"admin:accounts_accountload_change": "sends everybody on to its preview, which asks"}
ONLY_POSTED = {"personal_details"}
"""Refused to everybody with GET."""

KNOWN_FAULTS: set[str] = set()
"""Addresses that end in a fault of ours when an empty form is sent. Each is to be mended, then taken out of here."""

RECORDS_ITSELF = {"records:subject", "access:export_review", "receipts:export", "imports:download"}
"""A file taken away by following a link leaves an audit event: the one thing a GET may write."""

SESSIONS = {"django_session", "usersessions_usersession"}
"""Where it is noted that somebody is there: once a minute, by whatever they open."""

CLOSED = ("no", "not this way")
SWITCHED_OFF = (
    "_import",
    "_process_import",
    "_delete",
    "api_client_export",
    "api_notifyaddress_export",
    "councildetails_add",
)
"""Pages the library offers and a room may switch off for everybody, whatever they hold: a list that is not to be
taken away, a second row of what there is only one of.
"""

NOT_POSTED = {"admin:login", "admin:logout", "admin:password_change"}

_PASSING = re.compile(
    rb'name="csrfmiddlewaretoken" value="[^"]*"|name="(?:[a-z]+-)?key" value="[^"]*"|<time[^>]*>[^<]*'
)
"""What is new on every page, however often it is asked for."""


@pytest.fixture
def clients(everything: OneOfEverything) -> dict[str, Client]:
    found = {}
    for who in WHO:
        found[who] = Client(raise_request_exception=False)
        if who != SIGNED_OUT:
            found[who].force_login(everything.people[who])
    return found


def outcome(answer) -> str:
    """What came of it, in a word: yes, no, sign in, elsewhere, or the status itself."""
    if answer.status_code in (301, 302):
        return "sign in" if answer.url.startswith(("/account/sign-in/?", "/admin/login/")) else "elsewhere"
    return {200: "yes", 403: "no", 405: "not this way", 404: "not found", 400: "refused", 409: "refused"}.get(
        answer.status_code, str(answer.status_code)
    )


def written() -> Counter[str]:
    """Rows added, changed and removed so far in this transaction, by table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"
            " WHERE schemaname = 'public' AND n_tup_ins + n_tup_upd + n_tup_del > 0"
        )
        return Counter(dict(cursor.fetchall()))


class Answer:
    """What came back: the outcome in a word, and what was shown, without what differs each time."""

    def __init__(self, response) -> None:
        body = b"".join(response.streaming_content) if response.streaming else response.content
        self.outcome = outcome(response)
        self.shown = _PASSING.sub(b"", body) + getattr(response, "url", "").encode()

    def differs_from(self, other: Answer) -> bool:
        return (self.outcome, self.shown) != (other.outcome, other.shown)


def taken_back() -> transaction.Atomic:
    """A transaction to be rolled back, which what refuses to be nested takes for none, as it does a test's own."""
    block = transaction.atomic()
    block._from_testcase = True
    return block


def got(client: Client, address: Address) -> Answer:
    with taken_back():
        answer = Answer(client.get(address.url))
        transaction.set_rollback(True)
    return answer


def posted(client: Client, address: Address) -> Answer | None:
    """A form sent with nothing in it, and everything it did taken back. None where it is not tried."""
    model = model_of(address.name)
    if address.name in NOT_POSTED or (model is not None and address.name.endswith("_changelist")):
        return None
    with taken_back():
        answer = Answer(client.post(address.url, {"nothing": ""}))
        transaction.set_rollback(True)
    return answer


@pytest.mark.slow
def test_every_address_as_every_role_is_as_the_table_says(everything, clients):
    rows, faults, writes = [], [], []
    for address in addresses(everything):
        cells = []
        for who in WHO:
            before = written()
            seen = got(clients[who], address)
            changed = written() - before
            if set(changed) - SESSIONS - ({"audit_event"} if address.name in RECORDS_ITSELF else set()):
                writes.append(f"{address.name} as {who}: {dict(changed)}")
            acted = posted(clients[who], address)
            cells.append(_cell(seen, acted))
            faults += _faults(address, who, seen.outcome, acted.outcome if acted else "", everything)
        rows.append((address, cells))
    assert writes == [], "a GET wrote to the database"
    assert faults == [], "\n".join(faults)
    table = _page(rows)
    if os.environ.get("IMS_WRITE_PERMISSIONS"):
        PAGE.write_text(table, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == table, "docs/architecture/permissions.md is out of date: see this file"


def _faults(address: Address, who: str, seen: str, acted: str, one: OneOfEverything) -> list[str]:
    """What no table could excuse: an opening that no permission explains, a closing that none does, a crash."""
    here = f"{address.name} as {who}"
    found = [f"{here}: {word}" for word in (seen, acted) if word.startswith("5") and address.name not in KNOWN_FAULTS]
    needs = OWN_RULES.get(address.name, address.needs)
    if needs is None:
        return found
    unknown = set(needs) - every_permission()
    if unknown and model_of(address.name) is None:
        found.append(f"{address.name} asks for permissions nobody declares: {sorted(unknown)}")
    holds = who != SIGNED_OUT and bool(set(needs) & one.people[who].get_all_permissions())
    if who == SIGNED_OUT:
        if seen != "sign in" or acted not in ("sign in", ""):
            found.append(f"{here}: GET {seen}, POST {acted}")
    elif not holds and address.name not in LEADS_ON and (seen not in CLOSED or acted not in ("no", "")):
        found.append(f"{here}, without permission: GET {seen}, POST {acted}")
    elif holds and seen == "no" and not address.name.endswith(SWITCHED_OFF):
        found.append(f"{here}, with permission: GET {seen}")
    return found


def _cell(seen: Answer, acted: Answer | None) -> str:
    """Looking is to be shown something; acting is to get another answer to a form than to a look."""
    opened = ("yes", "elsewhere", "refused", "not found")
    look = "look" if seen.outcome in opened else ""
    act = "act" if acted and acted.outcome in opened and acted.differs_from(seen) else ""
    if look or act:
        return ", ".join(filter(None, (look, act)))
    return "sign in" if seen.outcome == "sign in" else "–"


def _page(rows: list[tuple[Address, list[str]]]) -> str:
    lines = [
        "# Who may open what",
        "",
        "Written by `tests/security/test_permission_matrix.py`, which asks every address of the console and the admin",
        "as somebody of every role, as somebody without a role and as nobody. The test fails when this page is out of",
        "date, when an address opens without its permission, and when a GET writes anything but the audit event of a",
        "download. After adding an address run that test with `IMS_WRITE_PERMISSIONS=1` and read what changed here.",
        "",
        "**look**: opens with GET. **act**: a form with nothing in it is taken up there (and usually answered with",
        "what is missing) rather than refused or ignored; some forms only try something. **–**: refused. What a role",
        "may do is declared in `ims/people/roles.py`, and the services ask again, whatever the screen allowed.",
        "",
        f"| address | needs any of | {' | '.join(WHO)} |",
        f"|---|---|{'---|' * len(WHO)}",
    ]
    for address, cells in sorted(rows, key=lambda row: row[0].route):
        needs = OWN_RULES.get(address.name, address.needs) or ()
        lines.append(f"| `{address.route}` | {', '.join(f'`{name}`' for name in needs)} | {' | '.join(cells)} |")
    lines += ["", "## Addresses that need no permission, and why", "", "| address | why |", "|---|---|"]
    lines += [f"| `{name}` | {why} |" for name, why in sorted(OPEN.items())]
    return "\n".join(lines) + "\n"


def test_every_address_asks_for_a_permission_or_says_why_not(everything):
    found = {address.name: OWN_RULES.get(address.name, address.needs) for address in addresses(everything)}
    silent = {name for name, needs in found.items() if needs is None}
    assert silent == set(OPEN)
    names = set(found)
    assert {*OPEN, *OWN_RULES, *LEADS_ON, *RECORDS_ITSELF, *NOT_POSTED, *KNOWN_FAULTS} <= names


def test_a_list_offers_no_acts_to_who_may_only_look(everything, rf):
    from django.contrib import admin

    request = rf.get("/")
    request.user = everything.people["Auditor"]
    for model, model_admin in admin.site._registry.items():
        if not model_admin.has_view_permission(request):
            continue
        acts = set(model_admin.get_actions(request)) - {"export_admin_action"}
        assert acts == set(), model
