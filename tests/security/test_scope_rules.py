"""What the code must be like for scopes and masks to hold, read from the source and the models."""

from __future__ import annotations

import ast
from pathlib import Path

from django.apps import apps
from django.db import models

from ims.audit.scope import SIDES, Paths

ROOMS = Path(__file__).resolve().parents[2] / "ims"

READS_ONE_SIDE = {
    "audit/actors.py": "what an actor is",
    "audit/scope.py": "the one place that turns scopes into conditions",
    "jobs/models.py": "writes an actor down and reads them again",
    "accounts/selectors.py": "facts of the funds a line may name",
    "imports/shares.py": "rows of files, whose codes are text and may be empty",
    "imports/services/configuration.py": "the same rows, in SQL that is composed",
    "approvals/selectors.py": "a request names funds alone; whose scope has other sides sees their own requests",
    "payments/selectors.py": "a basket may have no office, which no condition on its lines can tell",
}

HOLDS_NO_MONEY_OF_ITS_OWN = {
    "interests.interest": "names an account and whose it is; shown to its person and by a permission of its own",
    "funds": "what finance owns: settings that everybody who works with income may read",
    "accounts.stopreason": "a setting",
    "exports": "journals hold everything: `require_whole` and `is_limited` keep them to who sees all",
    "imports.fileprofile": "a setting",
    "imports.importrow": "its codes are text: `shares.rows_in_scope`",
    "imports.importbatch": "its shares hold its money: `shares.batches_visible_to`",
    "ledger.posting": "the head of entries; read through them",
    "ledger.dailytotal": "read by `totals_between`, whose statement holds `sql_within`",
    "ledger.sealedposting": "which seal covers a posting; no amounts",
    "suspense.matchsuggestion": "read with its item; funds outside the scope are left out",
    "payment_types": "what a payer may pay for: a setting",
    "correspondence": "messages, by the entries of their posting: `is_in_scope` and the admin's list",
    "payments": "read through its attempts and baskets: `attempts_visible_to`, `is_in_scope`",
}
"""Models (or rooms) with a fund, an entry or a posting that need no `scope_paths`, and why."""

MONEY = {"funds.fund", "ledger.entry", "ledger.posting"}


def test_no_room_reads_one_side_of_a_scope_by_itself():
    found = {}
    for path in ROOMS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in SIDES and _is_actor(node.value):
                found.setdefault(str(path.relative_to(ROOMS)), []).append(node.lineno)
    assert {path: lines for path, lines in found.items() if path not in READS_ONE_SIDE} == {}
    assert set(READS_ONE_SIDE) <= {*found, "audit/actors.py", "audit/scope.py", "jobs/models.py"}


def _is_actor(node: ast.expr) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    named = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
    return named in ("actor", "actor_of", "actor_for")


def test_every_record_of_money_says_where_its_scope_is():
    silent = []
    for model in apps.get_models():
        options = model._meta
        if not model.__module__.startswith("ims.") or options.model_name.startswith("historical"):
            continue
        points_at = {
            column.related_model._meta.label_lower
            for column in options.concrete_fields
            if isinstance(column, models.ForeignKey | models.OneToOneField)
        }
        exempt = {options.app_label, options.label_lower} & set(HOLDS_NO_MONEY_OF_ITS_OWN)
        if points_at & MONEY and not isinstance(getattr(model, "scope_paths", None), Paths) and not exempt:
            silent.append(options.label)
    assert silent == []


def test_scope_paths_lead_to_columns():
    for model in apps.get_models():
        paths = getattr(model, "scope_paths", None)
        if isinstance(paths, Paths):
            for side in SIDES:
                if path := getattr(paths, side):
                    assert str(model._base_manager.filter(**{f"{path}__in": ["x"]}).query)


def test_every_personal_field_exists_and_its_permission_is_declared():
    declared = {f"{model._meta.app_label}.{code}" for model in apps.get_models() for code, _ in model._meta.permissions}
    with_personal = [model for model in apps.get_models() if "personal" in vars(model)]
    assert len(with_personal) >= 4
    for model in with_personal:
        assert model.personal.permission in declared, model
        assert set(model.personal.masks) <= {column.name for column in model._meta.concrete_fields}, model
