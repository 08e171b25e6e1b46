"""The index of settings and records, by what people come for rather than by table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from ims.audit.actors import Actor
from ims.console.views.access import MAY_LOOK as MAY_LOOK_AT_ACCESS

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "What money is for",
        ("funds.fund", "funds.fundgroup", "funds.referencerule", "funds.checkdigitscheme", "funds.extrafield"),
    ),
    (
        "How money arrives",
        ("funds.methodofpayment", "funds.office", "payments.paymentroute", "funds.modulustableload"),
    ),
    (
        "VAT and the general ledger",
        (
            "funds.vatcode",
            "funds.vatrate",
            "funds.generalledgermapping",
            "funds.bankholiday",
            "exports.exportprofile",
        ),
    ),
    (
        "What payers see",
        (
            "council.councildetails",
            "payment_types.paymenttype",
            "correspondence.wording",
            "correspondence.carrieraccount",
        ),
    ),
    ("Account holders", ("accounts.accountholder", "accounts.accountload", "accounts.stopreason")),
    (
        "Records of money",
        (
            "ledger.posting",
            "ledger.entry",
            "ledger.seal",
            "imports.importbatch",
            "imports.sourcefile",
            "imports.importrow",
            "suspense.suspenseitem",
            "telephone_line.callpayment",
            "correspondence.message",
            "api.notification",
            "payments.paymentattempt",
            "exports.exportbatch",
        ),
    ),
    ("Limits and duties", ("approvals.limit",)),
    (
        "People, systems and messages",
        (
            "people.user",
            "sign_in.directoryrole",
            "auth.group",
            "api.client",
            "api.notifyaddress",
            "funds.systemmessage",
        ),
    ),
    ("Audit and background work", ("audit.event", "jobs.jobrun")),
)
OTHERS = "Everything else"

SCREENS: tuple[tuple[str, str, str, str], ...] = (
    # group, name, url name, the model it stands for
    ("How money arrives", "File profiles", "imports:profiles", "imports.fileprofile"),
    ("How money arrives", "Routing rules", "imports:rules", "imports.routingrule"),
    ("How money arrives", "Payment services", "payments:services", "payments.paymentservice"),
    ("Limits and duties", "Conflicts of duties", "approvals:duties", "approvals.conflict"),
    ("Audit and background work", "Retention and legal holds", "records:index", "records.retentionrule"),
    ("VAT and the general ledger", "Accounting periods", "periods:index", "ledger.accountingperiod"),
    ("People, systems and messages", "Access: scopes, roles, reviews", "access:index", "access.personscope"),
)
"""Settings that have screens of their own, shown instead of Django's pages for the same records."""

OPENED_BY = {"access:index": MAY_LOOK_AT_ACCESS}
"""Screens that one of several permissions opens; any other is opened by the one to view what it stands for."""


@dataclass(frozen=True)
class Records:
    """One kind of record the person may open. `add_url` is empty when they may not add one."""

    name: str
    url: str
    add_url: str


@dataclass(frozen=True)
class Group:
    """Kinds of record that belong together."""

    name: str
    records: list[Records]


def grouped(app_list: Iterable[dict[str, Any]], actor: Actor) -> list[Group]:
    """The models of Django's `app_list` and our own screens, what `actor` may open of them, by job.

    What no group names comes last.
    """
    found = {
        f"{app['app_label']}.{model['object_name'].lower()}": Records(
            model["name"], model["admin_url"], model.get("add_url") or ""
        )
        for app in app_list
        for model in app["models"]
        if model.get("admin_url")
    }
    for _, _, _, label in SCREENS:
        found.pop(label, None)
    groups = [
        Group(name, [*_screens(name, actor), *(found.pop(label) for label in labels if label in found)])
        for name, labels in GROUPS
    ]
    groups.append(Group(OTHERS, list(found.values())))
    return [group for group in groups if group.records]


def _screens(group: str, actor: Actor) -> list[Records]:
    return [
        Records(name, reverse(url_name), "")
        for place, name, url_name, label in SCREENS
        if place == group and any(map(actor.may, OPENED_BY.get(url_name, (label.replace(".", ".view_"),))))
    ]
