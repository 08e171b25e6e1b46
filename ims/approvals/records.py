"""Settings that a second person must agree to: any change of a guarded record, whoever writes it and however.

A room names its records once, with `guard`. From then on saving or deleting one is stopped by `ApprovalNeeded` unless
the actor may do it alone or a request allows it: in the admin, in an import of a list, through the API alike. What has
no actor, or is a command on the server (seeds, migrations), is not asked; its history says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.signals import pre_delete, pre_save

from ims.approvals import gate, kinds
from ims.approvals.errors import WorldHasMoved
from ims.approvals.gate import Asked
from ims.approvals.kinds import Approval, Payload
from ims.approvals.plans import Applied, Difference, Evidence, Plan
from ims.audit import actors
from ims.audit.actors import Actor, authorise
from ims.common.errors import InvalidInput

Facts = Callable[[Any], Sequence[tuple[str, str]]]
Save = Callable[[Actor, models.Model, str], Any]
NOT_ASKED = frozenset({"command", "job", "system"})


@dataclass(frozen=True)
class Guarded:
    """How one model is guarded. `harmless` fields change without an approval; `save` is the room's own service.

    `facts` of a record as it would be stand in the plan, beside what would change.
    """

    kind: str
    harmless: frozenset[str]
    funds: Callable[[models.Model], Sequence[str]]
    save: Save | None
    words: Mapping[str, Callable[[Any], str]]
    facts: Facts


_GUARDED: dict[type[models.Model], Guarded] = {}
_leave: ContextVar[Approval | None] = ContextVar("ims_approvals_leave", default=None)


def register_kind(code: str, *, label: str, limit_label: str = "", limit: str = "") -> None:
    """Make changes of settings of one kind such that can be limited and asked for. They have no amount.

    The limit is one of its own, called `limit_label`, or the one that is registered as `limit` already.
    """
    if not limit:
        kinds.register_limit(code, limit_label, has_amount=False)
    kinds.register(kinds.Kind(code=code, label=label, limit=limit or code, apply=_apply, stamp=_stamp))


def guard(
    model: type[models.Model],
    kind: str,
    *,
    harmless: Collection[str] = (),
    funds: Callable[[Any], Sequence[str]] = lambda record: (),
    save: Save | None = None,
    words: Mapping[str, Callable[[Any], str]] | None = None,
    facts: Facts = lambda record: (),
) -> None:
    """Have every change of `model` be of `kind`.

    `funds` names the funds a record is about; `save` is the room's own service that writes one; `words` says how values
    of some fields read; `facts` are what who decides should know of a record added or changed.
    """
    _GUARDED[model] = Guarded(kind, frozenset(harmless), funds, save, words or {}, facts)
    pre_save.connect(_before_saving, sender=model, dispatch_uid=f"ims.approvals.{model._meta.label_lower}.save")
    pre_delete.connect(_before_deleting, sender=model, dispatch_uid=f"ims.approvals.{model._meta.label_lower}.delete")


def is_guarded(model: type[models.Model]) -> bool:
    """Whether changes of `model` may need an approval."""
    return model in _GUARDED


def kind_of(model: type[models.Model]) -> str:
    """The code of the kind that changes of `model` are."""
    return _GUARDED[model].kind


def _before_saving(sender: type[models.Model], instance: models.Model, raw: bool = False, **_: Any) -> None:
    if raw or not _is_asked():
        return
    guarded = _GUARDED[sender]
    stored = None if instance._state.adding else sender._default_manager.filter(pk=instance.pk).first()
    act = "add" if stored is None else "change"
    values = {
        field.attname: _plain(getattr(instance, field.attname))
        for field in _fields(sender)
        if stored is None or _plain(getattr(instance, field.attname)) != _plain(getattr(stored, field.attname))
    }
    if stored is None or not set(values) <= guarded.harmless:
        _require(guarded, instance, act, values)


def _before_deleting(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    if _is_asked():
        _require(_GUARDED[sender], instance, "delete", {})


def _is_asked() -> bool:
    now = actors.current()
    return now is not None and now.actor.kind not in NOT_ASKED


def _require(guarded: Guarded, instance: models.Model, act: str, values: dict[str, Any]) -> None:
    now = actors.current()
    payload = {
        "model": instance._meta.label_lower,
        "act": act,
        "pk": None if act == "add" else str(instance.pk),
        "values": values,
        "reason": now.reason,
    }
    gate.require(
        actor=now.actor,
        limit=kinds.find(guarded.kind).limit,
        amount=None,
        approval=_leave.get(),
        ask=lambda: Asked(kind=guarded.kind, payload=payload),
    )


def _apply(actor: Actor, payload: Payload, approval: Approval) -> Applied:
    """Add, change or delete the record as it was asked, in the history as the act of who asked."""
    model = apps.get_model(payload["model"])
    act, guarded = payload["act"], _GUARDED[model]
    authorise(actor, f"{model._meta.app_label}.{act}_{model._meta.model_name}", what=f"{act} {_plural(model)}")
    record = model() if act == "add" else _stored(model, payload["pk"])
    before = {} if act == "add" else {name: getattr(record, name) for name in _names(model)}
    label = str(record)
    fields = {field.attname: field for field in _fields(model)}
    for name, value in payload["values"].items():
        setattr(record, name, _read(fields[name], value))
    with _under(approval):
        if act == "delete":
            record.delete()
        elif guarded.save is not None:
            guarded.save(actor, record, payload["reason"])
        else:
            _clean(record)
            record.save()
    differences = [
        difference
        for name, field in fields.items()  # in the model's order: the payload's is lost in the database
        if act == "delete" or name in payload["values"]
        for difference in _differences(
            guarded, field, before.get(name), None if act == "delete" else getattr(record, name)
        )
    ]
    name = str(model._meta.verbose_name)
    plan = Plan(
        summary=f"{act.capitalize()} {name} “{record if act == 'add' else label}”",
        differences=[one for one in differences if one.before != one.after],
        facts=() if act == "delete" else guarded.facts(record),
        evidence=[] if act != "change" else [Evidence(label=label, model=payload["model"], key=payload["pk"])],
        funds=[code for code in guarded.funds(record) if code],
    )
    outcome = {"add": "Added", "change": "Changed", "delete": "Deleted"}[act]
    kept = None if act == "delete" or approval.is_rehearsal else record
    return Applied(plan=plan, outcome=f"{outcome}: {record}", record=kept)


def _differences(guarded: Guarded, field: models.Field, before: Any, after: Any) -> list[Difference]:
    """How a field differs: in one piece, or part by part where it holds a structure that nobody reads in one."""
    name = str(field.verbose_name)
    if field.name not in guarded.words and isinstance(after or before, dict):
        old, new = _parts(name, before or {}), _parts(name, after or {})
        return [
            Difference(name=part, before=old.get(part, ""), after=new.get(part, ""))
            for part in dict.fromkeys([*new, *old])
        ]
    return [Difference(name=name, before=_shown(guarded, field, before), after=_shown(guarded, field, after))]


def _parts(name: str, value: Any) -> dict[str, str]:
    """The parts of a structure by where they stand, like “layout, columns 2”."""
    if isinstance(value, dict):
        inner = [(f"{name}, {key.replace('_', ' ')}", value[key]) for key in sorted(value)]
    elif isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
        inner = [(f"{name} {place}", _in_a_line(each)) for place, each in enumerate(value, start=1)]
    else:
        return {name: _in_a_line(value)}
    return {part: text for label, each in inner for part, text in _parts(label, each).items()}


def _in_a_line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')}: {_in_a_line(value[key])}" for key in sorted(value))
    if isinstance(value, list):
        return " | ".join(_in_a_line(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(_plain(value))


def _stamp(payload: Payload) -> dict[str, str]:
    """What the fields to be changed hold now."""
    if payload["act"] == "add":
        return {}
    model = apps.get_model(payload["model"])
    record = model._default_manager.filter(pk=payload["pk"]).first()
    if record is None:
        return {f"{str(model._meta.verbose_name).capitalize()} {payload['pk']}": "gone"}
    names = payload["values"] or _names(model)
    return {
        f"“{field.verbose_name}” of {model._meta.verbose_name} {payload['pk']}": _shown(
            _GUARDED[model], field, getattr(record, field.attname)
        )
        for field in _fields(model)
        if field.attname in names
    }


@contextmanager
def _under(approval: Approval) -> Iterator[None]:
    token = _leave.set(approval)
    try:
        yield
    finally:
        _leave.reset(token)


def _stored(model: type[models.Model], key: str) -> models.Model:
    found = model._default_manager.select_for_update(of=("self",)).filter(pk=key).first()
    if found is None:
        raise WorldHasMoved(f"The {model._meta.verbose_name} this is about has been deleted. Nothing was done.")
    return found


def _clean(record: models.Model) -> None:
    try:
        record.full_clean()
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages)) from error


def _fields(model: type[models.Model]) -> list[models.Field]:
    return [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]


def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in _fields(model)]


def _plural(model: type[models.Model]) -> str:
    return str(model._meta.verbose_name_plural)


def _plain(value: Any) -> Any:
    """A field's value as JSON."""
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def _read(field: models.Field, value: Any) -> Any:
    """The value that `_plain` wrote down."""
    return value if value is None or field.is_relation else field.to_python(value)


def _shown(guarded: Guarded, field: models.Field, value: Any) -> str:
    """A field's value as people read it, and the same for the same value."""
    if value is None or value in ("", [], {}):
        return ""
    if field.name in guarded.words:
        return guarded.words[field.name](value)
    if isinstance(value, list):
        return ", ".join(str(_plain(each)) for each in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.is_relation:
        return str(field.related_model._default_manager.filter(pk=value).first() or value)
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, (date, datetime)):
        return f"{value:%-d %b %Y}"
    return str(_plain(value))
