"""Files of card providers: what customers paid, what the provider kept, what the bank receives."""

from __future__ import annotations

from ims.formats.card import adyen, govuk_pay, stripe

FORMATS = (govuk_pay.FORMAT, stripe.FORMAT, adyen.FORMAT)
