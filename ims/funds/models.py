"""What finance owns: the codes that decide where money goes and what may be paid.

Codes are primary keys. A code, once used, never changes its meaning; ledger entries and exports carry it as it stands,
so that an auditor reads `23`, not a row number.
"""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Func, Q

from ims.audit.history import Tracked
from ims.funds.modulus_models import ModulusTableLoad as ModulusTableLoad  # Django looks for every model here

CODE = RegexValidator(r"^[0-9A-Z]+\Z", "Use capital letters and digits only, without spaces.")
Money = {"max_digits": 12, "decimal_places": 2}


class DateRange(Func):
    """`daterange(from, to, '[]')`: both ends included; a missing end means for ever."""

    function = "daterange"
    template = "%(function)s(%(expressions)s, '[]')"


def code_field(length: int = 5, **options: object) -> models.CharField:
    """A short code in capital letters and digits, primary key of its table."""
    return models.CharField(
        "code",
        max_length=length,
        primary_key=True,
        validators=[CODE],
        help_text="Capital letters and digits. It cannot be changed later.",
        **options,
    )


class VatCode(Tracked):
    """How a receipt stands to VAT. The rate belongs to dates, in `VatRate`."""

    class Treatment(models.TextChoices):
        STANDARD = "standard", "Standard rate"
        REDUCED = "reduced", "Reduced rate"
        ZERO = "zero", "Zero rate"
        EXEMPT = "exempt", "Exempt"
        OUTSIDE = "outside", "Outside the scope"

    code = code_field()
    name = models.CharField(max_length=50)
    treatment = models.CharField(max_length=10, choices=Treatment.choices)
    is_for_suspense = models.BooleanField(
        "used for suspense", default=False, help_text="The one code that unidentified receipts carry."
    )
    is_active = models.BooleanField("in use", default=True)

    class Meta:
        verbose_name = "VAT code"
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_for_suspense"],
                condition=Q(is_for_suspense=True),
                name="one_suspense_vat_code",
                violation_error_message="Another VAT code is already the one used for suspense.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class VatRate(Tracked):
    """The rate of a VAT code between two dates, both included."""

    vat_code = models.ForeignKey(VatCode, models.PROTECT, related_name="rates", verbose_name="VAT code")
    rate = models.DecimalField(
        max_digits=6, decimal_places=4, help_text="As a fraction: 0.2000 is 20 per cent. From 0 to less than 1."
    )
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="Leave empty while the rate has no end.")

    class Meta:
        verbose_name = "VAT rate"
        ordering = ["vat_code", "valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rate__gte=0, rate__lt=1),
                name="vat_rate_is_a_fraction",
                violation_error_message="Give the rate as a fraction from 0 to less than 1, like 0.2 for 20 per cent.",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="vat_rate_dates_in_order",
                violation_error_message="The last day is before the first.",
            ),
            ExclusionConstraint(
                name="vat_rates_do_not_overlap",
                # Equality by && on a one-value range, because the schema uses no extension (btree_gist).
                expressions=[
                    (Func(F("vat_code"), function="ims_key_range"), "&&"),
                    (DateRange("valid_from", "valid_to"), "&&"),
                ],
                violation_error_message="This VAT code already has a rate on some of those days.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vat_code_id} {self.rate} from {self.valid_from}"


class Office(Tracked):
    """Where money is taken: a counter, the post room, the contact centre, the website."""

    code = code_field()
    name = models.CharField(max_length=50)
    is_active = models.BooleanField("in use", default=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class CheckDigitScheme(Tracked):
    """A way of computing the check digit of a reference."""

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=30, help_text="How the check digit is computed.")
    modulus = models.PositiveSmallIntegerField(null=True, blank=True)
    weightings = models.CharField(
        max_length=200, blank=True, help_text="One whole number for each position, separated by commas."
    )
    prefix = models.CharField(
        max_length=20, blank=True, help_text="Overwrites as many characters at the start of the reference."
    )
    substitutions = models.CharField(
        max_length=200, blank=True, help_text="Result to check character, like 10:A,11:0. Separated by commas."
    )
    subtract = models.BooleanField(
        "subtract from the modulus", default=False, help_text="The result is the modulus less the remainder."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def as_config(self) -> dict[str, object]:
        """The scheme in the shape `ims.references` reads."""
        return {
            "kind": self.kind,
            "modulus": self.modulus,
            "weightings": self.weightings,
            "prefix": self.prefix,
            "substitutions": self.substitutions,
            "subtract": self.subtract,
        }


class ReferenceRule(Tracked):
    """What an account reference of a fund must look like."""

    class Characters(models.TextChoices):
        ANY = "", "Any"
        ALPHA = "alpha", "Letters"
        ALPHA_SPACE = "alpha_space", "Letters and spaces"
        NUMERIC = "numeric", "Digits"
        NUMERIC_SPACE = "numeric_space", "Digits and spaces"
        ALPHANUMERIC = "alphanumeric", "Letters and digits"
        ALPHANUMERIC_SPACE = "alphanumeric_space", "Letters, digits and spaces"

    name = models.CharField(max_length=50, unique=True)
    min_length = models.PositiveSmallIntegerField("shortest", default=1)
    max_length = models.PositiveSmallIntegerField("longest", default=30)
    characters = models.CharField(max_length=20, choices=Characters.choices, blank=True, default="")
    regex = models.CharField(
        "regular expression",
        max_length=200,
        blank=True,
        help_text="The whole or part of the reference must match. It is stopped if it takes too long.",
    )
    mask = models.CharField(
        max_length=36,
        blank=True,
        help_text="$ letter · # digit · ? letter or digit · * letter, digit, space, / or - · @ check digit · "
        "anything else is itself.",
    )
    check_digit = models.ForeignKey(
        CheckDigitScheme, models.PROTECT, null=True, blank=True, verbose_name="check digit scheme"
    )

    class Meta:
        verbose_name = "reference rule"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(max_length__gte=F("min_length"), min_length__gte=1, max_length__lte=36),
                name="reference_lengths_in_order",
                violation_error_message="Lengths run from 1 to 36, the shortest first.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def as_config(self) -> dict[str, object]:
        """The rule in the shape `ims.references` reads."""
        return {
            "min": self.min_length,
            "max": self.max_length,
            "characters": self.characters,
            "regex": self.regex,
            "mask": self.mask,
            "check_digit": self.check_digit.as_config() if self.check_digit else None,
        }


class Fund(Tracked):
    """An income stream: council tax, housing rents, parking fines … Suspense is a fund too."""

    code = code_field()
    name = models.CharField(max_length=50)
    display_name = models.CharField(max_length=50, blank=True, help_text="What the public sees. Empty: the name above.")
    vat_code = models.ForeignKey(VatCode, models.PROTECT, verbose_name="VAT code")
    vat_may_be_overridden = models.BooleanField(
        "VAT may be overridden", default=False, help_text="A line may carry another VAT code than the fund's."
    )
    maximum_amount = models.DecimalField(
        **Money, null=True, blank=True, help_text="The largest single receipt. Empty: no limit."
    )
    reference_rule = models.ForeignKey(ReferenceRule, models.PROTECT, null=True, blank=True)
    account_must_exist = models.BooleanField(
        default=False, help_text="A reference must belong to a known account holder."
    )
    address_is_collected = models.BooleanField(default=False, help_text="The payer's address is asked for.")
    is_suspense = models.BooleanField(
        "is the suspense fund", default=False, help_text="The one fund that holds unidentified receipts."
    )
    is_write_off = models.BooleanField(
        "is for write-offs",
        default=False,
        help_text="Holds money nobody claimed and small balances given up. What goes there is limited of its own.",
    )
    is_ereturn_default = models.BooleanField("is the eReturn fund", default=False)
    accepts_credit_notes = models.BooleanField(
        default=False, help_text="May bear a negative line when suspense is allocated."
    )
    is_payable_online = models.BooleanField(default=False, help_text="Offered on the public payment pages.")
    reference_label = models.CharField(max_length=50, blank=True, help_text="What the reference is called on a bill.")
    reference_hint = models.CharField(max_length=200, blank=True, help_text="Where to find it, for the payer.")
    is_exported_to_ledger = models.BooleanField(default=True, help_text="Its entries go into the ledger journal.")
    is_active = models.BooleanField("in use", default=True, help_text="Off: hidden from choosers, refused in files.")
    extra = models.JSONField(default=dict, blank=True, help_text="The council's own fields; see “Extra fields”.")

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_suspense"],
                condition=Q(is_suspense=True),
                name="one_suspense_fund",
                violation_error_message="Another fund is already the suspense fund. There can be only one.",
            ),
            models.UniqueConstraint(
                fields=["is_ereturn_default"],
                condition=Q(is_ereturn_default=True),
                name="one_ereturn_fund",
                violation_error_message="Another fund is already the eReturn fund. There can be only one.",
            ),
            models.CheckConstraint(
                condition=Q(maximum_amount__isnull=True) | Q(maximum_amount__gt=Decimal(0)),
                name="fund_maximum_is_positive",
                violation_error_message="The largest single receipt must be more than £0.00.",
            ),
            models.CheckConstraint(
                condition=Q(is_suspense=False) | Q(is_active=True),
                name="suspense_fund_stays_in_use",
                violation_error_message="The suspense fund must stay in use: unidentified receipts need it.",
            ),
            models.CheckConstraint(
                condition=Q(is_suspense=False) | Q(is_write_off=False),
                name="suspense_is_no_write_off",
                violation_error_message="The suspense fund cannot be a fund for write-offs as well.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class FundGroup(Tracked):
    """A named set of funds: what a person may see, and how reports are grouped.

    People in no group see every fund; people in groups see the funds of their groups and nothing else.
    """

    name = models.CharField(max_length=50, unique=True)
    funds = models.ManyToManyField(Fund, related_name="groups", blank=True)
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="fund_groups",
        blank=True,
        help_text="They see only the funds of their groups. People in no group see every fund.",
    )
    members = models.TextField(
        default="", blank=True, help_text="Funds and people in words, so that history can compare them."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


_SINGLE_USE = {
    "is_journal": "takes money out in a journal",
    "is_journal_reallocation": "puts money back in a journal",
    "is_transfer_in": "puts money in by a transfer",
    "is_transfer_out": "takes money out by a transfer",
    "is_card_fee": "carries card fees",
}


class MethodOfPayment(Tracked):
    """How money arrived or moved (MOP): cash, cheque, card, Direct Debit, journal …"""

    code = code_field()
    name = models.CharField(max_length=50)
    minimum_amount = models.DecimalField(**Money, default=Decimal("-9999999999.99"))
    maximum_amount = models.DecimalField(**Money, default=Decimal("9999999999.99"))
    is_cash = models.BooleanField("cash", default=False)
    is_cheque = models.BooleanField("cheque", default=False)
    is_card = models.BooleanField("card", default=False)
    is_card_self_service = models.BooleanField("card, paid by the public online", default=False)
    is_card_by_staff = models.BooleanField("card, taken by staff", default=False)
    is_card_by_telephone_line = models.BooleanField("card, automated telephone line", default=False)
    is_direct_debit = models.BooleanField("Direct Debit", default=False)
    is_refundable = models.BooleanField("can be refunded", default=False)
    is_payment_reversal = models.BooleanField("reverses a payment (negative expected)", default=False)
    incurs_a_fee = models.BooleanField(default=False)
    is_journal = models.BooleanField(_SINGLE_USE["is_journal"], default=False)
    is_journal_reallocation = models.BooleanField(_SINGLE_USE["is_journal_reallocation"], default=False)
    is_transfer_in = models.BooleanField(_SINGLE_USE["is_transfer_in"], default=False)
    is_transfer_out = models.BooleanField(_SINGLE_USE["is_transfer_out"], default=False)
    is_card_fee = models.BooleanField(_SINGLE_USE["is_card_fee"], default=False)
    is_active = models.BooleanField("in use", default=True)
    extra = models.JSONField(default=dict, blank=True, help_text="The council's own fields; see “Extra fields”.")

    class Meta:
        verbose_name = "method of payment"
        verbose_name_plural = "methods of payment"
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(maximum_amount__gte=F("minimum_amount")),
                name="mop_limits_in_order",
                violation_error_message="The largest amount is less than the smallest.",
            ),
            *(
                models.UniqueConstraint(
                    fields=[flag],
                    condition=Q(**{flag: True}),
                    name=f"one_mop_{flag}",
                    violation_error_message=f"Another method of payment already {meaning}. There can be only one.",
                )
                for flag, meaning in _SINGLE_USE.items()
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class GeneralLedgerMapping(Tracked):
    """Which general ledger code a fund's income, a method's control account or VAT is posted to, between two dates.

    The most specific mapping wins: one that names more of fund, method of payment, office and VAT code.
    """

    class Side(models.TextChoices):
        INCOME = "income", "Income (credit side)"
        CONTROL = "control", "Bank or control account (debit side)"
        VAT = "vat", "VAT"

    side = models.CharField(max_length=10, choices=Side.choices)
    fund = models.ForeignKey(Fund, models.PROTECT, null=True, blank=True, help_text="Empty: any fund.")
    method_of_payment = models.ForeignKey(
        MethodOfPayment, models.PROTECT, null=True, blank=True, help_text="Empty: any method."
    )
    office = models.ForeignKey(Office, models.PROTECT, null=True, blank=True, help_text="Empty: any office.")
    vat_code = models.ForeignKey(
        VatCode, models.PROTECT, null=True, blank=True, help_text="Empty: any VAT code.", verbose_name="VAT code"
    )
    gl_code = models.CharField("general ledger code", max_length=60)
    cost_centre = models.CharField(max_length=30, blank=True)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = "general ledger mapping"
        ordering = ["side", "fund", "method_of_payment", "office", "valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="gl_mapping_dates_in_order",
                violation_error_message="The last day is before the first.",
            ),
            ExclusionConstraint(
                name="gl_mappings_do_not_overlap",
                expressions=[
                    (
                        Func("side", "fund", "method_of_payment", "office", "vat_code", function="ims_key_range"),
                        "&&",
                    ),
                    (DateRange("valid_from", "valid_to"), "&&"),
                ],
                violation_error_message="The same combination already has a code on some of those days.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_side_display()}: {self.gl_code}"


class BankHoliday(Tracked):
    """A day on which banks do not work."""

    day = models.DateField(primary_key=True)
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day:%-d %b %Y} {self.name}"


class ExtraField(Tracked):
    """A field a council adds to funds or methods of payment without a change of code."""

    class Owner(models.TextChoices):
        FUND = "fund", "Fund"
        METHOD_OF_PAYMENT = "method_of_payment", "Method of payment"

    class Kind(models.TextChoices):
        TEXT = "text", "Text"
        NUMBER = "number", "Number"
        YES_NO = "yes_no", "Yes or no"
        DATE = "date", "Date"

    owner = models.CharField(max_length=20, choices=Owner.choices)
    name = models.SlugField(max_length=50, help_text="Short name, used in exports: small letters, digits and -.")
    label = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.TEXT)
    is_required = models.BooleanField(default=False)
    help_text = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["owner", "name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="extra_field_named_once"),
        ]

    def __str__(self) -> str:
        return self.label


class SystemMessage(Tracked):
    """A notice on every staff page between two moments."""

    class Severity(models.TextChoices):
        INFORMATION = "information", "Information"
        WARNING = "warning", "Warning"
        ERROR = "error", "Error"

    text = models.CharField(max_length=300)
    severity = models.CharField(max_length=12, choices=Severity.choices, default=Severity.INFORMATION)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="system_message_ends_after_it_starts",
                violation_error_message="The message must end after it starts.",
            )
        ]

    def __str__(self) -> str:
        return self.text
