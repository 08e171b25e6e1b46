"""The automated telephone line: announce, confirm, give up, and catch up after an outage."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ims.api.fields import NoNull, Pounds
from ims.api.v1.payments import BillSerializer, LinePaid
from ims.api.views import Endpoint, once
from ims.common.errors import ImsError, NotFound
from ims.payment_types import selectors as payment_types
from ims.telephone_line import rules, services
from ims.telephone_line.models import CallPayment


class TakenSerializer(serializers.Serializer):
    """What the line knows of a payment it took. Never a card number."""

    reference = NoNull(max_length=100, help_text="Your card processor's name of the payment; unique for ever.")
    taken_at = serializers.DateTimeField(help_text=f"When it was taken; up to {rules.OLDEST.days} days ago.")
    card_brand = NoNull(max_length=30, required=False, default="", allow_blank=True)
    card_last_four = serializers.RegexField(r"^[0-9]{4}\Z", required=False, default="", allow_blank=True)


class CallToAnnounce(serializers.Serializer):
    """What a caller wants to pay."""

    call = NoNull(max_length=100, help_text="Your own name of this payment; unique for ever.")
    lines = BillSerializer(many=True, allow_empty=False, max_length=rules.MOST_LINES)


class CallToCatchUp(CallToAnnounce, TakenSerializer):
    """A payment taken while IMS could not be reached."""


class CatchUpSerializer(serializers.Serializer):
    payments = CallToCatchUp(many=True, allow_empty=False, max_length=rules.MOST_AT_ONCE)


class ReasonSerializer(serializers.Serializer):
    reason = NoNull(max_length=200, required=False, default="The line did not take the money")


class CallPaymentSerializer(serializers.ModelSerializer):
    """A payment of the line."""

    total = Pounds(read_only=True)
    lines = LinePaid(many=True, read_only=True)
    receipt_number = serializers.SerializerMethodField()
    in_suspense = serializers.SerializerMethodField(help_text="The money waits for the income team to place it.")

    class Meta:
        model = CallPayment
        fields = ("id", "call", "state", "total", "lines", "receipt_number", "in_suspense")
        read_only_fields = fields

    def get_receipt_number(self, payment: CallPayment) -> str:
        return str(payment.posting) if payment.posting else ""

    def get_in_suspense(self, payment: CallPayment) -> bool:
        return bool(payment.why_suspense)


class CaughtUp(serializers.Serializer):
    """What became of one payment of the list."""

    call = serializers.CharField()
    accepted = serializers.BooleanField()
    payment = CallPaymentSerializer(allow_null=True)
    code = serializers.CharField(help_text="A stable word for what is wrong; empty when accepted.")
    message = serializers.CharField(help_text="What is wrong and what to do; empty when accepted.")


class CaughtUpList(serializers.Serializer):
    results = CaughtUp(many=True)


class CallPayments(Endpoint):
    """Payments of this line."""

    scopes = ("telephone-line",)

    @extend_schema(
        operation_id="announceCallPayment",
        summary="Announce a payment",
        request=CallToAnnounce,
        responses={201: CallPaymentSerializer},
    )
    @once
    def post(self, request: Request) -> Response:
        """Check what a caller wants to pay and write it down, before the card is asked for.

        Refused with a sentence for each line that may not be paid. The same `call` again finds what was announced.
        """
        asked = CallToAnnounce(data=request.data)
        asked.is_valid(raise_exception=True)
        made = services.announce(
            actor=self.actor, call=asked.validated_data["call"], bills=_bills(self, asked.validated_data)
        )
        return Response(CallPaymentSerializer(made).data, status=201)


class CallPaymentOne(Endpoint):
    """One payment of this line."""

    scopes = ("telephone-line",)

    @extend_schema(operation_id="getCallPayment", summary="One payment", responses={200: CallPaymentSerializer})
    def get(self, request: Request, id: str) -> Response:
        """How a payment of this line stands."""
        found = CallPayment.objects.filter(line=self.actor.identifier, pk=id).select_related("posting").first()
        if found is None:
            raise NotFound("This line has no such payment.")
        return Response(CallPaymentSerializer(found).data)


class Confirmation(Endpoint):
    """The end of a payment that succeeded."""

    scopes = ("telephone-line",)

    @extend_schema(
        operation_id="confirmCallPayment",
        summary="The money was taken",
        request=TakenSerializer,
        responses={200: CallPaymentSerializer},
    )
    @once
    def post(self, request: Request, id: str) -> Response:
        """Post a payment that the line took.

        Money that was taken is never refused for what became of its account: it goes to suspense then, and
        `in_suspense` says so.
        """
        asked = TakenSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        paid = services.confirm(actor=self.actor, payment_id=id, taken=_taken(asked.validated_data))
        return Response(CallPaymentSerializer(paid).data)


class GivingUp(Endpoint):
    """The end of a payment that did not succeed."""

    scopes = ("telephone-line",)

    @extend_schema(
        operation_id="giveUpCallPayment",
        summary="The money was not taken",
        request=ReasonSerializer,
        responses={200: CallPaymentSerializer},
    )
    @once
    def post(self, request: Request, id: str) -> Response:
        """Say that an announced payment was not taken: the card was declined, or the caller rang off."""
        asked = ReasonSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        ended = services.give_up(actor=self.actor, payment_id=id, reason=asked.validated_data["reason"])
        return Response(CallPaymentSerializer(ended).data)


class CatchUp(Endpoint):
    """Payments taken while IMS could not be reached."""

    scopes = ("telephone-line",)

    @extend_schema(
        operation_id="catchUpCallPayments",
        summary="Tell of payments taken during an outage",
        request=CatchUpSerializer,
        responses={200: CaughtUpList},
    )
    @once
    def post(self, request: Request) -> Response:
        """Post up to 500 payments that were taken while IMS could not be reached, each for itself.

        Whatever was posted before is found and not posted again, so the same list, or a longer one, may be sent again,
        with a new idempotency key, until every one is accepted.
        """
        asked = CatchUpSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response({"results": [self._one(given) for given in asked.validated_data["payments"]]})

    def _one(self, given: dict[str, Any]) -> dict[str, Any]:
        try:
            paid = services.catch_up(
                actor=self.actor, call=given["call"], bills=_bills(self, given), taken=_taken(given)
            )
        except ImsError as refusal:
            return {
                "call": given["call"],
                "accepted": False,
                "payment": None,
                "code": refusal.code,
                "message": refusal.message,
            }
        shown = CallPaymentSerializer(paid).data
        return {"call": given["call"], "accepted": True, "payment": shown, "code": "", "message": ""}


def _bills(endpoint: Endpoint, given: dict[str, Any]) -> list[services.Bill]:
    return [
        services.Bill(
            payment_type=payment_types.find(line["payment_type"], actor=endpoint.actor),
            reference=line["reference"],
            amount=line["amount"],
        )
        for line in given["lines"]
    ]


def _taken(given: dict[str, Any]) -> services.Taken:
    return services.Taken(
        reference=given["reference"],
        at=given["taken_at"],
        card_brand=given["card_brand"],
        card_last_four=given["card_last_four"],
    )
