"""Payments that a client asks for on behalf of a payer, who pays on the council's own pages."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ims.api.fields import AmountToPay, NoNull, Pounds, page_of
from ims.api.models import ClientPayment
from ims.api.services import payments as services
from ims.api.v1.payment_types import LANGUAGES
from ims.api.views import Endpoint, once, own_key
from ims.common.addresses import public_url
from ims.common.errors import NotFound
from ims.payment_types import selectors as payment_types
from ims.payments.services import Payer

MOST_A_PAGE = 200


class BillSerializer(serializers.Serializer):
    """One thing to be paid."""

    payment_type = serializers.SlugField(max_length=50)
    reference = NoNull(max_length=100)
    amount = AmountToPay()


class PayerSerializer(serializers.Serializer):
    """Who pays, as far as known. Asked for on the pages where it is needed and missing."""

    name = NoNull(max_length=100, required=False, default="", allow_blank=True)
    email = serializers.EmailField(required=False, default="", allow_blank=True, help_text="For the receipt.")
    address = NoNull(max_length=300, required=False, default="", allow_blank=True, help_text="Lines, without postcode.")
    postcode = NoNull(max_length=12, required=False, default="", allow_blank=True)


class PaymentToMake(serializers.Serializer):
    """What is to be paid, and where the payer goes afterwards."""

    lines = BillSerializer(many=True, allow_empty=False, max_length=10)
    return_url = serializers.CharField(max_length=2000, help_text="https; offered to the payer when it is over.")
    client_reference = NoNull(max_length=100, required=False, default="", allow_blank=True, help_text="Your own name.")
    language = serializers.ChoiceField(LANGUAGES, default="en")
    payer = PayerSerializer(required=False)


class LinePaid(serializers.Serializer):
    fund = serializers.CharField(source="fund_id")
    reference = serializers.CharField(source="account_reference")
    amount = Pounds()


class PaymentSerializer(serializers.Serializer):
    """A payment as it stands."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(["open", "paying", "paid", "failed", "expired", "cancelled", "undone"])
    total = Pounds()
    lines = LinePaid(many=True)
    pay_url = serializers.URLField(help_text="Send the payer there, in their own browser.")
    return_url = serializers.CharField()
    client_reference = serializers.CharField(allow_blank=True)
    receipt_number = serializers.CharField(allow_blank=True, help_text="Empty until it is paid.")
    paid_at = serializers.DateTimeField(allow_null=True)
    made_at = serializers.DateTimeField()


class PaymentsAsked(serializers.Serializer):
    client_reference = NoNull(max_length=100, required=False)
    cursor = NoNull(max_length=60, required=False, help_text="From `next` or `previous` of another page.")
    page_size = serializers.IntegerField(min_value=1, max_value=MOST_A_PAGE, default=50)


class PaymentPage(serializers.Serializer):
    results = PaymentSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The page of older payments.")
    previous = serializers.URLField(allow_null=True, help_text="The page of newer payments.")


class Payments(Endpoint):
    """Payments of this client."""

    scopes = ("payments:create",)

    @extend_schema(
        operation_id="createPayment",
        summary="Ask for a payment",
        request=PaymentToMake,
        responses={201: PaymentSerializer},
    )
    @once
    def post(self, request: Request) -> Response:
        """Write down what a payer is to pay, and get the address to send them to. It works for 24 hours.

        Nothing is taken before the payer pays there. The return address proves nothing: read the payment, or be told.
        """
        asked = PaymentToMake(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        bills = [
            services.Bill(
                payment_type=payment_types.find(line["payment_type"], actor=self.actor),
                reference=line["reference"],
                amount=line["amount"],
            )
            for line in given["lines"]
        ]
        made = services.ask_for_payment(
            actor=self.actor,
            client=self.client,
            bills=bills,
            return_url=given["return_url"],
            key=own_key(self, request),
            payer=Payer(**given.get("payer", {})),
            language=given["language"],
            client_reference=given["client_reference"],
        )
        return Response(described(request, made), status=201)

    @extend_schema(
        operation_id="listPayments",
        summary="Payments asked for",
        parameters=[PaymentsAsked],
        responses={200: PaymentPage},
    )
    def get(self, request: Request) -> Response:
        """The payments this client asked for, the latest first."""
        asked = PaymentsAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = ClientPayment.objects.filter(client=self.client).select_related("basket")
        if reference := asked.validated_data.get("client_reference"):
            found = found.filter(client_reference=reference)
        rows, newer, older = _one_page(found, asked.validated_data.get("cursor", ""), asked.validated_data["page_size"])
        return Response(page_of(request, [described(request, row) for row in rows], newer=newer, older=older))


class Payment(Endpoint):
    """One payment of this client."""

    scopes = ("payments:create",)

    @extend_schema(operation_id="getPayment", summary="One payment", responses={200: PaymentSerializer})
    def get(self, request: Request, id: str) -> Response:
        """How a payment stands. `paid`: the money was taken and posted; `undone`: it failed after all."""
        found = ClientPayment.objects.filter(client=self.client, pk=id).select_related("basket").first()
        if found is None:
            raise NotFound("This client has no such payment.")
        return Response(described(request, found))


def described(request: Request, payment: ClientPayment) -> dict[str, Any]:
    """A payment in the API's words."""
    state, attempt = services.state_of(payment)
    path = reverse("portal:order", args=[payment.basket.token])
    shown = {
        "id": payment.pk,
        "state": state,
        "total": payment.basket.total,
        "lines": payment.basket.lines.order_by("line"),
        "pay_url": public_url(request, path),
        "return_url": payment.return_url,
        "client_reference": payment.client_reference,
        "receipt_number": str(attempt.posting) if state == "paid" and attempt and attempt.posting else "",
        "paid_at": attempt.paid_at if state == "paid" and attempt else None,
        "made_at": payment.made_at,
    }
    return PaymentSerializer(shown).data


def _one_page(found: Any, cursor: str, size: int) -> tuple[list[ClientPayment], str, str]:
    """One page, and the cursors of its neighbours: found by position, never by counting."""
    direction, _, at = cursor.partition(".")
    anchor = found.filter(pk=at).first() if direction in ("older", "newer") and _is_uuid(at) else None
    if anchor is not None:
        way = "lt" if direction == "older" else "gt"
        beyond = Q(**{f"made_at__{way}": anchor.made_at}) | Q(made_at=anchor.made_at, **{f"pk__{way}": anchor.pk})
        found = found.filter(beyond)
    else:
        direction = ""
    order = ("made_at", "pk") if direction == "newer" else ("-made_at", "-pk")
    rows = list(found.order_by(*order)[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if direction == "newer":
        rows.reverse()
    if not rows:
        return [], "", ""
    has_newer, has_older = (more, True) if direction == "newer" else (direction == "older", more)
    return rows, f"newer.{rows[0].pk}" if has_newer else "", f"older.{rows[-1].pk}" if has_older else ""


def _is_uuid(text: str) -> bool:
    from uuid import UUID

    try:
        UUID(text)
    except ValueError:
        return False
    return True
