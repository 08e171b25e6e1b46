"""The Model Council's reference data, and the bank holidays every council needs, from the files under `data/`.

Nothing that exists is changed: running it twice, or over a council's own settings, adds only what is missing.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from importlib import resources

from django.db import models, transaction

from ims.audit.actors import Actor, acting, authorise
from ims.common.errors import InvalidInput
from ims.funds.models import (
    BankHoliday,
    CheckDigitScheme,
    ExtraField,
    Fund,
    FundGroup,
    GeneralLedgerMapping,
    MethodOfPayment,
    Office,
    ReferenceRule,
    VatCode,
    VatRate,
)

REASON = "Model Council reference data"
_YES = {"yes": True, "no": False, "": False}

_FILES: tuple[tuple[str, type[models.Model], tuple[str, ...]], ...] = (
    ("offices", Office, ("code",)),
    ("vat_codes", VatCode, ("code",)),
    ("vat_rates", VatRate, ("vat_code", "valid_from")),
    ("check_digits", CheckDigitScheme, ("name",)),
    ("reference_rules", ReferenceRule, ("name",)),
    ("funds", Fund, ("code",)),
    ("methods_of_payment", MethodOfPayment, ("code",)),
    (
        "gl_mappings",
        GeneralLedgerMapping,
        ("side", "fund", "method_of_payment", "office", "vat_code", "valid_from"),
    ),
    ("extra_fields", ExtraField, ("owner", "name")),
)
"""File, model and natural key, in the order in which they refer to one another."""


@transaction.atomic
def seed_model_council(actor: Actor) -> dict[str, int]:
    """Add the Model Council's codes where they are missing. Returns how many of each were added."""
    authorise(actor, "funds.add_fund", what="load the Model Council's reference data")
    added = {}
    with acting(actor, REASON):
        for name, model, keys in _FILES:
            added[name] = sum(add_missing(model, keys, row) for row in rows("ims.funds", f"model_council/{name}.csv"))
        added["fund_groups"] = sum(_add_group(row) for row in rows("ims.funds", "model_council/fund_groups.csv"))
        added["bank_holidays"] = load_bank_holidays(actor)
    return added


def load_bank_holidays(actor: Actor) -> int:
    """Add the bank holidays of England and Wales that are missing. Returns how many were added."""
    authorise(actor, "funds.add_bankholiday", what="load bank holidays")
    with acting(actor, "Bank holidays of England and Wales"):
        return sum(add_missing(BankHoliday, ("day",), row) for row in rows("ims.funds", "england_bank_holidays.csv"))


def rows(package: str, name: str) -> Iterator[dict[str, str]]:
    """The lines of `data/<name>` inside `package`, by column heading."""
    with (resources.files(package) / "data" / name).open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def add_missing(model: type[models.Model], keys: tuple[str, ...], row: dict[str, str]) -> bool:
    """Add one record unless its natural key exists. Returns whether it was added."""
    values = {name: _value(model, name, text) for name, text in row.items()}
    values = {name: value for name, value in values.items() if value is not _LEFT_OUT}
    if model._default_manager.filter(**{name: values.get(name) for name in keys}).exists():
        return False
    record = model(**values)
    record.full_clean()
    record.save(force_insert=True)
    return True


_LEFT_OUT = object()


def _value(model: type[models.Model], name: str, text: str) -> object:
    field = model._meta.get_field(name)
    if isinstance(field, models.BooleanField):
        if text not in _YES:
            raise InvalidInput(f"“{text}” in column {name} must be yes or empty.")
        return _YES[text]
    if isinstance(field, models.ForeignKey):
        return _referred(field.related_model, text) if text else None
    if not text:
        return None if field.null else _LEFT_OUT if field.has_default() else ""
    return field.to_python(text)


def _referred(model: type[models.Model], text: str) -> models.Model:
    find: Callable[[str], dict[str, str]] = (
        (lambda value: {"pk": value}) if model._meta.pk.name == "code" else (lambda value: {"name": value})
    )
    return model._default_manager.get(**find(text))


def _add_group(row: dict[str, str]) -> bool:
    if FundGroup.objects.filter(name=row["name"]).exists():
        return False
    codes = row["funds"].split()
    group = FundGroup.objects.create(name=row["name"], members="Funds: " + ", ".join(codes))
    group.funds.set(codes)
    return True
