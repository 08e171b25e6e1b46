"""What the code itself must be like for the promises to hold. Read from the source, so that nobody has to remember.

Every exception stands here with its reason; one that no longer applies fails the test too.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db import models
from django.db.models import PROTECT

from ims.assurance.trails import trails

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ROOT / "ims"

# --- every service asks for permission ---------------------------------------------------------------------------

NEEDS_NO_AUTHORISE = {
    "api.return_of": "reads where the payer of a basket goes back to, for the page of that basket",
    "api.secrets_in_force": "works out what signs, for services that authorise",
    "api.state_of": "words how a payment stands that the caller may see",
    "correspondence.is_in_scope": "answers whether a message lies in the actor's funds, for services that authorise",
    "telephone_line.the_method": "reads which method of payment is the line's, for services that authorise",
    "audit.record": "writes the record of an act its caller was allowed; the trail is open to every service",
    "approvals.draft": "does what is asked through the owning room's service, which authorises, and takes it back",
    "approvals.request": "rehearses what is asked through the owning room's service, which authorises",
    "approvals.withdraw": "lets nobody but who asked",
    "accounts.refusal_of": "only words the refusal of a load; reads nothing",
    "exports.check_profile": "decides about a layout handed to it; reads no records and writes nothing",
    "exports.check_request": "asks for the actor's scope itself; `build` and `build_or_reissue` authorise",
    "exports.rendering": "works out what a profile would send, for `build`, which authorises",
    "imports.find_profile": "reads a file profile by its code, for services that authorise",
    "imports.recognise": "looks at the bytes handed to it and names a profile",
    "imports.follow_reversal": "told by the ledger of a reversal that the ledger authorised",
    "imports.postings_of": "reads which postings a batch became, for services that authorise",
    "imports.open_records": "opens the bytes handed to it, for `check`, which authorises",
    "imports.decisions": "reads what people decided about a row that the caller may see",
    "imports.refuse_outside": "says what of a batch lies outside the actor's scope, for `post`, which authorises",
    "imports.post_set_of": "posts rows of a batch through the ledger, which authorises, for services that do",
    "sign_in.admit": "the directory vouches for the person; the roles it gives were mapped by who may grant them",
    "sign_in.change_own_password": "one's own password and nobody else's",
    "interests.refuse_interested": "refuses, for services that authorise",
    "sign_in.end_own_session": "one's own sessions and nobody else's",
    "sign_in.person_of": "says whose link it is to whoever holds its secret",
    "sign_in.choose_password": "the secret of the link is the permission, given by `make_link`, which authorises",
    "payments.locked": "holds a record, for services that authorise",
    "payments.open_for_change": "holds a basket that may change, for services that authorise",
    "payments.refuse_closed": "says why a basket cannot be paid any more; writes nothing",
    "payments.office_of": "names the office of a basket; writes nothing",
    "payments.request_for": "words what a provider is asked, for `start_payment`, whose `begin` authorises",
    "payments.source_key": "spells a natural key",
    "payments.token_of": "spells what names a link; who may see it is asked where it is shown",
    "payments.find_link": "the signature of the link is the permission",
    "payments.taken_outside": "words an exception",
    "people.first_administrator": "only by a command on the server, and only while nobody is an administrator",
    "ledger.find": "finds a posting by its natural key, so that the second attempt meets the first",
}
"""Public functions of services that do not call `authorise` themselves, nor through another of the room."""


def services() -> Iterator[tuple[str, ast.FunctionDef, dict[str, ast.FunctionDef]]]:
    """Each public function of the services of every room, with all functions of its room's services."""
    for room in sorted(path.name for path in ROOMS.iterdir() if path.is_dir()):
        files = [*ROOMS.glob(f"{room}/services.py"), *ROOMS.glob(f"{room}/services/*.py")]
        functions = {
            node.name: node
            for path in files
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef)
        }
        for name, node in functions.items():
            if not name.startswith("_"):
                yield f"{room}.{name}", node, functions


def called_by(function: ast.FunctionDef) -> set[str]:
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                found.add(node.func.id)
            elif isinstance(node.func, ast.Attribute):
                found.add(node.func.attr)
    return found


def asks(function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]) -> bool:
    """Whether `function` calls `authorise`, itself or through functions of its own room."""
    seen: set[str] = set()
    waiting = [function]
    while waiting:
        names = called_by(waiting.pop())
        if "authorise" in names:
            return True
        for name in names - seen:
            seen.add(name)
            if name in functions:
                waiting.append(functions[name])
    return False


def test_every_service_authorises_or_says_why_not():
    silent = {name for name, function, functions in services() if not asks(function, functions)}
    assert silent - set(NEEDS_NO_AUTHORISE) == set(), "these services never ask for a permission"
    known = {name for name, _, _ in services()}
    stale = {name for name in NEEDS_NO_AUTHORISE if name not in known or name not in silent}
    assert stale == set(), "these exceptions are not needed"


# --- references to money are protected ---------------------------------------------------------------------------

MAY_GO_WITH_ITS_OWNER = {"suspense.MatchSuggestion.item": "a remembered guess, made again whenever accounts change"}


def test_nothing_that_money_points_at_can_be_deleted():
    money_rooms = {"ledger", "imports", "exports", "suspense", "payments"}
    loose = set()
    for model in apps.get_models():
        if model._meta.app_label not in money_rooms or hasattr(model, "history_id"):
            continue
        for field in model._meta.concrete_fields:
            if isinstance(field, models.ForeignKey) and field.remote_field.on_delete is not PROTECT:
                loose.add(f"{model._meta.app_label}.{model.__name__}.{field.name}")
    for model in apps.get_models():  # and whatever else points into the ledger
        for field in model._meta.concrete_fields:
            points_at_money = isinstance(field, models.ForeignKey) and field.related_model._meta.app_label == "ledger"
            if points_at_money and not hasattr(model, "history_id") and field.remote_field.on_delete is not PROTECT:
                loose.add(f"{model._meta.app_label}.{model.__name__}.{field.name}")
    assert loose == set(MAY_GO_WITH_ITS_OWNER)


# --- tracked records are never written past their history --------------------------------------------------------


def queryset_updates() -> Iterator[tuple[str, str, str]]:
    """Each `.update(…=…)`, `.bulk_update(` and `.bulk_create(` in the rooms: file, model it starts at, the line."""
    for path in sorted(ROOMS.rglob("*.py")):
        if "migrations" in path.parts:
            continue
        source = path.read_text()
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr == "update" and not node.keywords:
                continue  # a dictionary's or a digest's
            if node.func.attr in ("update", "bulk_update", "bulk_create"):
                text = ast.get_source_segment(source, node) or ""
                yield str(path.relative_to(ROOT)), re.split(r"\.", text)[0], " ".join(text.split())


BULK_WITH_HISTORY = {
    "ims/funds/seed.py": "the Model Council's codes, written through simple-history's own bulk helper",
}


def test_no_tracked_record_is_changed_past_its_history():
    tracked = {trail.model.__name__ for trail in trails()}
    found = {
        (path, model) for path, model, text in queryset_updates() if model in tracked and path not in BULK_WITH_HISTORY
    }
    assert found == set()


# --- money is never a float --------------------------------------------------------------------------------------

NOT_MONEY = {"ims/console/charts.py": "places and lengths of bars in a picture, in pixels"}


def test_no_float_touches_money():
    found = set()
    for path in sorted(ROOMS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.func if isinstance(node, ast.Call) else None
            if isinstance(name, ast.Name) and name.id == "float":
                found.add(str(path.relative_to(ROOT)))
            if isinstance(node, ast.Attribute) and node.attr == "FloatField":
                found.add(str(path.relative_to(ROOT)))
    assert found == set(NOT_MONEY)


def test_no_model_keeps_a_float():
    kept = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        if model.__module__.startswith("ims.")
        for field in model._meta.concrete_fields
        if isinstance(field, models.FloatField)
    ]
    assert kept == []


# --- the admin -----------------------------------------------------------------------------------------------------


def test_nothing_is_deleted_in_bulk_and_money_is_only_looked_at(rf, django_user_model):
    request = rf.get("/")
    request.user = django_user_model(is_superuser=True, is_active=True)
    for model, model_admin in admin.site._registry.items():
        if not model.__module__.startswith("ims."):
            continue  # Django's and the queue's own pages, which no role may open: see the permission matrix
        assert "delete_selected" not in model_admin.get_actions(request), model
        if model._meta.app_label in ("ledger", "imports", "exports", "suspense") and getattr(
            model, "append_only", False
        ):
            assert not model_admin.has_add_permission(request), model
            assert not model_admin.has_change_permission(request), model
            assert not model_admin.has_delete_permission(request), model


# --- the browser is told to trust nothing ------------------------------------------------------------------------


def test_the_content_security_policy_allows_nothing_unsafe():
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    flat = " ".join(str(value) for values in directives.values() for value in values)
    assert "unsafe" not in flat
    assert "*" not in flat
    assert "http:" not in flat
    assert {"default-src", "script-src", "style-src", "form-action", "frame-ancestors", "base-uri"} <= set(directives)


def test_no_template_holds_a_script_a_style_or_a_handler():
    faults = []
    for path in sorted(ROOMS.rglob("templates/**/*.html")):
        text = path.read_text()
        for what, pattern in (
            ("a style", r"<[^>]+\sstyle\s*="),
            ("a handler", r"<[^>]+\son[a-z]+\s*="),
            ("a script", r"<script(?![^>]*\ssrc=)[^>]*>"),
            ("a style element", r"<style[\s>]"),
            ("unescaped text", r"\|\s*safe\b|autoescape off"),
        ):
            if re.search(pattern, text):
                faults.append(f"{path.relative_to(ROOT)} holds {what}")
    assert faults == []


def test_every_form_that_posts_has_a_token():
    without = []
    for path in sorted(ROOMS.rglob("templates/**/*.html")):
        for form in re.findall(r"<form[^>]*method=[\"']post[\"'][^>]*>.*?</form>", path.read_text(), re.DOTALL):
            if "csrf_token" not in form:
                without.append(str(path.relative_to(ROOT)))
    assert without == []


# --- secrets -----------------------------------------------------------------------------------------------------

SECRETS = {
    "a private key": r"-----BEGIN (?:RSA |EC |OPENSSH |DSA |PGP )?PRIVATE KEY",
    "an AWS key": r"\bAKIA[0-9A-Z]{16}\b",
    "a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{36,}\b",
    "a Stripe key": r"\b[sr]k_live_[A-Za-z0-9]{16,}\b",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}\b",
    "a password in an address": r"\bpostgres(?:ql)?://[^\s:/@{}$<>'\"]+:[^\s@{}$<>'\"]{3,}@(?!localhost|127\.0\.0\.1)",
    "a written-down secret": r"(?i)\b(?:secret_key|api_key|password|token)\s*=\s*[\"'][A-Za-z0-9+/_-]{24,}[\"']",
}

NO_SECRETS = {
    "deploy/tests/scenarios/single.py: a written-down secret": "the password of a person who lives for one test",
}


def test_no_secret_stands_in_the_repository():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout, so there is no list of what would be published")
    found = set()
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if not name or not path.is_file() or path.stat().st_size > 2_000_000 or path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found |= {f"{name}: {what}" for what, pattern in SECRETS.items() if re.search(pattern, text)}
    assert found == set(NO_SECRETS)
