"""What every card provider can be asked, and what it answers, in words of our own.

Amounts are whole pence. A provider is a thin client: it keeps nothing, decides nothing about money in the ledger, and
knows nothing of Django. Which acquirer stands behind a provider is never asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from ims.common.errors import ImsError


class Status(StrEnum):
    """How a payment stands at the provider."""

    CREATED = "created"
    STARTED = "started"
    SUBMITTED = "submitted"
    CAPTURABLE = "capturable"
    SUCCESS = "success"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    ERROR = "error"
    UNKNOWN = "unknown"
    """A word the provider did not use before: the payment stays open and somebody is told."""


class RefundStatus(StrEnum):
    """How a refund stands. `SUBMITTED` is on its way: neither done nor failed."""

    SUBMITTED = "submitted"
    SUCCESS = "success"
    ERROR = "error"
    UNKNOWN = "unknown"


class DisputeStatus(StrEnum):
    """How a dispute (chargeback) stands."""

    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class PaymentRequest:
    """A payment to ask for. `reference` is unique to this attempt; `amount` is in pence, at least 1."""

    amount: int
    reference: str
    description: str
    return_url: str
    language: str = "en"
    email: str = ""
    payer_name: str = ""
    address: tuple[str, ...] = ()
    postcode: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    moto: bool = False
    """Mail order or telephone order: the card is keyed by staff on the provider's page."""


@dataclass(frozen=True)
class NextStep:
    """Where the payer's browser goes next. A secret: whoever holds it can pay. Never stored or logged.

    With `method` POST, `fields` are sent as a form.
    """

    url: str
    method: str = "GET"
    fields: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"NextStep({self.method}, …)"


@dataclass(frozen=True, kw_only=True)
class Card:
    """What may be kept of a card: never its number."""

    brand: str = ""
    last_four: str = ""
    kind: str = ""
    wallet: str = ""


@dataclass(frozen=True, kw_only=True)
class Payment:
    """A payment as the provider describes it. Amounts in pence; None where it has not said.

    `total` is what the payer paid, a surcharge included; `amount` is what we asked for. `said` is what may be kept of
    the provider's own words: states, sums and dates, nothing personal and no links.
    """

    payment_id: str
    reference: str
    amount: int
    total: int
    status: Status
    currency: str = "GBP"
    code: str = ""
    message: str = ""
    created_at: datetime | None = None
    confirmed_at: datetime | None = None
    captured_on: date | None = None
    settled_on: date | None = None
    fee: int | None = None
    net: int | None = None
    refundable: int | None = None
    """What may still be refunded; None when it may not be refunded just now."""
    card: Card = Card()
    gateway_id: str = ""
    moto: bool = False
    description: str = ""
    next_step: NextStep | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Refund:
    """A refund as the provider describes it. `amount` in pence, positive."""

    refund_id: str
    payment_id: str
    amount: int
    status: RefundStatus
    created_at: datetime | None = None
    settled_on: date | None = None
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Dispute:
    """A dispute as the provider describes it. `amount` and `fee` in pence, positive."""

    dispute_id: str
    payment_id: str
    amount: int
    status: DisputeStatus
    fee: int = 0
    net: int | None = None
    reason: str = ""
    respond_by: date | None = None
    created_at: datetime | None = None
    settled_on: date | None = None
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Notification:
    """What a verified message from the provider is about. It says which payment to read again, and nothing more."""

    message_id: str
    payment_id: str
    event: str
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which payments to look for. Dates are UTC days, both included; empty means any."""

    reference: str = ""
    created_from: datetime | None = None
    created_to: datetime | None = None
    settled_from: date | None = None
    settled_to: date | None = None


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What a provider can do, so that faces offer nothing else."""

    refunds: bool = True
    disputes: bool = False
    settlement: bool = False
    telephone: bool = False
    resumes: bool = False
    """Reading an unfinished payment gives a fresh next step."""
    notifies: bool = True
    lists: bool = False
    """Payments can be listed by the day they were made, also those that IMS did not ask for."""


class ProviderError(ImsError):
    """The provider did not do what it was asked. `provider_code` is its own word for why."""

    code = "provider_error"

    def __init__(self, message: str, *, code: str | None = None, provider_code: str = "") -> None:
        super().__init__(message, code=code)
        self.provider_code = provider_code


class Unreachable(ProviderError):
    """No usable answer: a time-out, a broken line, an error of theirs, or too many requests.

    Whether the thing asked for happened is not known: look before asking again. `retry_after` is seconds, when said.
    """

    code = "provider_unreachable"

    def __init__(self, message: str, *, provider_code: str = "", retry_after: int | None = None) -> None:
        super().__init__(message, provider_code=provider_code)
        self.retry_after = retry_after


class Refused(ProviderError):
    """The provider understood and said no. Nothing happened."""

    code = "provider_refused"


class Misconfigured(Refused):
    """The key is wrong or revoked, or the account may not do this: asking again will not help before it is mended."""

    code = "provider_misconfigured"


class NotThere(Refused):
    """The provider knows no such payment or refund, for this key."""

    code = "provider_not_found"


class AmountChanged(Refused):
    """What is left to refund is not what was believed. Nothing was refunded."""

    code = "provider_amount_changed"


class TooLate(Refused):
    """The payment has moved on and can no longer be cancelled. Read it again."""

    code = "provider_too_late"


class Nonsense(ProviderError):
    """The answer could not be understood. Treated like no answer: nothing is concluded from it."""

    code = "provider_nonsense"


class Forged(ProviderError):
    """A notification whose signature is missing or wrong. It is thrown away."""

    code = "notification_forged"


class CardProvider(Protocol):
    """One account at a card provider.

    Every call may raise `Unreachable` (nothing is known), `Refused` (nothing happened) or `Nonsense`.
    """

    abilities: Abilities

    def create(self, request: PaymentRequest) -> Payment:
        """Ask for a payment; the answer has the payer's next step."""

    def fetch(self, payment_id: str) -> Payment:
        """How a payment stands now. Strongly consistent, unlike `search`."""

    def cancel(self, payment_id: str) -> None:
        """Stop a payment that nobody has finished. Raises `TooLate` when it has moved on."""

    def search(self, search: Search) -> Iterator[Payment]:
        """Payments that fit; may lag behind `fetch`."""

    def refund(self, payment_id: str, *, amount: int, available: int, reference: str) -> Refund:
        """Give `amount` back. `available` is what whoever decided saw as refundable: raises `AmountChanged` if it
        differs."""

    def refunds_of(self, payment_id: str) -> list[Refund]:
        """Every refund of one payment, whoever asked for it."""

    def fetch_refund(self, payment_id: str, refund_id: str) -> Refund:
        """How a refund stands now."""

    def refunds(self, search: Search) -> Iterator[Refund]:
        """Refunds made or settled between dates, whoever asked for them."""

    def disputes(self, search: Search) -> Iterator[Dispute]:
        """Disputes raised or settled between dates."""

    def parse_notification(self, headers: Mapping[str, str], body: bytes, *, secrets: Iterable[str]) -> Notification:
        """Verify a message with any of `secrets` and say what it is about. Raises `Forged` or `Nonsense`."""
