"""Receipts: the entries of the ledger that a client may see."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ims.api.fields import NoNull, Pounds, page_of
from ims.api.views import Endpoint
from ims.common.errors import InvalidInput, NotFound
from ims.ledger.models import Entry
from ims.ledger.selectors import Criteria, entries_matching, search_entries

MOST_A_PAGE = 200


class ReceiptSerializer(serializers.ModelSerializer):
    """One line received or moved. Negative amounts take money away from the fund."""

    id = serializers.IntegerField(read_only=True)
    number = serializers.CharField(source="receipt_number", read_only=True)
    kind = serializers.CharField(source="posting.kind", read_only=True)
    fund = serializers.CharField(source="fund_id", read_only=True)
    method_of_payment = serializers.CharField(source="method_of_payment_id", read_only=True)
    office = serializers.CharField(source="office_id", read_only=True)
    vat_code = serializers.CharField(source="vat_code_id", read_only=True)
    amount = Pounds(read_only=True)
    vat_amount = Pounds(read_only=True)

    class Meta:
        model = Entry
        fields = (
            "id",
            "number",
            "kind",
            "fund",
            "account_reference",
            "amount",
            "vat_code",
            "vat_amount",
            "method_of_payment",
            "office",
            "received_on",
            "accounting_date",
            "posted_at",
            "source_reference",
        )
        read_only_fields = fields


class ReceiptsAsked(serializers.Serializer):
    """What to look for. Dates are both included."""

    fund = NoNull(max_length=5, required=False, help_text="A fund's code.")
    account_reference = NoNull(max_length=100, required=False, help_text="The whole reference.")
    received_from = serializers.DateField(required=False)
    received_to = serializers.DateField(required=False)
    cursor = NoNull(max_length=200, required=False, help_text="From `next` or `previous` of another page.")
    page_size = serializers.IntegerField(min_value=1, max_value=MOST_A_PAGE, default=50)


class ReceiptPage(serializers.Serializer):
    results = ReceiptSerializer(many=True, read_only=True)
    next = serializers.URLField(allow_null=True, help_text="The page of older receipts.")
    previous = serializers.URLField(allow_null=True, help_text="The page of newer receipts.")


class Receipts(Endpoint):
    """Receipts of the client's funds."""

    scopes = ("receipts:read",)

    @extend_schema(
        operation_id="listReceipts", summary="Receipts", parameters=[ReceiptsAsked], responses={200: ReceiptPage}
    )
    def get(self, request: Request) -> Response:
        """Receipts of the client's funds, the latest received first. Names and narratives are not among them."""
        asked = ReceiptsAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted: dict[str, Any] = dict(asked.validated_data)
        cursor, size = wanted.pop("cursor", ""), wanted.pop("page_size")
        page = search_entries(self.actor, Criteria(**wanted), cursor=cursor, size=size)
        found = ReceiptSerializer(page.entries, many=True).data
        return Response(page_of(request, found, newer=page.newer, older=page.older))


class Receipt(Endpoint):
    """One receipt."""

    scopes = ("receipts:read",)

    @extend_schema(operation_id="getReceipt", summary="One receipt", responses={200: ReceiptSerializer})
    def get(self, request: Request, number: str) -> Response:
        """The receipt with this number, as printed on it: `REC-000123/1`."""
        entry = entries_matching(self.actor, _criteria(number)).first()
        if entry is None:
            raise NotFound(f"There is no receipt “{number[:40]}” among the funds this client may see.")
        return Response(ReceiptSerializer(entry).data)


def _criteria(number: str) -> Criteria:
    series, _, rest = number.rpartition("-")
    digits, _, line = rest.partition("/")
    if not (series.isalnum() and digits.isascii() and digits.isdigit() and line.isascii() and line.isdigit()):
        raise InvalidInput(f"“{number[:40]}” is not the number of a receipt. It reads like REC-000123/1.")
    if len(digits) > 12 or len(line) > 7:
        raise NotFound(f"There is no receipt “{number[:40]}” among the funds this client may see.")
    return Criteria(series=series.upper(), number=int(digits), line=int(line))
