"""A gateway with a hosted page: the payer's browser posts a signed form to it; it posts signed notifications to us.

The classic shape of card gateways before payment APIs, and unlike GOV.UK Pay in every way that matters: a payment is
not made by us but by the payer's own post; its key is our reference; answers are signed forms, not JSON; there is no
list of payments, so that what was paid out comes from the gateway's report.

A signature is HMAC-SHA256, in base64, over ``name=value`` of the fields that ``signed_field_names`` names, in that
order, joined by commas. A field that is not named there is not believed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from ims.providers.card import (
    Abilities,
    AmountChanged,
    Card,
    Dispute,
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
    Unreachable,
)
from ims.providers.http import Line

LIFETIME = timedelta(minutes=90)
GRACE = timedelta(minutes=10)
NAMES, SIGNATURE = "signed_field_names", "signature"

_DECISIONS = {
    "NONE": Status.CREATED,
    "PENDING": Status.STARTED,
    "REVIEW": Status.SUBMITTED,
    "ACCEPT": Status.SUCCESS,
    "DECLINE": Status.DECLINED,
    "CANCEL": Status.CANCELLED,
    "ERROR": Status.ERROR,
}
_REFUNDS = {"PENDING": RefundStatus.SUBMITTED, "ACCEPT": RefundStatus.SUCCESS, "DECLINE": RefundStatus.ERROR}


class SignedForm:
    """One merchant account at such a gateway. `key` signs what we send and verifies what we are sent."""

    abilities = Abilities(refunds=True, telephone=True, resumes=False, lists=False, settlement=False, disputes=False)

    def __init__(self, *, merchant: str, key: str, base_url: str, read_seconds: float = 15.0) -> None:
        if not (merchant and key and urlsplit(base_url).netloc):
            raise Misconfigured("A signed form needs the gateway's address, the merchant account and its key.")
        self._merchant, self._key, self._base = merchant, key, base_url.rstrip("/")
        self._line = Line(self._base, read_seconds=read_seconds)

    def create(self, request: PaymentRequest) -> Payment:
        """Sign the form that the payer's browser will post. Nothing is asked of the gateway yet."""
        expires = datetime.now(UTC) + LIFETIME
        payment_id = f"{request.reference}.{int(expires.timestamp())}"
        fields = {
            "merchant": self._merchant,
            "reference": request.reference,
            "merchant_data": payment_id,
            "amount": str(request.amount),
            "currency": "GBP",
            "description": request.description,
            "return_url": request.return_url,
            "language": request.language,
            "channel": "moto" if request.moto else "ecommerce",
            "expires": str(int(expires.timestamp())),
            "email": request.email,
        }
        step = NextStep(
            f"{self._base}/pay", "POST", sign({name: text for name, text in fields.items() if text}, self._key)
        )
        return Payment(
            payment_id=payment_id,
            reference=request.reference,
            description=request.description,
            amount=request.amount,
            total=request.amount,
            status=Status.CREATED,
            created_at=expires - LIFETIME,
            moto=request.moto,
            next_step=step,
            said={"status": "NONE"},
        )

    def fetch(self, payment_id: str) -> Payment:
        """Ask the gateway how the payment with our reference stands. What nobody posted in time has expired."""
        reference, expires = _parts(payment_id)
        found = self._ask("/query", {"reference": reference})
        decision = found.get("decision", "")
        status = _DECISIONS.get(decision, Status.UNKNOWN)
        if status is Status.CREATED and datetime.now(UTC) > expires + GRACE:
            status = Status.EXPIRED
        if found.get("reference") != reference:
            raise Nonsense("The gateway answered about another payment.")
        amount = _pence(found.get("amount", "0")) if found.get("amount") else 0
        return Payment(
            payment_id=payment_id,
            reference=reference,
            amount=amount,
            total=_pence(found["amount_paid"]) if found.get("amount_paid") else amount,
            currency=found.get("currency") or "GBP",
            status=status,
            code=found.get("reason_code", ""),
            created_at=expires - LIFETIME,
            confirmed_at=_moment(found.get("decided_at")),
            captured_on=_day(found.get("captured_on")),
            refundable=_pence(found["refundable"]) if found.get("refundable") and status is Status.SUCCESS else None,
            card=Card(brand=found.get("card_type", ""), last_four=found.get("card_last_four", "")[-4:]),
            gateway_id=found.get("transaction_id", ""),
            said={
                name: found[name]
                for name in ("decision", "amount", "amount_paid", "currency", "reason_code")
                if name in found
            }
            | {"status": decision},
        )

    def cancel(self, payment_id: str) -> None:
        """Have the gateway refuse the form from now on."""
        reference, _ = _parts(payment_id)
        if self._ask("/cancel", {"reference": reference}).get("result") != "OK":
            raise TooLate("The payment can no longer be cancelled.")

    def search(self, search: Search) -> Iterator[Payment]:
        """Nothing: the gateway lists nothing, and no payment exists before the payer posts the form."""
        return iter(())

    def refund(self, payment_id: str, *, amount: int, available: int, reference: str) -> Refund:
        """Give `amount` back, if `available` is what the gateway has left."""
        ours, _ = _parts(payment_id)
        answer = self._ask(
            "/refund",
            {"reference": ours, "amount": str(amount), "available": str(available), "refund_reference": reference},
        )
        if answer.get("result") == "CHANGED":
            raise AmountChanged("What can be refunded has changed.")
        if answer.get("result") != "OK":
            raise Refused("The gateway refused the refund.", provider_code=answer.get("reason_code", ""))
        return _refund(answer, payment_id)

    def refunds_of(self, payment_id: str) -> list[Refund]:
        """Every refund of one payment: numbered fields of one signed answer."""
        reference, _ = _parts(payment_id)
        answer = self._ask("/refunds", {"reference": reference})
        count = answer.get("count", "")
        if not (count.isascii() and count.isdigit()):
            raise Nonsense("The gateway's refunds could not be read.")
        return [
            _refund({name: answer.get(f"{name}_{number}", "") for name in _REFUND_FIELDS}, payment_id)
            for number in range(1, int(count) + 1)
        ]

    def fetch_refund(self, payment_id: str, refund_id: str) -> Refund:
        """How a refund stands now."""
        for refund in self.refunds_of(payment_id):
            if refund.refund_id == refund_id:
                return refund
        raise NotThere("The gateway knows no such refund.")

    def refunds(self, search: Search) -> Iterator[Refund]:
        """Nothing: the gateway lists nothing."""
        return iter(())

    def disputes(self, search: Search) -> Iterator[Dispute]:
        """Nothing: disputes come by post from such gateways."""
        return iter(())

    def parse_notification(self, headers: Mapping[str, str], body: bytes, *, secrets: Iterable[str]) -> Notification:
        """A posted form. It is signed with the key, or with one of `secrets` while keys are changed over."""
        fields = _form(body)
        for key in (self._key, *secrets):
            if key and _is_signed(fields, key):
                break
        else:
            raise Forged("The notification's signature is missing or wrong.")
        believed = _believed(fields)
        if believed.get("merchant") != self._merchant or not believed.get("merchant_data"):
            raise Nonsense("The notification is not about a payment of this account.")
        return Notification(
            message_id=believed.get("message_id") or f"{believed['merchant_data']}:{believed.get('decision', '')}",
            payment_id=believed["merchant_data"],
            event=believed.get("decision", ""),
            said={"status": believed.get("decision", "")},
        )

    def _ask(self, path: str, fields: Mapping[str, str]) -> dict[str, str]:
        sent = {"merchant": self._merchant, **fields, "asked_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        answer = self._line.ask("POST", path, data=sign(sent, self._key))
        if answer.status_code in (401, 403):
            raise Misconfigured("The gateway does not accept our signature.", provider_code=str(answer.status_code))
        if answer.status_code == 404:
            raise NotThere("The gateway does not know this payment.")
        if answer.status_code != 200:
            raise Unreachable(f"The gateway answered {answer.status_code}.", provider_code=str(answer.status_code))
        found = _form(answer.content)
        if not _is_signed(found, self._key):
            raise Nonsense("The gateway's answer is not signed as it should be.")
        return _believed(found)


_REFUND_FIELDS = ("refund_id", "amount", "status", "created_at")


def sign(fields: Mapping[str, str], key: str) -> dict[str, str]:
    """`fields` with the names signed and the signature over them."""
    signed = {**fields, NAMES: ",".join([*fields, NAMES])}
    return {**signed, SIGNATURE: _signature(signed, key)}


def _signature(fields: Mapping[str, str], key: str) -> str:
    text = ",".join(f"{name}={fields.get(name, '')}" for name in fields[NAMES].split(","))
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _is_signed(fields: Mapping[str, str], key: str) -> bool:
    if not fields.get(NAMES) or not fields.get(SIGNATURE) or NAMES not in fields[NAMES].split(","):
        return False
    try:
        given = base64.b64decode(fields[SIGNATURE], validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, base64.b64decode(_signature(fields, key)))


def _believed(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in fields[NAMES].split(",") if name in fields}


def _form(body: bytes) -> dict[str, str]:
    """The fields of a posted form. A name given twice could mean two things: it is not read."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=500)
    except (UnicodeDecodeError, ValueError) as error:
        raise Nonsense("The form could not be read.") from error
    if len({name for name, _ in pairs}) != len(pairs):
        raise Nonsense("The form names a field twice.")
    return dict(pairs)


def _parts(payment_id: str) -> tuple[str, datetime]:
    reference, _, expires = payment_id.rpartition(".")
    if not (reference and expires.isascii() and expires.isdigit()):
        raise NotThere("That is not a payment of this gateway.")
    return reference, datetime.fromtimestamp(int(expires), UTC)


def _refund(fields: Mapping[str, str], payment_id: str) -> Refund:
    if not fields.get("refund_id"):
        raise Nonsense("The gateway's refund could not be read.")
    return Refund(
        refund_id=fields["refund_id"],
        payment_id=payment_id,
        amount=_pence(fields.get("amount", "")),
        status=_REFUNDS.get(fields.get("status", ""), RefundStatus.UNKNOWN),
        created_at=_moment(fields.get("created_at")),
        said={"status": fields.get("status", "")},
    )


def _pence(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Nonsense(f"“{text}” is not an amount in pence.")
    return int(text)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise Nonsense("A moment could not be read.") from error


def _day(text: str | None) -> date | None:
    found = _moment(text)
    return found.date() if found else None
