"""Every address there is, found by asking the resolver, and what answers there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getclosurevars
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from ims.ledger.models import AccountingPeriod
from ims.people.roles import AUDITOR
from tests.security.conftest import OneOfEverything

ADMIN_ACTS = {
    "changelist": ("view", "change"),
    "add": ("add",),
    "history": ("view", "change"),
    "simple_history": ("view", "change"),
    "delete": ("delete",),
    "change": ("view", "change"),
    "import": ("add", "change"),
    "process_import": ("add", "change"),
    "export": ("view", "change"),
}
"""Which of a model's permissions may open each kind of the admin's pages: any one of them."""

ASKED = {"admin:autocomplete": "?app_label=funds&model_name=fund&field_name=reference_rule"}
"""What has to be asked of an address that is nothing without a question."""

OTHER_FACES = ("api:", "portal:")
"""Addresses that roles say nothing about; `test_api_matrix.py` and `test_public_pages.py` walk through those."""


@dataclass(frozen=True)
class Address:
    """One pattern: its name, its route as people read it, what needs to be held (any one), and a true instance of it.

    `needs` is None where the address has rules of its own, which `OPEN` in the tests must then name.
    """

    name: str
    route: str
    url: str
    needs: tuple[str, ...] | None


def addresses(one: OneOfEverything) -> Iterator[Address]:
    """Every address of the console and the admin."""
    for name, route, pattern in _patterns(get_resolver(), "", ""):
        if not name or name.startswith(OTHER_FACES):
            continue
        url = (
            reverse(name, args=_past(name, one))
            if _is_past(name)
            else reverse(name, kwargs=_arguments(name, pattern, one))
        )
        yield Address(name, route, url + ASKED.get(name, ""), _needs(name, pattern))


def _patterns(resolver: URLResolver, prefix: str, space: str) -> Iterator[tuple[str, str, URLPattern]]:
    for part in resolver.url_patterns:
        route = prefix + _readable(str(part.pattern))
        if isinstance(part, URLResolver):
            inner = ":".join(filter(None, (space, part.namespace)))
            yield from _patterns(part, route, inner)
        else:
            name = f"{space}:{part.name}" if space and part.name else part.name or ""
            yield name, "/" + route, part


def _readable(route: str) -> str:
    """The route as people read it: ``/admin/funds/fund/<object_id>/change/``."""
    plain = route.removeprefix("^").removesuffix("$")
    plain = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", plain)
    plain = plain.replace("([^/]+)/history/([^/]+)", "<object_id>/history/<history_id>")
    return re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", plain)


def model_of(name: str) -> type[models.Model] | None:
    """The model whose admin pages an address is one of."""
    for model in admin.site._registry:
        start = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
        if name.startswith(start):
            return model
    return None


def _arguments(name: str, pattern: URLPattern, one: OneOfEverything) -> dict[str, Any]:
    known: dict[str, Any] = {
        "entry_id": one.entry.pk,
        "batch_id": one.export.pk if name.startswith("exports:") else one.batch.pk,
        "row_id": one.row.pk,
        "rule_id": one.rule.pk,
        "profile_id": one.profile.pk,
        "item_id": one.item.pk,
        "request_id": one.request.pk,
        "person_id": one.people["Nobody"].pk,
        "label": "funds.fund",
        "key": "23",
        "app_label": "funds",
        "content_type_id": 1,
        "url": "nothing-here/",
        "provider_id": "nobodys-directory",
        "pk": 1,
        "session_id": 1,
        "use_id": one.use.pk,
        "secret": "a-secret-nobody-was-given",
        "load_id": one.load.pk,
        "pack_id": one.pack.pk,
        "record_class": "ledger_text",
        "hold_id": one.hold.pk,
        "disposal_id": 1,
        "subject_id": one.subject.pk,
        "publication_id": one.publication.pk,
        "key_id": one.api_key.pk,
        "review_id": one.review.review_id,
        "line_id": one.review.pk,
        "interest_id": one.interest.pk,
        "role_id": one.council_role.pk,
        "name": AUDITOR,
        "attempt_id": one.payments.attempt.pk,
        "exception_id": one.payments.exception.pk,
        "dispute_id": one.payments.dispute.pk,
        "link_id": one.payments.link.pk,
        "payout_id": one.payments.payout.pk,
        "code": "main",
        "token": one.payments.card_page if name == "practice_card" else one.payments.attempt.return_token,
        "period_id": AccountingPeriod.objects.order_by("pk").first().pk,
    }
    model = model_of(name)
    if model is not None:
        found = (
            one.people["Nobody"] if model._meta.label == "people.User" else model._base_manager.order_by("pk").first()
        )
        known["object_id"] = quote(found.pk) if found is not None else "0"
    else:
        known["object_id"] = one.api_key.client_id
    # An address with a new kind of argument: add a true one above, so that the walk can ask for it.
    wanted = pattern.pattern.converters or dict.fromkeys(pattern.pattern.regex.groupindex)
    return {argument: known[argument] for argument in wanted}


def _is_past(name: str) -> bool:
    return name.endswith("_simple_history")


def _past(name: str, one: OneOfEverything) -> list[Any]:
    """A record and a row of its history, which the library's pattern takes without names."""
    model = model_of(name)
    manager = getattr(model, model._meta.simple_history_manager_attribute)
    row = manager.order_by("pk").first()
    return [quote(getattr(row, model._meta.pk.attname)), row.pk] if row is not None else ["0", "0"]


def _needs(name: str, pattern: URLPattern) -> tuple[str, ...] | None:
    model = model_of(name)
    if model is not None:
        options = model._meta
        act = name.removeprefix(f"admin:{options.app_label}_{options.model_name}_")
        if act not in ADMIN_ACTS:
            return None
        return tuple(f"{options.app_label}.{verb}_{options.model_name}" for verb in ADMIN_ACTS[act])
    view = pattern.callback
    while view is not None:
        held = getclosurevars(view).nonlocals if hasattr(view, "__code__") else {}
        if "needed" in held:
            return tuple(held["needed"]) or None
        view = getattr(view, "__wrapped__", None)
    return None


def every_permission() -> set[str]:
    """Every permission our rooms declare."""
    found = set()
    for model in apps.get_models():
        if model.__module__.startswith("ims."):
            options = model._meta
            found |= {f"{options.app_label}.{verb}_{options.model_name}" for verb in options.default_permissions}
            found |= {f"{options.app_label}.{code}" for code, _ in options.permissions}
    return found
