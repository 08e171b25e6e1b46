"""The rules a new installation begins with: UK defaults with their legal source. Each council sets its own."""

from __future__ import annotations

from typing import Any

from django.db import connection

from ims.audit.actors import acting, command
from ims.records.classes import CLASSES
from ims.records.models import RetentionRule


def suggest() -> int:
    """Write a rule for every class that has none; return how many. A council's own rules are left alone."""
    have = set(RetentionRule.objects.values_list("record_class", flat=True))
    missing = [each for each in CLASSES if each.code not in have]
    with acting(command("suggested retention rules"), "Suggested rules of a new installation"):
        for each in missing:
            counted = RetentionRule.CountedFrom.YEAR_END if each.from_year_end else RetentionRule.CountedFrom.DAY
            RetentionRule.objects.create(
                record_class=each.code, months=each.months, counted_from=counted, basis=each.basis
            )
    return len(missing)


def suggest_after_migrate(sender: Any, **_: Any) -> None:
    """Suggest once the tables are there."""
    if RetentionRule._meta.db_table in connection.introspection.table_names():
        suggest()
