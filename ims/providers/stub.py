"""A card provider that runs without a network: for the demonstration, for training, for tests.

It plays the provider's part, so it keeps its own books outside our database, in a small file. Its card page asks for no
card: it offers the ways a payment can end. Production refuses it (see `ims.payments.checks`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets as randomness
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from ims.providers.card import (
    Abilities,
    AmountChanged,
    Card,
    Dispute,
    DisputeStatus,
    Forged,
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

LIFETIME = timedelta(minutes=90)
FEE_PENCE = 20
FEE_PER_THOUSAND = 12
OUTCOMES = {
    "pay": (Status.SUCCESS, "", "The payment succeeds"),
    "decline": (Status.DECLINED, "P0010", "The card is declined"),
    "cancel": (Status.CANCELLED, "P0030", "The payer cancels"),
    "error": (Status.ERROR, "P0050", "The provider has a fault"),
}
"""What can be chosen on the card page: how the payment stands then, the provider's code, and the label."""

_UNFINISHED = (Status.CREATED, Status.STARTED, Status.SUBMITTED)
_TABLES = """
CREATE TABLE IF NOT EXISTS payment (id TEXT PRIMARY KEY, account TEXT, reference TEXT, token TEXT UNIQUE, facts TEXT);
CREATE INDEX IF NOT EXISTS payment_reference ON payment (account, reference);
CREATE TABLE IF NOT EXISTS refund (id TEXT PRIMARY KEY, account TEXT, payment TEXT, facts TEXT);
CREATE INDEX IF NOT EXISTS refund_payment ON refund (payment);
CREATE TABLE IF NOT EXISTS dispute (id TEXT PRIMARY KEY, account TEXT, payment TEXT, facts TEXT);
"""


class Books:
    """The stub's own books: one small file, shared by every process of the machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._own = threading.local()
        connection = self._connection()
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_TABLES)

    def _connection(self) -> sqlite3.Connection:
        """This thread's own connection, kept open: closing the last one has SQLite tidy the whole file each time."""
        kept, process = getattr(self._own, "kept", (None, 0))
        if kept is None or process != os.getpid():  # a connection does not survive a fork
            kept = sqlite3.connect(self._path, timeout=20, isolation_level=None)
            kept.execute("PRAGMA synchronous=NORMAL")
            self._own.kept = kept, os.getpid()
        return kept

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other writer overlaps."""
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def facts(self, question: str, *values: Any) -> list[dict[str, Any]]:
        """The facts of every row that `question`, a SELECT of one column, finds."""
        return [json.loads(row[0]) for row in self._connection().execute(question, values)]


def _id(kind: str) -> str:
    return f"stub{kind}{randomness.token_hex(10)}"


def _now() -> datetime:
    return datetime.now(UTC)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


class StubProvider:
    """One account of the stub. `page` is the address of its card page, to which a token is added."""

    abilities = Abilities(refunds=True, disputes=True, settlement=True, telephone=True, resumes=True, lists=True)

    def __init__(self, *, books: Books, account: str, page: str) -> None:
        self._books, self._account, self._page = books, account, page

    def create(self, request: PaymentRequest) -> Payment:
        """Write the payment down; its next step is the stub's own card page."""
        facts = {
            "payment_id": _id("p"),
            "account": self._account,
            "reference": request.reference,
            "amount": request.amount,
            "description": request.description,
            "return_url": request.return_url,
            "moto": request.moto,
            "metadata": dict(request.metadata),
            "status": Status.CREATED,
            "created_at": _now().isoformat(),
            "refunded": 0,
            "token": randomness.token_urlsafe(24),
        }
        with self._books.writing() as connection:
            connection.execute(
                "INSERT INTO payment VALUES (?, ?, ?, ?, ?)",
                [facts["payment_id"], self._account, request.reference, facts["token"], json.dumps(facts)],
            )
        return self._payment(facts)

    def fetch(self, payment_id: str) -> Payment:
        """How the payment stands; one that nobody finished in ninety minutes has expired."""
        return self._payment(self._read(payment_id))

    def cancel(self, payment_id: str) -> None:
        """Stop an unfinished payment."""
        with self._books.writing() as connection:
            facts = _row(connection, payment_id, self._account)
            if facts["status"] not in _UNFINISHED:
                raise TooLate("The payment is finished and cannot be cancelled.", provider_code="P0501")
            facts |= {"status": Status.CANCELLED, "code": "P0040"}
            _save(connection, facts)

    def search(self, search: Search) -> Iterator[Payment]:
        """Payments of this account that fit, newest first."""
        if search.reference:
            question = "SELECT facts FROM payment WHERE account = ? AND reference = ? ORDER BY rowid DESC"
            found = self._books.facts(question, self._account, search.reference)
        else:
            found = self._books.facts("SELECT facts FROM payment WHERE account = ? ORDER BY rowid DESC", self._account)
        return (payment for payment in map(self._payment, found) if _fits(payment, search))

    def refund(self, payment_id: str, *, amount: int, available: int, reference: str) -> Refund:
        """Take the refund in; it is on its way until the day's end is played."""
        with self._books.writing() as connection:
            facts = _row(connection, payment_id, self._account)
            if facts["status"] != Status.SUCCESS or facts.get("disputed"):
                raise Refused("This payment cannot be refunded.", provider_code="P0603")
            left = facts["amount"] - facts["refunded"]
            if available != left:
                raise AmountChanged("What is left to refund has changed.", provider_code="P0604")
            if not 0 < amount <= left:
                raise Refused("More is asked than is left to refund.", provider_code="P0603")
            facts["refunded"] += amount
            _save(connection, facts)
            refund = {
                "refund_id": _id("r"),
                "payment_id": payment_id,
                "amount": amount,
                "reference": reference,
                "status": RefundStatus.SUBMITTED,
                "created_at": _now().isoformat(),
            }
            connection.execute(
                "INSERT INTO refund VALUES (?, ?, ?, ?)",
                [refund["refund_id"], self._account, payment_id, json.dumps(refund)],
            )
        return _refund(refund)

    def refunds_of(self, payment_id: str) -> list[Refund]:
        """Every refund of one payment."""
        question = "SELECT facts FROM refund WHERE account = ? AND payment = ? ORDER BY rowid"
        return [_refund(facts) for facts in self._books.facts(question, self._account, payment_id)]

    def fetch_refund(self, payment_id: str, refund_id: str) -> Refund:
        """How a refund stands."""
        found = [refund for refund in self.refunds_of(payment_id) if refund.refund_id == refund_id]
        if not found:
            raise NotThere("The stub knows no such refund.", provider_code="P0700")
        return found[0]

    def refunds(self, search: Search) -> Iterator[Refund]:
        """Refunds of this account that fit."""
        question = "SELECT facts FROM refund WHERE account = ? ORDER BY rowid DESC"
        found = (_refund(facts) for facts in self._books.facts(question, self._account))
        return (refund for refund in found if _fits(refund, search))

    def disputes(self, search: Search) -> Iterator[Dispute]:
        """Disputes of this account that fit."""
        question = "SELECT facts FROM dispute WHERE account = ? ORDER BY rowid DESC"
        found = (_dispute(facts) for facts in self._books.facts(question, self._account))
        return (dispute for dispute in found if _fits(dispute, search))

    def parse_notification(self, headers: Mapping[str, str], body: bytes, *, secrets: Iterable[str]) -> Notification:
        """A message signed as `sign` signs."""
        given = {name.lower(): value for name, value in headers.items()}.get("stub-signature", "")
        if not any(hmac.compare_digest(sign(body, secret), given) for secret in secrets):
            raise Forged("The notification is not signed by the stub provider.")
        try:
            message = json.loads(body)
            return Notification(
                message_id=str(message["message_id"]),
                payment_id=str(message["payment_id"]),
                event=str(message.get("event", "")),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Nonsense("The notification could not be read.") from error

    # -- the provider's own side: its card page, and the passing of its days ------------------------------------------

    def settle(self, day: date, *, captured_on: date | None = None) -> int:
        """Play the provider's night: capture what was paid, finish refunds, pay everything out on `day`.

        Returns the number of payments, refunds and lost disputes in the payout.
        """
        count = 0
        with self._books.writing() as connection:
            for (text,) in connection.execute(
                "SELECT facts FROM payment WHERE account = ?", [self._account]
            ).fetchall():
                facts = json.loads(text)
                if facts["status"] == Status.SUCCESS and not facts.get("settled_on"):
                    fee = FEE_PENCE + facts["amount"] * FEE_PER_THOUSAND // 1000
                    facts |= {
                        "captured_on": (captured_on or day).isoformat(),
                        "settled_on": day.isoformat(),
                        "fee": fee,
                    }
                    _save(connection, facts)
                    count += 1
            for table in ("refund", "dispute"):
                rows = connection.execute(f"SELECT facts FROM {table} WHERE account = ?", [self._account])  # noqa: S608
                for (text,) in rows.fetchall():
                    facts = json.loads(text)
                    if table == "refund" and facts["status"] == RefundStatus.SUBMITTED:
                        facts["status"] = RefundStatus.SUCCESS
                    elif table == "refund" or facts["status"] != DisputeStatus.LOST or facts.get("settled_on"):
                        continue
                    facts["settled_on"] = day.isoformat()
                    key = facts[f"{table}_id"]
                    connection.execute(
                        f"UPDATE {table} SET facts = ? WHERE id = ?",  # noqa: S608 - a name of ours
                        [json.dumps(facts), key],
                    )
                    count += 1
        return count

    def capture(self, payment_id: str, day: date) -> None:
        """Take the money of a successful payment, as the provider does some hours later."""
        with self._books.writing() as connection:
            facts = _row(connection, payment_id, self._account)
            _save(connection, facts | {"captured_on": day.isoformat()})

    def fail_refund(self, refund_id: str) -> None:
        """Have a refund fail: the card was closed, say. The amount can be refunded again."""
        with self._books.writing() as connection:
            row = connection.execute("SELECT facts FROM refund WHERE id = ?", [refund_id]).fetchone()
            refund = json.loads(row[0]) | {"status": RefundStatus.ERROR}
            connection.execute("UPDATE refund SET facts = ? WHERE id = ?", [json.dumps(refund), refund_id])
            facts = _row(connection, refund["payment_id"], self._account)
            facts["refunded"] -= refund["amount"]
            _save(connection, facts)

    def raise_dispute(self, payment_id: str, *, respond_by: date, reason: str = "fraudulent", fee: int = 2000) -> str:
        """Have the payer's bank dispute a payment; returns the dispute's id."""
        with self._books.writing() as connection:
            facts = _row(connection, payment_id, self._account)
            _save(connection, facts | {"disputed": True})
            dispute = {
                "dispute_id": _id("d"),
                "payment_id": payment_id,
                "amount": facts["amount"],
                "fee": fee,
                "status": DisputeStatus.NEEDS_RESPONSE,
                "reason": reason,
                "respond_by": respond_by.isoformat(),
                "created_at": _now().isoformat(),
            }
            connection.execute(
                "INSERT INTO dispute VALUES (?, ?, ?, ?)",
                [dispute["dispute_id"], self._account, payment_id, json.dumps(dispute)],
            )
        return dispute["dispute_id"]

    def decide_dispute(self, dispute_id: str, status: DisputeStatus) -> None:
        """Have the payer's bank decide."""
        with self._books.writing() as connection:
            row = connection.execute("SELECT facts FROM dispute WHERE id = ?", [dispute_id]).fetchone()
            facts = json.loads(row[0]) | {"status": status}
            connection.execute("UPDATE dispute SET facts = ? WHERE id = ?", [json.dumps(facts), dispute_id])

    def fail_after_success(self, payment_id: str) -> None:
        """Have capture fail for good: what had succeeded becomes an error, as it rarely does."""
        with self._books.writing() as connection:
            facts = _row(connection, payment_id, self._account)
            _save(connection, facts | {"status": Status.ERROR, "code": "P0050"})

    def _read(self, payment_id: str) -> dict[str, Any]:
        found = self._books.facts("SELECT facts FROM payment WHERE id = ? AND account = ?", payment_id, self._account)
        if not found:
            raise NotThere("The stub knows no such payment.", provider_code="P0200")
        return found[0]

    def _payment(self, facts: Mapping[str, Any]) -> Payment:
        status = Status(facts["status"])
        code = facts.get("code", "")
        created = datetime.fromisoformat(facts["created_at"])
        if status in _UNFINISHED and _now() - created > LIFETIME:
            status, code = Status.EXPIRED, "P0020"
        fee = facts.get("fee")
        refundable = facts["amount"] - facts["refunded"] if status == Status.SUCCESS else None
        step = NextStep(f"{self._page}{facts['token']}") if status in _UNFINISHED else None
        confirmed = facts.get("confirmed_at")
        return Payment(
            payment_id=facts["payment_id"],
            reference=facts["reference"],
            description=facts["description"],
            amount=facts["amount"],
            total=facts.get("paid", facts["amount"]),
            status=status,
            code=code,
            created_at=created,
            confirmed_at=datetime.fromisoformat(confirmed) if confirmed else None,
            captured_on=_day(facts.get("captured_on")),
            settled_on=_day(facts.get("settled_on")),
            fee=fee,
            net=None if fee is None else facts["amount"] - fee,
            refundable=None if facts.get("disputed") else refundable,
            card=Card(brand="Visa", last_four="4242", kind="debit") if status == Status.SUCCESS else Card(),
            gateway_id=f"gw_{facts['payment_id'][-12:]}",
            moto=facts["moto"],
            next_step=step,
            metadata=facts["metadata"],
            said={"status": str(status), "amount": facts["amount"], **({"code": code} if code else {})},
        )


def sign(body: bytes, secret: str) -> str:
    """The stub's signature of a message: HMAC-SHA256 of its bytes, in hexadecimal."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def payment_at(books: Books, token: str) -> dict[str, Any] | None:
    """What the card page shows for `token`: description, amount in pence, status; None for a wrong token."""
    found = books.facts("SELECT facts FROM payment WHERE token = ?", token)
    return found[0] if found else None


def choose(books: Books, token: str, outcome: str) -> str:
    """End the payment of `token` as `outcome` (of `OUTCOMES`) says; return the address the payer is sent back to.

    Raises `Refused` when it is finished or has expired: a card page left open too long pays nothing.
    """
    status, code, _ = OUTCOMES[outcome]
    with books.writing() as connection:
        row = connection.execute("SELECT facts FROM payment WHERE token = ?", [token]).fetchone()
        if row is None:
            raise NotThere("There is no such payment.")
        facts = json.loads(row[0])
        expired = _now() - datetime.fromisoformat(facts["created_at"]) > LIFETIME
        if facts["status"] not in _UNFINISHED or expired:
            raise Refused("This payment is finished.")
        facts |= {"status": status, "code": code}
        if status == Status.SUCCESS:
            facts["confirmed_at"] = _now().isoformat()
        _save(connection, facts)
    return facts["return_url"]


def _row(connection: sqlite3.Connection, payment_id: str, account: str) -> dict[str, Any]:
    row = connection.execute("SELECT facts FROM payment WHERE id = ? AND account = ?", [payment_id, account]).fetchone()
    if row is None:
        raise NotThere("The stub knows no such payment.", provider_code="P0200")
    return json.loads(row[0])


def _save(connection: sqlite3.Connection, facts: Mapping[str, Any]) -> None:
    connection.execute("UPDATE payment SET facts = ? WHERE id = ?", [json.dumps(facts), facts["payment_id"]])


def _refund(facts: Mapping[str, Any]) -> Refund:
    return Refund(
        refund_id=facts["refund_id"],
        payment_id=facts["payment_id"],
        amount=facts["amount"],
        status=RefundStatus(facts["status"]),
        created_at=datetime.fromisoformat(facts["created_at"]),
        settled_on=_day(facts.get("settled_on")),
        said={"status": facts["status"], "amount": facts["amount"]},
    )


def _dispute(facts: Mapping[str, Any]) -> Dispute:
    lost = facts["status"] == DisputeStatus.LOST
    return Dispute(
        dispute_id=facts["dispute_id"],
        payment_id=facts["payment_id"],
        amount=facts["amount"],
        fee=facts["fee"],
        net=-(facts["amount"] + facts["fee"]) if lost else None,
        status=DisputeStatus(facts["status"]),
        reason=facts["reason"],
        respond_by=_day(facts["respond_by"]),
        created_at=datetime.fromisoformat(facts["created_at"]),
        settled_on=_day(facts.get("settled_on")),
        said={"status": facts["status"], "reason": facts["reason"]},
    )


def _fits(found: Payment | Refund | Dispute, search: Search) -> bool:
    created, settled = found.created_at, found.settled_on
    return not (
        (search.created_from and created and created < search.created_from)
        or (search.created_to and created and created > search.created_to)
        or (search.settled_from and (settled is None or settled < search.settled_from))
        or (search.settled_to and (settled is None or settled > search.settled_to))
    )
