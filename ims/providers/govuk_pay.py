"""GOV.UK Pay. What its public API promises, and what its source does where that differs: amounts are whole pence, keys
may be absent or null alike, unknown keys are ignored, a search page past the end is 404, refunds answer 202.

Sources: the public documentation (docs.payments.service.gov.uk) and the OpenAPI file of alphagov/pay-publicapi.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from ims.providers.card import (
    Abilities,
    AmountChanged,
    Card,
    Dispute,
    DisputeStatus,
    Forged,
    Misconfigured,
    NextStep,
    Nonsense,
    Notification,
    NotThere,
    Payment,
    PaymentRequest,
    Refund,
    RefundStatus,
    Refused,
    Search,
    Status,
    TooLate,
)
from ims.providers.http import Line, json_of

BASE = "https://publicapi.payments.service.gov.uk"
PAGE_SIZE = 500
MOST_PAGES = 200

_FAILED = {"P0010": Status.DECLINED, "P0020": Status.EXPIRED, "P0030": Status.CANCELLED}
_STATUS = {
    "created": Status.CREATED,
    "started": Status.STARTED,
    "submitted": Status.SUBMITTED,
    "capturable": Status.CAPTURABLE,
    "success": Status.SUCCESS,
    "cancelled": Status.CANCELLED,
    "error": Status.ERROR,
    # Words of the newer vocabulary, seen in notifications.
    "declined": Status.DECLINED,
    "timedout": Status.EXPIRED,
}
_NO_KEY = {401, 403}
_T = TypeVar("_T")


class GovUkPay:
    """One GOV.UK Pay service, by its API key."""

    abilities = Abilities(refunds=True, disputes=True, settlement=True, telephone=True, resumes=True, lists=True)

    def __init__(self, *, key: str, base_url: str = "", read_seconds: float = 15.0) -> None:
        if not key:
            raise Misconfigured("The key of this GOV.UK Pay service is not there. Put its file where secrets are kept.")
        self._line = Line(base_url or BASE, headers={"Authorization": f"Bearer {key}"}, read_seconds=read_seconds)

    # -- payments -----------------------------------------------------------------------------------------------------

    def create(self, request: PaymentRequest) -> Payment:
        """Make a payment; its next step is GOV.UK Pay's card page."""
        body: dict[str, Any] = {
            "amount": request.amount,
            "reference": request.reference,
            "description": request.description,
            "return_url": request.return_url,
            "language": "cy" if request.language == "cy" else "en",
        }
        if request.email:
            body["email"] = request.email[:254]
        if request.metadata:
            body["metadata"] = {key[:30]: value[:100] for key, value in list(request.metadata.items())[:15]}
        if request.moto:
            body["moto"] = True
        else:
            body |= _prefilled(request)
        return _payment(self._ask("POST", "/v1/payments", json=body))

    def fetch(self, payment_id: str) -> Payment:
        """How a payment stands; strongly consistent."""
        return _payment(self._ask("GET", f"/v1/payments/{_segment(payment_id)}"))

    def cancel(self, payment_id: str) -> None:
        """Stop an unfinished payment."""
        path = f"/v1/payments/{_segment(payment_id)}/cancel"
        answer = self._line.ask("POST", path, headers={"Content-Type": "application/json"})
        if answer.status_code != 204:
            if answer.status_code in (400, 409):
                raise TooLate("The payment can no longer be cancelled.", provider_code=_code(answer))
            raise _refusal(answer)

    def search(self, search: Search) -> Iterator[Payment]:
        """Payments that fit, newest first. Each once, though pages shift while new ones arrive."""
        wanted = {"reference": search.reference} if search.reference else {}
        found = self._pages("/v1/payments", wanted | _dates(search), "results", _payment)
        return _once(found, lambda payment: payment.payment_id, search)

    # -- refunds ------------------------------------------------------------------------------------------------------

    def refund(self, payment_id: str, *, amount: int, available: int, reference: str) -> Refund:
        """Give `amount` back; `available` guards against giving it twice."""
        body = {"amount": amount, "refund_amount_available": available}
        return _refund(self._ask("POST", f"/v1/payments/{_segment(payment_id)}/refunds", json=body), payment_id)

    def refunds_of(self, payment_id: str) -> list[Refund]:
        """Every refund of one payment; lags."""
        found = self._ask("GET", f"/v1/payments/{_segment(payment_id)}/refunds")
        rows = (found.get("_embedded") or {}).get("refunds") or []
        return [_refund(row, payment_id) for row in _listed(rows)]

    def fetch_refund(self, payment_id: str, refund_id: str) -> Refund:
        """How a refund stands; strongly consistent."""
        path = f"/v1/payments/{_segment(payment_id)}/refunds/{_segment(refund_id)}"
        return _refund(self._ask("GET", path), payment_id)

    def refunds(self, search: Search) -> Iterator[Refund]:
        """Refunds that fit, whoever made them."""
        found = self._pages("/v1/refunds", _dates(search), "results", lambda row: _refund(row, ""))
        return _once(found, lambda refund: refund.refund_id, search)

    def disputes(self, search: Search) -> Iterator[Dispute]:
        """Disputes that fit."""
        found = self._pages("/v1/disputes", _dates(search), "results", _dispute)
        return _once(found, lambda dispute: dispute.dispute_id, search)

    # -- notifications ------------------------------------------------------------------------------------------------

    def parse_notification(self, headers: Mapping[str, str], body: bytes, *, secrets: Iterable[str]) -> Notification:
        """A webhook message. Its snapshot may be stale and uses other words for states: only its payment id is used."""
        given = {name.lower(): value for name, value in headers.items()}.get("pay-signature", "")
        # Every secret is tried, and as bytes: a header of odd characters must be refused, not crash.
        matches = [hmac.compare_digest(sign(body, secret).encode(), given.encode()) for secret in secrets if secret]
        if not given or not any(matches):
            raise Forged("The notification's signature is missing or wrong.")
        try:
            message = json.loads(body)
            kind = str(message.get("resource_type", "")).lower()
            payment_id = str(message["resource_id"])
            message_id = str(message.get("webhook_message_id") or message["id"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Nonsense("The notification could not be read.") from error
        if kind != "payment":
            raise Nonsense("The notification is not about a payment.")
        state = (message.get("resource") or {}).get("state") or {}
        return Notification(
            message_id=message_id,
            payment_id=payment_id,
            event=str(message.get("event_type", "")),
            said={"status": state.get("status"), "created_date": message.get("created_date")},
        )

    # -- talking ------------------------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._line.ask(method, path, **options)
        if answer.status_code not in (200, 201, 202):
            raise _refusal(answer)
        return json_of(answer)

    def _pages(
        self, path: str, wanted: Mapping[str, str], key: str, read: Callable[[Mapping[str, Any]], _T]
    ) -> Iterator[_T]:
        for page in range(1, MOST_PAGES + 1):
            parameters = {**wanted, "page": str(page), "display_size": str(PAGE_SIZE)}
            answer = self._line.ask("GET", path, params=parameters)
            if answer.status_code == 404:
                return  # A page past the end, which is not an empty one.
            if answer.status_code != 200:
                raise _refusal(answer)
            rows = _listed(json_of(answer).get(key) or [])
            yield from (read(row) for row in rows)
            if len(rows) < PAGE_SIZE:
                return


def sign(body: bytes, secret: str) -> str:
    """GOV.UK Pay's signature of a message: HMAC-SHA256 of the bytes as they came, in lower-case hexadecimal."""
    return hmac.new(secret.encode("utf-8"), body, hashlib.sha256).hexdigest()


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")


def _prefilled(request: PaymentRequest) -> dict[str, Any]:
    address = dict(zip(("line1", "line2"), request.address[:2], strict=False))
    if len(request.address) > 2:
        address["city"] = request.address[-1]
    if request.postcode:
        address["postcode"] = request.postcode
    details: dict[str, Any] = {"cardholder_name": request.payer_name[:255]} if request.payer_name else {}
    if address:
        details["billing_address"] = {**address, "country": "GB"}
    return {"prefilled_cardholder_details": details} if details else {}


def _dates(search: Search) -> dict[str, str]:
    """One unit wider on both sides than is wanted: whether the ends are included differs from what is documented."""
    found = {}
    if search.created_from:
        found["from_date"] = f"{search.created_from.astimezone(UTC) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
    if search.created_to:
        found["to_date"] = f"{search.created_to.astimezone(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"
    if search.settled_from:
        found["from_settled_date"] = (search.settled_from - timedelta(days=1)).isoformat()
    if search.settled_to:
        found["to_settled_date"] = (search.settled_to + timedelta(days=1)).isoformat()
    return found


def _once(found: Iterable[_T], key: Callable[[_T], str], search: Search) -> Iterator[_T]:
    seen: set[str] = set()
    for item in found:
        if key(item) not in seen and _inside(item, search):
            seen.add(key(item))
            yield item


def _inside(item: Any, search: Search) -> bool:
    created, settled = item.created_at, item.settled_on
    return not (
        (search.created_from and created and created < search.created_from)
        or (search.created_to and created and created > search.created_to)
        or (search.settled_from and (settled is None or settled < search.settled_from))
        or (search.settled_to and (settled is None or settled > search.settled_to))
    )


def _listed(rows: Any) -> list[Mapping[str, Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Nonsense("The provider's list could not be read.")
    return rows


def _refusal(answer: requests.Response) -> Refused:
    code = _code(answer)
    if answer.status_code == 404:
        return NotThere("GOV.UK Pay does not know it, with this key.", provider_code=code)
    if answer.status_code == 412:
        return AmountChanged("What can be refunded has changed.", provider_code=code)
    if answer.status_code in _NO_KEY or code in ("P0920", "P0195", "P0196", "P0199"):
        return Misconfigured(
            f"GOV.UK Pay does not let this service do that ({answer.status_code}).", provider_code=code
        )
    return Refused(f"GOV.UK Pay said no ({answer.status_code}).", provider_code=code)


def _code(answer: requests.Response) -> str:
    try:
        found = answer.json()
    except ValueError:
        return str(answer.status_code)
    return str(found.get("code") or answer.status_code) if isinstance(found, dict) else str(answer.status_code)


def _payment(row: Mapping[str, Any]) -> Payment:
    try:
        state = row.get("state") or {}
        word, code = str(state.get("status") or ""), str(state.get("code") or "")
        status = _FAILED.get(code, Status.DECLINED) if word == "failed" else _STATUS.get(word, Status.UNKNOWN)
        refunds, settlement = row.get("refund_summary") or {}, row.get("settlement_summary") or {}
        can_be_refunded = refunds.get("status") == "available" and status is Status.SUCCESS
        amount = _pence(row["amount"])
        total = row.get("total_amount")
        return Payment(
            payment_id=_text(row, "payment_id"),
            reference=_text(row, "reference"),
            description=_text(row, "description"),
            amount=amount,
            total=amount if total is None else _pence(total),
            status=status,
            code=code,
            message=str(state.get("message") or ""),
            created_at=_moment(row.get("created_date")),
            confirmed_at=_moment(settlement.get("capture_submit_time")),
            captured_on=_day(settlement.get("captured_date")),
            settled_on=_day(settlement.get("settled_date")),
            fee=_optional_pence(row.get("fee")),
            net=_optional_pence(row.get("net_amount"), may_be_negative=True),
            refundable=_optional_pence(refunds.get("amount_available")) if can_be_refunded else None,
            card=_card(row),
            gateway_id=_text(row, "provider_id"),
            moto=row.get("moto") is True,
            next_step=_next_step(row),
            metadata={str(key): str(value) for key, value in (row.get("metadata") or {}).items()},
            said=_said(row, word, code),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Nonsense("A payment could not be read from GOV.UK Pay's answer.") from error


def _said(row: Mapping[str, Any], word: str, code: str) -> dict[str, Any]:
    """What is kept of an answer: nothing personal, no links."""
    kept = {"status": word, "code": code}
    for key in ("amount", "total_amount", "fee", "net_amount", "settlement_summary", "payment_provider"):
        kept[key] = row.get(key)
    refunds = row.get("refund_summary") or {}
    kept["refund_summary"] = {key: refunds.get(key) for key in ("status", "amount_available", "amount_submitted")}
    return {key: value for key, value in kept.items() if value not in (None, "", {})}


def _card(row: Mapping[str, Any]) -> Card:
    details = row.get("card_details") or {}
    return Card(
        brand=str(details.get("card_brand") or row.get("card_brand") or ""),
        last_four=str(details.get("last_digits_card_number") or "")[-4:],
        kind=str(details.get("card_type") or ""),
        wallet=str(details.get("wallet_type") or ""),
    )


def _next_step(row: Mapping[str, Any]) -> NextStep | None:
    link = (row.get("_links") or {}).get("next_url") or {}
    return NextStep(str(link["href"])) if link.get("href") else None


def _refund(row: Mapping[str, Any], payment_id: str) -> Refund:
    try:
        word = str(row.get("status") or "")
        known = {status.value: status for status in RefundStatus if status is not RefundStatus.UNKNOWN}
        return Refund(
            refund_id=str(row["refund_id"]),
            payment_id=str(row.get("payment_id") or payment_id or _payment_of(row)),
            amount=_pence(row["amount"]),
            status=known.get(word, RefundStatus.UNKNOWN),
            created_at=_moment(row.get("created_date")),
            settled_on=_day((row.get("settlement_summary") or {}).get("settled_date")),
            said={
                "status": word,
                "amount": row.get("amount"),
                "settlement_summary": row.get("settlement_summary") or {},
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Nonsense("A refund could not be read from GOV.UK Pay's answer.") from error


def _payment_of(row: Mapping[str, Any]) -> str:
    """In a list of refunds the payment is named by its link alone, where it is not named outright."""
    link = (row.get("_links") or {}).get("payment") or {}
    return str(link.get("href") or "").rstrip("/").rsplit("/", 1)[-1]


def _dispute(row: Mapping[str, Any]) -> Dispute:
    try:
        word = str(row.get("status") or "")
        known = {status.value: status for status in DisputeStatus if status is not DisputeStatus.UNKNOWN}
        due = _moment(row.get("evidence_due_date"))
        return Dispute(
            dispute_id=str(row["dispute_id"]),
            payment_id=str(row["payment_id"]),
            amount=_pence(row["amount"]),
            fee=_optional_pence(row.get("fee")) or 0,
            net=_optional_pence(row.get("net_amount"), may_be_negative=True),
            status=known.get(word, DisputeStatus.UNKNOWN),
            reason=str(row.get("reason") or ""),
            respond_by=due.date() if due else None,
            created_at=_moment(row.get("created_date")),
            settled_on=_day((row.get("settlement_summary") or {}).get("settled_date")),
            said={
                key: row.get(key) for key in ("status", "reason", "amount", "fee", "net_amount", "evidence_due_date")
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Nonsense("A dispute could not be read from GOV.UK Pay's answer.") from error


def _text(row: Mapping[str, Any], key: str) -> str:
    return str(row.get(key) or "")


def _pence(value: Any, *, may_be_negative: bool = False) -> int:
    """Whole pence. A string or a fraction is not an amount: nothing is guessed."""
    if type(value) is not int or (value < 0 and not may_be_negative):
        raise ValueError(f"{value!r} is not an amount in pence")
    return value


def _optional_pence(value: Any, *, may_be_negative: bool = False) -> int | None:
    return None if value is None else _pence(value, may_be_negative=may_be_negative)


def _moment(text: Any) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _day(text: Any) -> date | None:
    return date.fromisoformat(str(text)[:10]) if text else None
