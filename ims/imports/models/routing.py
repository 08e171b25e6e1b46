"""Rules that say where rows belong."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from ims.audit.history import Tracked
from ims.common.errors import InvalidInput
from ims.imports.rules import parse_actions, parse_groups


class RoutingRule(Tracked):
    """When a row is like this, set that. Rules run in order; a later rule sees what an earlier one set.

    `groups` is a list of groups of conditions, ``[{"match": "all", "conditions": [{"field", "operator", "value",
    "ignore_case"}]}]``. The rule fires when one group is true (or when there is none); within a group all conditions,
    or any of them, must be. `actions` maps fields to the values they get. `ims.imports.rules` says which fields and
    operators there are.
    """

    name = models.CharField(max_length=80, unique=True)
    description = models.TextField(blank=True, default="")
    position = models.IntegerField(default=100, help_text="Lower runs first.")
    profiles = ArrayField(
        models.TextField(), default=list, blank=True, help_text="Codes of the profiles it is for. Empty: all."
    )
    groups = models.JSONField(default=list, blank=True)
    actions = models.JSONField(default=dict)
    stops = models.BooleanField("stop here", default=False, help_text="No later rule runs on a row this one fires on.")
    valid_from = models.DateField(null=True, blank=True, help_text="First day received it is for.")
    valid_to = models.DateField(null=True, blank=True, help_text="Last day received it is for.")
    is_enabled = models.BooleanField("enabled", default=True)

    class Meta:
        verbose_name = "routing rule"
        default_permissions = ("add", "change", "view")
        ordering = ["position", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="routing_rule_dates_in_order",
                violation_error_message="The last day is before the first.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse conditions and actions that make no sense, on whatever screen they were written."""
        for field, parse in (("groups", parse_groups), ("actions", parse_actions)):
            try:
                parse(getattr(self, field))
            except InvalidInput as error:
                raise ValidationError({field: error.message}) from error
