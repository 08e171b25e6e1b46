"""What this room refuses, in sentences."""

from __future__ import annotations

from ims.common.errors import Conflict, ImsError


class PaymentRefusal(ImsError):
    """The payment, refund or link asked for cannot be had. Nothing was taken and nothing was given back."""

    code = "payment_refusal"


class AlreadyPaid(Conflict):
    """The basket is paid. Nothing more was asked of the payer."""

    code = "already_paid"


class StillStarting(Conflict):
    """The same payment is being started at this moment, in another tab or by a second click."""

    code = "still_starting"


class ProviderDown(PaymentRefusal):
    """The card provider does not answer. Nothing was taken; try again later."""

    code = "provider_down"
