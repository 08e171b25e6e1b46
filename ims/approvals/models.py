"""Requests that wait for a second person, and the limits that say when one is needed."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from ims.approvals.rules import Allowance
from ims.approvals.states import RequestState
from ims.audit.history import Tracked
from ims.audit.personal import Personal
from ims.common import masking

ANYBODY = ""
"""The role of a limit that holds for everybody, commands typed on the server included."""


class Limit(Tracked):
    """How far one role may go in one kind of act. Amounts in pounds, included; empty means any amount.

    Who has several roles may do the most that any of them allows. Where a role has no limit for a kind, its people
    may do nothing of it alone.
    """

    role = models.CharField(
        max_length=150, blank=True, default=ANYBODY, help_text="Empty: everybody, commands on the server included."
    )
    kind = models.CharField("of what", max_length=60)
    alone_up_to = models.DecimalField(
        "may do alone, up to",
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        default=Decimal(0),
        help_text="Empty: any amount. 0: nothing alone.",
    )
    with_approval_up_to = models.DecimalField(
        "may have approved, up to",
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="Empty: any amount. Beyond this it is refused, whoever would approve.",
    )
    may_approve_up_to = models.DecimalField(
        "may approve for others, up to",
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        default=Decimal(0),
        help_text="Empty: any amount. 0: may not approve.",
    )

    class Meta:
        verbose_name = "limit"
        default_permissions = ("add", "change", "view")
        ordering = ["kind", "role"]
        constraints = [
            models.UniqueConstraint(fields=["role", "kind"], name="limit_once_per_role"),
            models.CheckConstraint(
                condition=(Q(alone_up_to__isnull=True) | Q(alone_up_to__gte=0))
                & (Q(with_approval_up_to__isnull=True) | Q(with_approval_up_to__gte=0))
                & (Q(may_approve_up_to__isnull=True) | Q(may_approve_up_to__gte=0)),
                name="limit_is_not_negative",
                violation_error_message="A limit is £0.00 or more.",
            ),
            models.CheckConstraint(
                condition=Q(with_approval_up_to__isnull=True)
                | Q(alone_up_to__isnull=False, with_approval_up_to__gte=F("alone_up_to")),
                name="limit_approval_reaches_further",
                violation_error_message="With an approval at least as much must be allowed as alone.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.role or 'everybody'}"

    def as_allowance(self) -> Allowance:
        """The row as the rules take it."""
        return Allowance(self.alone_up_to, self.with_approval_up_to, self.may_approve_up_to)


class Conflict(Tracked):
    """Two duties that one person should not hold together: refused, or reported with what makes up for it.

    A duty is a permission (``ledger.post_journal``) or a whole role (``role:Auditor``).
    """

    class Severity(models.TextChoices):
        REFUSE = "refuse", "Refused: nobody is given both"
        REPORT = "report", "Reported: allowed, and listed for auditors"

    name = models.CharField(max_length=120, unique=True, help_text="Like: Keeps people’s rights and moves money.")
    first = models.CharField("one duty", max_length=160)
    second = models.CharField("the other duty", max_length=160)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.REPORT)
    why = models.CharField("why they conflict", max_length=300)
    compensating_control = models.CharField(
        max_length=300, blank=True, default="", help_text="What makes up for it where both are held by one person."
    )
    is_in_force = models.BooleanField("in force", default=True)

    class Meta:
        verbose_name = "conflict of duties"
        verbose_name_plural = "conflicts of duties"
        default_permissions = ("add", "change", "view")
        ordering = ["severity", "name"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="conflict_once"),
            models.CheckConstraint(
                condition=~Q(first=F("second")),
                name="conflict_of_two_duties",
                violation_error_message="A duty does not conflict with itself.",
            ),
            models.CheckConstraint(
                condition=Q(severity="refuse") | ~Q(compensating_control=""),
                name="reported_conflict_says_what_makes_up",
                violation_error_message="Say what makes up for it where one person holds both.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_refused(self) -> bool:
        """Whether nobody is given both."""
        return self.severity == self.Severity.REFUSE


class Request(Tracked):
    """Something one person asks for and another decides about.

    What was asked, the plan shown and the facts it relied on never change; a decision is written once. The database
    holds both, and that nobody decides about what they asked for (`sql/guards.sql`).
    """

    kind = models.TextField()
    key = models.TextField(help_text="Sending the same form twice asks once.")
    payload = models.JSONField(help_text="What is asked, as the kind applies it.")
    summary = models.TextField()
    amount = models.DecimalField(max_digits=14, decimal_places=2, null=True, help_text="In pounds; none for settings.")
    covers = models.JSONField(default=dict, help_text="The limits this goes beyond, with the amount of each.")
    plan = models.JSONField(help_text="Exactly what applying does, as it was shown.")
    stamp = models.JSONField(default=dict, help_text="What the request relies on, as it was when it was asked.")
    funds = ArrayField(models.TextField(), default=list)
    reason = models.TextField()
    state = models.TextField(choices=RequestState.choices, default=RequestState.WAITING)
    requested_by_kind = models.TextField()
    requested_by_id = models.TextField()
    requested_by_name = models.TextField()
    requested_at = models.DateTimeField(db_default=Now())
    expires_on = models.DateField(help_text="The last day on which it can be approved.")
    decided_by_kind = models.TextField(default="")
    decided_by_id = models.TextField(default="")
    decided_by_name = models.TextField(default="")
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(default="")
    outcome = models.TextField(default="", help_text="What applying left behind, like JNL-000012.")
    outcome_type = models.TextField(default="")
    outcome_id = models.TextField(default="")

    personal = Personal(
        "ledger.see_payer_details", {"payload": masking.hidden, "plan": masking.hidden, "stamp": masking.hidden}
    )
    """In its history, where they stand as they are kept; a plan on screen is veiled by `selectors.veiled_plan`."""

    class Meta:
        verbose_name = "request for approval"
        verbose_name_plural = "requests for approval"
        default_permissions = ("view",)
        permissions = [("decide_request", "Can approve and reject requests")]
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], name="request_once_per_key"),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "rejected", "stale"])
                | ~Q(decided_by_kind=F("requested_by_kind"))
                | ~Q(decided_by_id=F("requested_by_id")),
                name="maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=~Q(state="withdrawn")
                | Q(decided_by_kind=F("requested_by_kind"), decided_by_id=F("requested_by_id")),
                name="only_the_maker_withdraws",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_by_kind="", decided_by_id="", decided_at__isnull=True)
                | (~Q(state="waiting") & ~Q(decided_by_kind="") & ~Q(decided_by_id="") & Q(decided_at__isnull=False)),
                name="request_decided_when_not_waiting",
            ),
            models.CheckConstraint(condition=Q(amount__isnull=True) | Q(amount__gte=0), name="request_amount"),
        ]
        indexes = [
            models.Index(F("id"), name="request_waiting", condition=Q(state="waiting")),
            models.Index(fields=["state", "id"], name="request_state"),
            models.Index(fields=["requested_by_kind", "requested_by_id", "id"], name="request_maker"),
            models.Index(fields=["decided_by_kind", "decided_by_id", "id"], name="request_checker"),
        ]

    def __str__(self) -> str:
        return f"Request {self.pk}"

    @property
    def is_waiting(self) -> bool:
        """Whether it can still be decided."""
        return self.state == RequestState.WAITING
