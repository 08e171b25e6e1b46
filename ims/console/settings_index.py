"""The index of settings and records, by what people come for rather than by table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "What money is for",
        ("funds.fund", "funds.fundgroup", "funds.referencerule", "funds.checkdigitscheme", "funds.extrafield"),
    ),
    (
        "How money arrives",
        ("funds.methodofpayment", "funds.office", "imports.fileprofile", "imports.routingrule", "imports.expectedfile"),
    ),
    (
        "VAT and the general ledger",
        (
            "funds.vatcode",
            "funds.vatrate",
            "funds.generalledgermapping",
            "ledger.accountingperiod",
            "funds.bankholiday",
            "exports.exportprofile",
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
            "imports.importrow",
            "suspense.suspenseitem",
            "exports.exportbatch",
        ),
    ),
    ("People and messages", ("people.user", "auth.group", "funds.systemmessage")),
    ("Audit and background work", ("audit.event", "jobs.jobrun")),
)
OTHERS = "Everything else"


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


def grouped(app_list: Iterable[dict[str, Any]]) -> list[Group]:
    """The models of Django's `app_list` (what the person may open) by job; what no group names comes last."""
    found = {
        f"{app['app_label']}.{model['object_name'].lower()}": Records(
            model["name"], model["admin_url"], model.get("add_url") or ""
        )
        for app in app_list
        for model in app["models"]
        if model.get("admin_url")
    }
    groups = [Group(name, [found.pop(label) for label in labels if label in found]) for name, labels in GROUPS]
    groups.append(Group(OTHERS, list(found.values())))
    return [group for group in groups if group.records]
