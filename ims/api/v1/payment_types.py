"""What may be paid for, and whether a reference and an amount may be paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import translation
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ims.api.fields import AmountToPay, NoNull
from ims.api.views import Endpoint
from ims.payment_types import checking, selectors
from ims.payment_types.models import PaymentType

LANGUAGES = ("en", "cy")
ASKING = ("references:check", "payments:create", "telephone-line")


class PaymentTypeSerializer(serializers.ModelSerializer):
    """One kind of bill. Texts in Welsh are empty where the council has none."""

    fund = serializers.CharField(source="fund_id", read_only=True)

    class Meta:
        model = PaymentType
        fields = (
            "code",
            "fund",
            "title",
            "title_welsh",
            "summary",
            "summary_welsh",
            "reference_label",
            "reference_label_welsh",
            "reference_hint",
            "reference_hint_welsh",
            "reference_example",
            "help_text",
            "help_text_welsh",
            "asks_for_address",
        )
        read_only_fields = fields


class PaymentTypesSerializer(serializers.Serializer):
    results = PaymentTypeSerializer(many=True, read_only=True)


class ReferenceToCheck(serializers.Serializer):
    """A bill as somebody holds it in their hands."""

    payment_type = serializers.SlugField(max_length=50)
    reference = NoNull(max_length=100, allow_blank=True)
    amount = AmountToPay(required=False, help_text="Left out: the reference alone is checked.")
    language = serializers.ChoiceField(LANGUAGES, default="en", help_text="The language of the sentences.")


class ReferenceChecked(serializers.Serializer):
    """Whether it may be paid. Never whose account it is."""

    accepted = serializers.BooleanField()
    reference = serializers.CharField(help_text="As it is to be kept; empty when refused.")
    code = serializers.CharField(help_text="A stable word for what is wrong; empty when accepted.")
    field = serializers.CharField(help_text="`reference` or `amount`; empty: neither alone.")
    message = serializers.CharField(help_text="The sentence for the payer; empty when accepted.")
    warnings = serializers.ListField(child=serializers.CharField(), help_text="What the payer must be told first.")


class PaymentTypes(Endpoint):
    """What payers may pay for."""

    scopes = ASKING

    @extend_schema(operation_id="listPaymentTypes", summary="What may be paid for", responses=PaymentTypesSerializer)
    def get(self, request: Request) -> Response:
        """Every kind of bill that may be paid online, of the client's funds, in the order payers see."""
        types = selectors.offered(self.actor)
        return Response({"results": PaymentTypeSerializer(types, many=True).data})


class ReferenceChecks(Endpoint):
    """Whether a bill may be paid."""

    scopes = ASKING

    @extend_schema(
        operation_id="checkReference",
        summary="May this be paid?",
        request=ReferenceToCheck,
        responses={200: ReferenceChecked},
    )
    def post(self, request: Request) -> Response:
        """Check a reference, and an amount if one is given, against everything the council knows.

        The answer is the same the payment pages give. It changes nothing, so it needs no idempotency key.
        """
        asked = ReferenceToCheck(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = checking.Wanted(
            payment_type=selectors.find(asked.validated_data["payment_type"], actor=self.actor),
            reference=asked.validated_data["reference"],
            amount=asked.validated_data.get("amount", Decimal("0.01")),
        )
        answer = checking.check([wanted], actor=self.actor)[0]
        with translation.override(asked.validated_data["language"]):
            return Response(described(answer))


def described(answer: checking.Answer) -> dict[str, Any]:
    """An answer in the words of the API, in the language that is active."""
    return {
        "accepted": answer.accepted,
        "reference": answer.reference,
        "code": answer.code,
        "field": answer.field,
        "message": str(answer.sentence),
        "warnings": [str(warning) for warning in answer.warnings],
    }
