"""Account holders, for systems that have the right: personal data, and every look is recorded."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ims.accounts.models import AccountHolder
from ims.accounts.selectors import find_account
from ims.api.fields import NoNull, Pounds
from ims.api.views import Endpoint
from ims.audit.services import record
from ims.common.errors import NotFound


class AccountSerializer(serializers.ModelSerializer):
    """An account as the back-office system says it was on the day it was loaded."""

    fund = serializers.CharField(source="fund_id", read_only=True)
    balance = Pounds(read_only=True, allow_null=True, help_text="Owed on `balance_on`; positive is a debt.")
    stopped = serializers.SerializerMethodField(help_text="Whether payments to it are stopped or remarked on.")

    class Meta:
        model = AccountHolder
        fields = ("fund", "reference", "name", "address", "postcode", "balance", "balance_on", "stopped", "is_open")
        read_only_fields = fields

    def get_stopped(self, account: AccountHolder) -> bool:
        return account.stop_reason_id is not None


class AccountAsked(serializers.Serializer):
    fund = NoNull(max_length=5, help_text="The fund's code.")
    reference = NoNull(max_length=100, help_text="The whole reference, in capitals or not.")


class Account(Endpoint):
    """One account holder."""

    scopes = ("accounts:read",)

    @extend_schema(
        operation_id="getAccount", summary="One account", parameters=[AccountAsked], responses={200: AccountSerializer}
    )
    def get(self, request: Request) -> Response:
        """The account with this reference in this fund. Every look leaves an audit event that names the client.

        404 when there is none among the client's funds.
        """
        asked = AccountAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        account = find_account(asked.validated_data["fund"], asked.validated_data["reference"])
        if account is None or not self.actor.may_see_fund(account.fund_id):
            raise NotFound("There is no such account among the funds this client may see.")
        record("account_read", actor=self.actor, subject=account)
        return Response(AccountSerializer(account).data)
