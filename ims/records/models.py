"""How long records are kept, what keeps them longer, and what was disposed of."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from ims.approvals.models import Request
from ims.audit.history import Tracked


class RetentionRule(Tracked):
    """How long the personal text of one class of record is kept, and by what law."""

    class CountedFrom(models.TextChoices):
        DAY = "day", "The day itself"
        YEAR_END = "year_end", "The end of the financial year (31 March)"

    record_class = models.CharField("records", max_length=40, unique=True)
    months = models.PositiveSmallIntegerField("kept for, in months", help_text="72 is six years.")
    counted_from = models.CharField(max_length=10, choices=CountedFrom.choices, default=CountedFrom.DAY)
    basis = models.TextField("legal source", help_text="The law or decision that says so.")
    is_active = models.BooleanField("in use", default=True, help_text="Off: nothing of it is disposed of.")

    class Meta:
        verbose_name = "retention rule"
        default_permissions = ("change", "view")
        permissions = [
            ("ask_disposal", "Can ask for records to be disposed of"),
            ("answer_subject", "Can search for and hand over what is held about a person"),
        ]
        ordering = ["record_class"]
        constraints = [
            models.CheckConstraint(
                condition=Q(months__gte=1, months__lte=1200),
                name="retention_between_a_month_and_a_century",
                violation_error_message="Keep records for between 1 and 1,200 months.",
            )
        ]

    def __str__(self) -> str:
        return self.record_class


class Hold(Tracked):
    """A legal hold: records it covers are not disposed of until it is lifted.

    Empty fields do not narrow it: without any, everything is held.
    """

    record_class = models.CharField(
        "records", max_length=40, blank=True, default="", help_text="Empty: of every class."
    )
    fund = models.CharField(max_length=10, blank=True, default="", help_text="A fund's code. Empty: every fund.")
    reference = models.CharField(
        "account reference", max_length=60, blank=True, default="", help_text="Empty: every account."
    )
    reason = models.CharField(max_length=300, help_text="The claim, investigation or request it is for.")
    placed_at = models.DateTimeField(db_default=Now())
    placed_by = models.TextField(default="")
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "legal hold"
        default_permissions = ("add", "change", "view")
        ordering = ["-id"]

    def __str__(self) -> str:
        scope = [self.record_class, f"fund {self.fund}" if self.fund else "", self.reference]
        return f"Hold {self.pk}: {', '.join(part for part in scope if part) or 'everything'}"


class Disposal(models.Model):
    """One disposal: what was decided, how far it is, and its certificate."""

    class State(models.TextChoices):
        APPROVED = "approved", "Approved"
        RUNNING = "running", "Under way"
        DONE = "done", "Done"

    record_class = models.CharField(max_length=40)
    rule = models.JSONField(help_text="The rule as it was when this was asked for.")
    before_day = models.DateField(help_text="Records of earlier days.")
    planned = models.BigIntegerField(help_text="How many rows, when it was approved.")
    oldest = models.DateField()
    newest = models.DateField()
    approval = models.OneToOneField(Request, models.PROTECT, related_name="+")
    reason = models.TextField()
    asked_by = models.TextField()
    approved_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, choices=State.choices, default=State.APPROVED)
    done = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    certificate = models.TextField(blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text="Of the certificate.")

    class Meta:
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["record_class"], condition=~Q(state="done"), name="one_disposal_of_a_class_at_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | (~Q(sha256="") & Q(finished_at__isnull=False)),
                name="disposal_done_has_a_certificate",
            ),
        ]

    def __str__(self) -> str:
        return f"Disposal {self.pk}"


class Erasure(models.Model):
    """That a row lost its personal text, and under which disposal.

    For a ledger entry, `before` is its leaf (which stays) and `after` the SHA-256 of what is left of its content.
    """

    disposal = models.ForeignKey(Disposal, models.PROTECT, related_name="erasures", db_index=False)
    table_name = models.TextField()
    row_key = models.TextField()
    before = models.BinaryField(default=b"")
    after = models.BinaryField(default=b"")

    append_only = True

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["table_name", "row_key"], name="erased_once")]
        indexes = [models.Index(fields=["disposal", "id"], name="erasure_disposal")]

    def __str__(self) -> str:
        return f"{self.table_name} {self.row_key}"


class SubjectRequest(Tracked):
    """A person asks what is held about them: what is known of them, what was left out on review, and the answer."""

    class State(models.TextChoices):
        OPEN = "open", "To be reviewed"
        REVIEWED = "reviewed", "Reviewed"
        ANSWERED = "answered", "Answered"

    name = models.CharField(max_length=150, blank=True, default="")
    references = models.TextField(
        "account references", blank=True, default="", help_text="One a line, as the person gives them."
    )
    postcode = models.CharField(max_length=10, blank=True, default="")
    email = models.CharField("e-mail address", max_length=254, blank=True, default="")
    telephone = models.CharField("telephone number", max_length=40, blank=True, default="")
    case = models.CharField(max_length=60, help_text="The number of the request in the council's own register.")
    opened_on = models.DateField()
    due_on = models.DateField(help_text="One month after it came: UK GDPR, article 12(3).")
    opened_by = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    left_out = models.JSONField(default=dict, blank=True, help_text="What is not handed over, and why.")
    reviewed_by = models.TextField(blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text="Of the answer.")

    class Meta:
        verbose_name = "subject access request"
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="answered") | (~Q(sha256="") & ~Q(reviewed_by="")),
                name="answered_after_review",
            )
        ]

    def __str__(self) -> str:
        return f"Subject access request {self.pk}"
