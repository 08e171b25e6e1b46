"""The six roles and exactly what each may do. This file is the only place that says so.

Permissions are named ``room.codename`` as the rooms declare them. After every migration the roles in the database are
made to match; a name that no room declares is left out and reported by `unknown_permissions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from ims.common.rooms import is_last

INCOME_OFFICER = "Income officer"
INCOME_MANAGER = "Income manager"
FINANCE = "Finance"
SERVICE_DESK = "Service desk"
AUDITOR = "Auditor"
ADMINISTRATOR = "Administrator"


@dataclass(frozen=True)
class Role:
    """A role: its name, what it is for, what it may do, and whether it may look at everything."""

    name: str
    purpose: str
    permissions: frozenset[str]
    views_everything: bool = False


def _all(room: str, models: Iterable[str], *acts: str) -> set[str]:
    return {f"{room}.{act}_{model}" for model in models for act in acts}


_FUND_CODES = [
    "fund",
    "fundgroup",
    "methodofpayment",
    "office",
    "vatcode",
    "vatrate",
    "checkdigitscheme",
    "referencerule",
    "generalledgermapping",
    "bankholiday",
    "extrafield",
]

_LISTS = (
    _all("funds", [*_FUND_CODES, "modulustableload", "systemmessage"], "view")
    | _all("accounts", ["accountholder", "stopreason", "accountload"], "view")
    | _all("ledger", ["posting", "entry", "accountingperiod"], "view")
    | _all("suspense", ["suspenseitem", "suspensenote"], "view")
    | _all("imports", ["sourcefile", "importbatch", "importrow", "fileprofile", "routingrule"], "view")
    | _all(
        "payments",
        [
            "paymentservice",
            "paymentroute",
            "basket",
            "basketline",
            "paymentattempt",
            "attemptmove",
            "paymentlink",
            "paymentexception",
            "providernotification",
            "refund",
            "dispute",
            "payout",
        ],
        "view",
    )
    | _all("approvals", ["request", "limit", "conflict"], "view")
    | {"jobs.view_jobrun", "reporting.view_proof"}
    | {"payment_types.view_paymenttype", "council.view_councildetails"}
    | _all("correspondence", ["message", "wording"], "view")
    | {"telephone_line.view_callpayment"}
)
"""What everybody who works with income may look at."""

_DAILY_WORK = {
    "imports.receive_file",
    "imports.post_batch",
    "imports.correct_row",
    "ledger.post_receipt",
    "suspense.allocate",
    "suspense.add_note",
    "suspense.assign",
    "accounts.load_accounts",
    "payments.take_payment",
    "payments.send_link",
    "payments.request_refund",
    "payments.resolve_exception",
    "payments.answer_dispute",
    "payments.match_payout",
    "correspondence.send_message",
}

_REFUNDS = {"payments.request_part_refund"}

_PAYMENT_SETTINGS = _all("payments", ["paymentservice"], "add", "change") | _all(
    "payments", ["paymentroute"], "add", "change", "delete"
)

_PERSONAL = {"accounts.see_personal_data", "ledger.see_payer_details"}
"""Names, addresses and narratives: for whoever has to tell one payer from another. The rest see masks."""

_MONEY_MOVES = {"ledger.post_journal", "ledger.post_transfer", "ledger.reverse_posting", "imports.reverse_batch"}

_IMPORT_SETTINGS = _all("imports", ["fileprofile", "routingrule"], "add", "change")

_EXPORT_SETTINGS = _all("exports", ["exportprofile"], "add", "change", "view")

ROLES: tuple[Role, ...] = (
    Role(
        INCOME_OFFICER,
        "Brings files in, posts receipts, clears suspense.",
        frozenset(_LISTS | _DAILY_WORK | _PERSONAL),
    ),
    Role(
        INCOME_MANAGER,
        "An income officer's work, and journals, transfers, reversals, file profiles and routing rules.",
        frozenset(
            _LISTS
            | _DAILY_WORK
            | _PERSONAL
            | _MONEY_MOVES
            | _REFUNDS
            | _IMPORT_SETTINGS
            | {
                "approvals.decide_request",
                "access.decide_review",
                "access.view_accessreview",
                "suspense.write_off",
                "records.ask_disposal",
                "records.answer_subject",
                "interests.see_interest",
                "interests.keep_interest",
            }
            | _all("accounts", ["stopreason"], "add", "change")
            | _all("exports", ["exportprofile", "exportbatch"], "view")
            | _all("records", ["retentionrule", "disposal"], "view")
            | _all("records", ["hold"], "add", "change", "view")
        ),
    ),
    Role(
        FINANCE,
        "An income officer's work, and transfers, exports, accounting periods and general ledger mappings.",
        frozenset(
            _LISTS
            | _DAILY_WORK
            | _PERSONAL
            | _EXPORT_SETTINGS
            | _REFUNDS
            | _all("exports", ["exportbatch"], "view")
            | {
                "approvals.decide_request",
                "suspense.write_off",
                "exports.build_export",
                "exports.download_export",
                "ledger.post_transfer",
                "accounts.pay_stopped_account",
                "funds.load_modulus_tables",
            }
            | _all("ledger", ["accountingperiod"], "add", "change", "close")
            | _all("funds", ["generalledgermapping"], "add", "change", "delete")
        ),
    ),
    Role(
        SERVICE_DESK,
        "Looks after people and system messages. Cannot grant the role Administrator.",
        frozenset(
            _all("people", ["user"], "add", "change", "view")
            | {"access.view_personscope"}
            | _all("funds", ["systemmessage"], "add", "change", "delete")
            | (_LISTS - {"reporting.view_proof"})
        ),
    ),
    Role(
        AUDITOR,
        "Sees everything, changes nothing.",
        frozenset({"reporting.view_proof", "interests.see_interest"} | _PERSONAL),
        views_everything=True,
    ),
    Role(
        ADMINISTRATOR,
        "All settings and people. Posts no money.",
        frozenset(
            _all("funds", [*_FUND_CODES, "systemmessage"], "add", "change", "delete")
            | _all("accounts", ["stopreason"], "add", "change", "delete")
            | _all("people", ["user", "councilrole"], "add", "change")
            | _all("ledger", ["accountingperiod"], "add", "change")
            | _IMPORT_SETTINGS
            | _EXPORT_SETTINGS
            | _PAYMENT_SETTINGS
            | _all("council", ["councildetails"], "add", "change")
            | _all("payment_types", ["paymenttype"], "add", "change")
            | _all("correspondence", ["carrieraccount"], "add", "change")
            | _all("correspondence", ["wording"], "add", "change", "delete")
            | _all("api", ["client", "notifyaddress"], "add", "change")
            | _all("approvals", ["limit", "conflict"], "add", "change")
            | _all("sign_in", ["directoryrole"], "add", "change", "delete")
            | _all("records", ["retentionrule"], "change")
            | _all("records", ["hold"], "add", "change")
            | {
                "api.issue_key",
                "api.see_secret",
                "people.grant_administrator",
                "sign_in.review_break_glass",
                "access.change_personscope",
                "access.open_review",
                "access.decide_review",
                "approvals.decide_request",
                "evidence.publish_seals",
                "records.ask_disposal",
                "records.answer_subject",
                "funds.load_modulus_tables",
                "reporting.view_proof",
            }
        ),
        views_everything=True,
    ),
)

ROLE_NAMES = tuple(role.name for role in ROLES)


def in_words(roles: Iterable[str]) -> str:
    """Roles as the history keeps them: the six in their order, then the council's own by name."""
    held = set(roles)
    return ", ".join([*(name for name in ROLE_NAMES if name in held), *sorted(held - set(ROLE_NAMES))])


def sync_roles() -> None:
    """Make the roles in the database exactly those of `ROLES`. Roles a council made itself are left alone."""
    known = _declared()
    with transaction.atomic():
        for role in ROLES:
            wanted = {known[name] for name in role.permissions if name in known}
            if role.views_everything:
                wanted |= {key for name, key in known.items() if _is_view_of_ours(name)}
            group, _ = Group.objects.get_or_create(name=role.name)
            if set(group.permissions.values_list("pk", flat=True)) != wanted:
                group.permissions.set(wanted)


def unknown_permissions() -> list[str]:
    """Permissions that a role names and no installed room declares: a spelling mistake, or a room to come."""
    known = _declared()
    return sorted({name for role in ROLES for name in role.permissions if name not in known})


def sync_after_migrate(sender: Any, **_: Any) -> None:
    """Sync once, when the last application has made its permissions."""
    if is_last(sender):
        sync_roles()


def _declared() -> dict[str, int]:
    rows = Permission.objects.values_list("content_type__app_label", "codename", "pk")
    return {f"{room}.{codename}": key for room, codename, key in rows}


def _is_view_of_ours(name: str) -> bool:
    room, _, codename = name.partition(".")
    return codename.startswith("view_") and apps.get_app_config(room).name.startswith("ims.")
