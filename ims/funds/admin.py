"""Reference data on screen: searchable lists, import and export, a reason with every change, refusals in words."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from ims.approvals.admin import ApprovedAdmin
from ims.audit.admin import REASON, actor_of, tracked_resource
from ims.common.money import format_pounds
from ims.funds import designer, extra_fields, modulus_admin, services
from ims.funds.forms import CheckDigitForm, ExtraFieldsForm, FundGroupForm, ReferenceRuleForm
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
    SystemMessage,
    VatCode,
    VatRate,
)
from ims.references import check_digits
from ims.references import rules as reference_rules

__all__ = ["modulus_admin"]  # registers its own records


class DeletableAdmin(ApprovedAdmin):
    """Records that may be deleted, with a reason, while nothing uses them."""

    allow_delete = True
    delete_asks_reason = True
    delete_confirmation_template = "funds/delete_confirmation.html"


class CodeAdmin(ApprovedAdmin):
    """Codes: never renamed, because entries carry them as they stand; taken out of use, not deleted."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = ("code",) if obj is not None else ()
        return (*fixed, *super().get_readonly_fields(request, obj))


class ExtraFieldsMixin:
    """Shows the council's own fields of `extra_owner` as fields of the form."""

    extra_owner: str
    form = ExtraFieldsForm

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if self.asks_reason(request, obj):
            base = kwargs.get("form", self.form)
            own = {
                extra_fields.PREFIX + definition.name: extra_fields.form_field(definition)
                for definition in extra_fields.definitions(self.extra_owner)
            }
            kwargs["form"] = type(base)("ExtraForm", (base,), own)
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        names = [extra_fields.PREFIX + each.name for each in extra_fields.definitions(self.extra_owner)]
        if not names:
            return fieldsets
        if not self.asks_reason(request, obj):
            return [*fieldsets, ("The council’s own fields", {"fields": ["extra_in_words"]})]
        return [*fieldsets[:-1], ("The council’s own fields", {"fields": names}), fieldsets[-1]]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        readonly = super().get_readonly_fields(request, obj)
        return readonly if self.asks_reason(request, obj) else (*readonly, "extra_in_words")

    @admin.display(description="The council’s own fields")
    def extra_in_words(self, record: Fund | MethodOfPayment) -> str:
        """Label and value of each, on one line each."""
        lines = [f"{each.label}: {record.extra.get(each.name, '')}" for each in self._definitions()]
        return "\n".join(lines)

    def _definitions(self) -> list[ExtraField]:
        return extra_fields.definitions(self.extra_owner)


@admin.register(Fund)
class FundAdmin(ExtraFieldsMixin, CodeAdmin, DeletableAdmin):
    """Funds. One that nothing refers to may be deleted; any other is taken out of use."""

    extra_owner = ExtraField.Owner.FUND
    list_display = (
        "code",
        "name",
        "vat_code",
        "largest_receipt",
        "reference_rule",
        "account_must_exist",
        "is_payable_online",
        "is_active",
    )
    list_display_links = ("code", "name")
    list_filter = (
        "is_active",
        "is_payable_online",
        "account_must_exist",
        "is_exported_to_ledger",
        "vat_code",
        "groups",
    )
    list_select_related = ("vat_code", "reference_rule")
    search_fields = ("code", "name", "display_name")
    autocomplete_fields = ("reference_rule",)
    fieldsets = (
        (None, {"fields": ("code", "name", "display_name", "is_active")}),
        ("VAT", {"fields": ("vat_code", "vat_may_be_overridden")}),
        (
            "What may be paid",
            {"fields": ("maximum_amount", "reference_rule", "account_must_exist", "accepts_credit_notes")},
        ),
        ("What it is for", {"fields": ("is_suspense", "is_write_off", "is_ereturn_default", "is_exported_to_ledger")}),
        (
            "The public",
            {"fields": ("is_payable_online", "reference_label", "reference_hint", "address_is_collected")},
        ),
    )

    @admin.display(description="largest receipt", ordering="maximum_amount")
    def largest_receipt(self, fund: Fund) -> str:
        return format_pounds(fund.maximum_amount)


@admin.register(MethodOfPayment)
class MethodOfPaymentAdmin(ExtraFieldsMixin, CodeAdmin):
    """Methods of payment and what each does."""

    extra_owner = ExtraField.Owner.METHOD_OF_PAYMENT
    list_display = ("code", "name", "smallest", "largest", "used_for", "is_refundable", "is_active")
    list_display_links = ("code", "name")
    list_filter = ("is_active", "is_card", "is_cash", "is_cheque", "is_direct_debit", "is_refundable")
    search_fields = ("code", "name")
    fieldsets = (
        (None, {"fields": ("code", "name", "is_active")}),
        ("Limits", {"fields": ("minimum_amount", "maximum_amount")}),
        (
            "What it is",
            {
                "fields": (
                    "is_cash",
                    "is_cheque",
                    "is_card",
                    "is_card_self_service",
                    "is_card_by_staff",
                    "is_card_by_telephone_line",
                    "is_direct_debit",
                    "is_refundable",
                    "is_payment_reversal",
                    "incurs_a_fee",
                )
            },
        ),
        (
            "What it alone does",
            {
                "fields": (
                    "is_journal",
                    "is_journal_reallocation",
                    "is_transfer_in",
                    "is_transfer_out",
                    "is_card_fee",
                ),
                "description": "Only one method of payment may do each of these.",
            },
        ),
    )

    @admin.display(description="smallest", ordering="minimum_amount")
    def smallest(self, method: MethodOfPayment) -> str:
        return _limit(method, "minimum_amount")

    @admin.display(description="largest", ordering="maximum_amount")
    def largest(self, method: MethodOfPayment) -> str:
        return _limit(method, "maximum_amount")

    @admin.display(description="used for")
    def used_for(self, method: MethodOfPayment) -> str:
        flags = [name for name in _METHOD_FLAGS if getattr(method, name)]
        return ", ".join(str(MethodOfPayment._meta.get_field(name).verbose_name) for name in flags)


_METHOD_FLAGS = (
    "is_cash",
    "is_cheque",
    "is_card",
    "is_direct_debit",
    "is_journal",
    "is_journal_reallocation",
    "is_transfer_in",
    "is_transfer_out",
    "is_card_fee",
    "is_payment_reversal",
)


def _limit(method: MethodOfPayment, name: str) -> str:
    amount = getattr(method, name)
    return "" if amount == MethodOfPayment._meta.get_field(name).default else format_pounds(amount)


@admin.register(Office)
class OfficeAdmin(CodeAdmin):
    """Where money is taken."""

    list_display = ("code", "name", "is_active")
    list_display_links = ("code", "name")
    list_filter = ("is_active",)
    search_fields = ("code", "name")


@admin.register(VatCode)
class VatCodeAdmin(CodeAdmin):
    """VAT codes; their rates are records of their own, with dates."""

    list_display = ("code", "name", "treatment", "is_for_suspense", "is_active")
    list_display_links = ("code", "name")
    list_filter = ("treatment", "is_active")
    search_fields = ("code", "name")


@admin.register(VatRate)
class VatRateAdmin(DeletableAdmin):
    """Rates by date. Two rates of a code never share a day."""

    resource_classes = [tracked_resource(VatRate, ("vat_code", "valid_from"))]
    list_display = ("vat_code", "per_cent", "valid_from", "valid_to")
    list_filter = ("vat_code",)
    search_fields = ("vat_code__code", "vat_code__name")
    list_select_related = ("vat_code",)

    @admin.display(description="rate", ordering="rate")
    def per_cent(self, rate: VatRate) -> str:
        return f"{(rate.rate * 100).normalize():f}%"


@admin.register(CheckDigitScheme)
class CheckDigitSchemeAdmin(designer.DesignerMixin, DeletableAdmin):
    """Ways of computing a check digit, with a screen to design and try one."""

    form = CheckDigitForm
    design_form = CheckDigitForm
    design_title = "Design a check digit"
    resource_classes = [tracked_resource(CheckDigitScheme, ("name",))]
    list_display = ("name", "kind", "modulus", "prefix", "weightings", "substitutions", "subtract")
    list_filter = ("kind",)
    search_fields = ("name",)
    import_export_change_list_template = "funds/change_list_designer.html"
    change_form_template = "funds/change_form_designer.html"

    def try_record(self, record: CheckDigitScheme, references: list[str]) -> list[designer.Trial]:
        return designer.try_scheme(check_digits.CheckDigitScheme.from_config(record.as_config()), references)

    def save_record(self, *, actor: Any, record: CheckDigitScheme, reason: str) -> CheckDigitScheme:
        return services.save_check_digit_scheme(actor=actor, scheme=record, reason=reason)


@admin.register(ReferenceRule)
class ReferenceRuleAdmin(designer.DesignerMixin, DeletableAdmin):
    """What references look like, with a screen to design a rule and try references against it."""

    form = ReferenceRuleForm
    design_form = ReferenceRuleForm
    design_title = "Design a reference rule"
    resource_classes = [tracked_resource(ReferenceRule, ("name",))]
    list_display = ("name", "min_length", "max_length", "characters", "mask", "check_digit")
    list_filter = ("characters", "check_digit")
    list_select_related = ("check_digit",)
    search_fields = ("name", "mask")
    import_export_change_list_template = "funds/change_list_designer.html"
    change_form_template = "funds/change_form_designer.html"

    def try_record(self, record: ReferenceRule, references: list[str]) -> list[designer.Trial]:
        return designer.try_rule(reference_rules.ReferenceRule.from_config(record.as_config()), references)

    def save_record(self, *, actor: Any, record: ReferenceRule, reason: str) -> ReferenceRule:
        return services.save_reference_rule(actor=actor, rule=record, reason=reason)


@admin.register(FundGroup)
class FundGroupAdmin(DeletableAdmin):
    """Which funds belong together, and who sees only those."""

    form = FundGroupForm
    allow_import = False
    list_display = ("name", "members")
    search_fields = ("name", "members")
    fields = ("name", "funds", "people")

    def _why_not_deleted(self, request: HttpRequest, record: FundGroup) -> str:
        """People in no group see every fund: a group that goes must not widen anybody's scope unsaid."""
        people = ", ".join(map(str, record.people.all()[:5]))
        if people:
            return f"“{record}” limits what people see ({people}). Take them out of it first, one decision for each."
        return super()._why_not_deleted(request, record)

    def save_model(self, request: HttpRequest, obj: FundGroup, form: forms.ModelForm, change: bool) -> None:
        saved = services.save_fund_group(
            actor=actor_of(request),
            group=obj if change else None,
            name=form.cleaned_data["name"],
            funds=form.cleaned_data["funds"],
            people=form.cleaned_data["people"],
            reason=form.cleaned_data.get(REASON, ""),
        )
        obj.pk = saved.pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: the service has written the funds and the people."""


@admin.register(GeneralLedgerMapping)
class GeneralLedgerMappingAdmin(DeletableAdmin):
    """General ledger codes. The most specific mapping wins; the same combination never has two codes on one day."""

    resource_classes = [
        tracked_resource(
            GeneralLedgerMapping, ("side", "fund", "method_of_payment", "office", "vat_code", "valid_from")
        )
    ]
    list_display = (
        "side",
        "fund",
        "method_of_payment",
        "office",
        "vat_code",
        "gl_code",
        "cost_centre",
        "valid_from",
        "valid_to",
    )
    list_display_links = ("side", "gl_code")
    list_filter = ("side", "fund", "method_of_payment", "office")
    list_select_related = ("fund", "method_of_payment", "office", "vat_code")
    search_fields = ("gl_code", "cost_centre", "fund__code", "fund__name", "method_of_payment__name")


@admin.register(BankHoliday)
class BankHolidayAdmin(DeletableAdmin):
    """Days on which banks do not work."""

    list_display = ("day", "name")
    list_filter = (("day", admin.DateFieldListFilter),)
    search_fields = ("name",)


@admin.register(ExtraField)
class ExtraFieldAdmin(DeletableAdmin):
    """Fields a council adds to funds and methods of payment."""

    resource_classes = [tracked_resource(ExtraField, ("owner", "name"))]
    list_display = ("label", "owner", "name", "kind", "is_required")
    list_filter = ("owner", "kind")
    search_fields = ("label", "name")


@admin.register(SystemMessage)
class SystemMessageAdmin(DeletableAdmin):
    """Notices on every staff page."""

    allow_import = False
    list_display = ("text", "severity", "starts_at", "ends_at")
    list_filter = ("severity",)
    search_fields = ("text",)
