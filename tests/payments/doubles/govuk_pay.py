"""GOV.UK Pay, played by a real HTTP server with a memory: create → card page → confirm → capture → settle, refunds,
disputes, webhooks, and everything that goes wrong on the way. Prism judges its answers against the public contract.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import string
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

UNFINISHED = ("created", "started", "submitted")
TIME = "%Y-%m-%dT%H:%M:%S.%f"


def new_id() -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(26))


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(TIME)[:-3] + "Z"


@dataclass
class Fault:
    """Something that goes wrong once: `what` is a status, or `drop_before`, `drop_after`, `hang`, `garbage`."""

    method: str
    path: str
    what: str


@dataclass
class GovUkPayDouble:
    """One GOV.UK Pay for several services, told apart by their keys."""

    keys: dict[str, str] = field(default_factory=lambda: {"api_test_main": "main"})
    webhook_url: str = ""
    webhook_secret: str = ""
    search_lags: bool = False
    created_at: datetime | None = None
    """Payments are made at this moment instead of now."""

    def __post_init__(self) -> None:
        self.payments: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, str] = {}
        self.faults: deque[Fault] = deque()
        self.asked: list[tuple[str, str]] = []
        self.lock = threading.RLock()
        self.stopping = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()

    # -- what the payer, the acquirer and the clock do ---------------------------------------------------------------

    def pay(self, payment_id: str, outcome: str = "success", code: str = "") -> None:
        """End a payment as the payer or the acquirer does."""
        with self.lock:
            payment = self.payments[payment_id]
            payment["state"] = {"status": outcome, "finished": outcome not in UNFINISHED}
            if code:
                payment["state"] |= {"code": code, "message": "As the double was told"}
            if outcome == "success":
                payment["card_details"] = {
                    "card_brand": "Visa",
                    "card_type": "debit",
                    "last_digits_card_number": "4242",
                    "first_digits_card_number": "424242",
                    "expiry_date": "12/29",
                    "cardholder_name": "Zoë Ó Briain",
                    "billing_address": None,
                    "wallet_type": None,
                }
                payment["settlement_summary"] = {"capture_submit_time": stamp(datetime.now(UTC))}
                payment["refund_summary"] = {
                    "status": "available",
                    "amount_available": payment.get("total_amount", payment["amount"]),
                    "amount_submitted": 0,
                }
                payment["provider_id"] = f"pi_{payment_id[:8]}"
        event = "card_payment_succeeded" if outcome == "success" else "card_payment_failed"
        self.send_webhook(payment_id, event)

    def expire(self, payment_id: str) -> None:
        self.pay(payment_id, "failed", "P0020")

    def capture(self, payment_id: str, day: date) -> None:
        with self.lock:
            payment = self.payments[payment_id]
            payment["settlement_summary"]["captured_date"] = day.isoformat()
            payment["fee"] = 20 + payment["amount"] * 12 // 1000
            payment["net_amount"] = payment["amount"] - payment["fee"]

    def settle(self, day: date) -> None:
        """Pay everything captured or refunded out on `day`."""
        with self.lock:
            for payment in self.payments.values():
                if payment["state"]["status"] == "success" and "settled" not in payment:
                    if "captured_date" not in payment["settlement_summary"]:
                        self.capture(payment["payment_id"], day)
                    payment["settled"] = day.isoformat()
            for refund in self.refunds.values():
                if refund["status"] == "success" and not refund["settlement_summary"]:
                    refund["settlement_summary"] = {"settled_date": day.isoformat()}
            for dispute in self.disputes.values():
                if dispute["status"] == "lost" and not dispute.get("settlement_summary"):
                    dispute["settlement_summary"] = {"settled_date": day.isoformat()}

    def end_refund(self, refund_id: str, status: str) -> None:
        with self.lock:
            refund = self.refunds[refund_id]
            refund["status"] = status
            if status == "error":
                summary = self.payments[refund["payment_id"]]["refund_summary"]
                summary["amount_available"] += refund["amount"]
                summary["amount_submitted"] -= refund["amount"]
                summary["status"] = "available"

    def refund_outside(self, payment_id: str, amount: int) -> str:
        """What an officer does in Pay's own admin tool."""
        return self._refund(self.payments[payment_id], amount)["refund_id"]

    def dispute(self, payment_id: str, status: str = "needs_response") -> str:
        with self.lock:
            payment = self.payments[payment_id]
            dispute = {
                "dispute_id": new_id(),
                "payment_id": payment_id,
                "account": payment["account"],
                "amount": payment["amount"],
                "created_date": stamp(datetime.now(UTC)),
                "evidence_due_date": stamp(datetime.now(UTC) + timedelta(days=9)),
                "reason": "fraudulent",
                "status": status,
                "_links": {"payment": {"href": f"{self.url}/v1/payments/{payment_id}", "method": "GET"}},
            }
            self.disputes[dispute["dispute_id"]] = dispute
            payment["refund_summary"]["status"] = "unavailable"
            return dispute["dispute_id"]

    def decide(self, dispute_id: str, status: str) -> None:
        dispute = self.disputes[dispute_id]
        dispute["status"] = status
        if status == "lost":
            dispute |= {"fee": 1500, "net_amount": -(dispute["amount"] + 1500)}

    def send_webhook(self, payment_id: str, event: str, *, secret: str = "", message_id: str = "") -> int | None:
        """Tell the council's IMS, in the sender's own words for states. The answer's status; None without address."""
        if not self.webhook_url:
            return None
        payment = self.payments[payment_id]
        resource = {key: value for key, value in payment.items() if key not in ("account", "settled", "_links")}
        code = payment["state"].get("code")
        words = {"P0010": "declined", "P0020": "timedout", "P0030": "cancelled"}
        resource["state"] = {**payment["state"], "status": words.get(code, payment["state"]["status"])}
        body = json.dumps(
            {
                "webhook_message_id": message_id or new_id(),
                "created_date": stamp(datetime.now(UTC)),
                "resource_id": payment_id,
                "api_version": 1,
                "resource_type": "PAYMENT",
                "event_type": event,
                "resource": resource,
            },
            ensure_ascii=False,
            indent=1,
        ).encode()
        signature = hmac.new((secret or self.webhook_secret).encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "Pay-Signature": signature}
        return requests.post(self.webhook_url, data=body, headers=headers, timeout=5).status_code

    # -- the API ------------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, account: str) -> tuple[int, Any]:
        parts = path.strip("/").split("/")[1:]
        with self.lock:
            match (method, *parts):
                case ("POST", "payments"):
                    return self._create(body or {}, account)
                case ("GET", "payments"):
                    return self._search(query, account)
                case ("GET", "payments", payment_id):
                    payment = self._owned(payment_id, account)
                    return (200, self._shown(payment)) if payment else _error(404, "P0200")
                case ("POST", "payments", payment_id, "cancel"):
                    return self._cancel(payment_id, account)
                case ("POST", "payments", payment_id, "refunds"):
                    return self._post_refund(payment_id, body or {}, account)
                case ("GET", "payments", payment_id, "refunds"):
                    return self._list_refunds(payment_id, account)
                case ("GET", "payments", payment_id, "refunds", refund_id):
                    refund = self.refunds.get(refund_id)
                    known = refund and refund["payment_id"] == payment_id and self._owned(payment_id, account)
                    return (200, _without(refund)) if known else _error(404, "P0700")
                case ("GET", "refunds"):
                    return self._search_refunds(query, account)
                case ("GET", "disputes"):
                    return self._search_disputes(query, account)
        return _error(404, "P0200")

    def _owned(self, payment_id: str, account: str) -> dict[str, Any] | None:
        payment = self.payments.get(payment_id)
        return payment if payment and payment["account"] == account else None

    def _create(self, body: dict[str, Any], account: str) -> tuple[int, Any]:
        for name in ("amount", "reference", "description"):
            if name not in body:
                return _error(400, "P0101", name)
        if type(body["amount"]) is not int:
            return _error(400, "P0102", "amount")
        if not 1 <= body["amount"] <= 10_000_000:
            return _error(422, "P0102", "amount")
        if any(mark in body[name] for name in ("reference", "description") for mark in "<>|"):
            return _error(422, "P0102", "description")
        if "return_url" not in body:
            return _error(400, "P0101", "return_url")
        payment_id = new_id()
        self.payments[payment_id] = {
            "payment_id": payment_id,
            "account": account,
            "amount": body["amount"],
            "reference": body["reference"],
            "description": body["description"],
            "return_url": body["return_url"],
            "language": body.get("language", "en"),
            "email": body.get("email"),
            "metadata": body.get("metadata"),
            "moto": body.get("moto", False),
            "delayed_capture": False,
            "payment_provider": "sandbox",
            "created_date": stamp(self.created_at or datetime.now(UTC)),
            "state": {"status": "created", "finished": False},
            "refund_summary": {"status": "pending", "amount_available": body["amount"], "amount_submitted": 0},
            "settlement_summary": {},
            "a_key_of_next_year": {"nobody": "knows"},
        }
        return 201, self._shown(self.payments[payment_id])

    def _shown(self, payment: dict[str, Any], *, in_search: bool = False) -> dict[str, Any]:
        shown = {
            key: value for key, value in payment.items() if key not in ("account", "settled") and value is not None
        }
        api = f"{self.url}/v1/payments/{payment['payment_id']}"
        shown["_links"] = {
            "self": {"href": api, "method": "GET"},
            "events": {"href": f"{api}/events", "method": "GET"},
            "refunds": {"href": f"{api}/refunds", "method": "GET"},
        }
        if in_search:
            # Only the reporting store knows when a payment was paid out; and it lags.
            if "settled" in payment:
                shown["settlement_summary"] = {**payment["settlement_summary"], "settled_date": payment["settled"]}
            if self.search_lags and payment["state"]["status"] == "success" and "settled" not in payment:
                shown["state"] = {"status": "submitted", "finished": False}
            return shown
        if payment["state"]["status"] in UNFINISHED:
            token = secrets.token_urlsafe(16)
            self.tokens[token] = payment["payment_id"]
            shown["_links"]["next_url"] = {"href": f"{self.url}/secure/{token}", "method": "GET"}
            shown["_links"]["cancel"] = {"href": f"{api}/cancel", "method": "POST"}
        return shown

    def _search(self, query: dict[str, str], account: str) -> tuple[int, Any]:
        found = [payment for payment in self.payments.values() if payment["account"] == account]
        found.reverse()
        if "reference" in query:
            found = [payment for payment in found if payment["reference"].lower() == query["reference"].lower()]
        found = [payment for payment in found if _within(payment["created_date"], query, "from_date", "to_date")]
        if "from_settled_date" in query or "to_settled_date" in query:
            found = [
                payment
                for payment in found
                if "settled" in payment and _within(payment["settled"], query, "from_settled_date", "to_settled_date")
            ]
        return _page(query, [self._shown(payment, in_search=True) for payment in found], "P0402")

    def _cancel(self, payment_id: str, account: str) -> tuple[int, Any]:
        payment = self._owned(payment_id, account)
        if payment is None:
            return _error(404, "P0500")
        if payment["state"]["status"] not in UNFINISHED:
            return _error(400, "P0501")
        payment["state"] = {"status": "cancelled", "finished": True, "code": "P0040", "message": "Cancelled by service"}
        return 204, None

    def _post_refund(self, payment_id: str, body: dict[str, Any], account: str) -> tuple[int, Any]:
        payment = self._owned(payment_id, account)
        if payment is None:
            return _error(404, "P0600")
        summary = payment["refund_summary"]
        if summary["status"] != "available":
            return _error(400, "P0603")
        if body.get("refund_amount_available") not in (None, summary["amount_available"]):
            return _error(412, "P0604")
        if body["amount"] > summary["amount_available"]:
            return _error(400, "P0603")
        return 202, _without(self._refund(payment, body["amount"]))

    def _refund(self, payment: dict[str, Any], amount: int) -> dict[str, Any]:
        summary = payment["refund_summary"]
        summary["amount_available"] -= amount
        summary["amount_submitted"] += amount
        summary["status"] = "available" if summary["amount_available"] else "full"
        refund = {
            "refund_id": new_id(),
            "payment_id": payment["payment_id"],
            "account": payment["account"],
            "amount": amount,
            "created_date": stamp(datetime.now(UTC)),
            "status": "submitted",
            "settlement_summary": {},
        }
        self.refunds[refund["refund_id"]] = refund
        return refund

    def _list_refunds(self, payment_id: str, account: str) -> tuple[int, Any]:
        if self._owned(payment_id, account) is None:
            return _error(404, "P0800")
        rows = [_without(refund) for refund in self.refunds.values() if refund["payment_id"] == payment_id]
        link = {"href": f"{self.url}/v1/payments/{payment_id}", "method": "GET"}
        return 200, {"payment_id": payment_id, "_links": {"payment": link}, "_embedded": {"refunds": rows}}

    def _search_refunds(self, query: dict[str, str], account: str) -> tuple[int, Any]:
        rows = []
        for refund in reversed(list(self.refunds.values())):
            settled = refund["settlement_summary"].get("settled_date", "")
            dated = {"from_settled_date", "to_settled_date"} & set(query)
            if refund["account"] != account or not _within(refund["created_date"], query, "from_date", "to_date"):
                continue
            if dated and (not settled or not _within(settled, query, "from_settled_date", "to_settled_date")):
                continue
            rows.append({**_without(refund), "payment_id": refund["payment_id"]})
        return _page(query, rows, "P1100")

    def _search_disputes(self, query: dict[str, str], account: str) -> tuple[int, Any]:
        rows = []
        for dispute in reversed(list(self.disputes.values())):
            settled = (dispute.get("settlement_summary") or {}).get("settled_date", "")
            dated = {"from_settled_date", "to_settled_date"} & set(query)
            if dispute["account"] != account:
                continue
            if dated and (not settled or not _within(settled, query, "from_settled_date", "to_settled_date")):
                continue
            rows.append({key: value for key, value in dispute.items() if key != "account"})
        return _page(query, rows, "P0402", links="links")


def _without(refund: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in refund.items() if key not in ("account", "payment_id")}


def _within(value: str, query: dict[str, str], first: str, last: str) -> bool:
    """Exclusive below and inclusive above, as the real one is and its documentation is not."""
    start, end = query.get(first, ""), query.get(last, "")
    return not ((start and value <= start) or (end and value[: len(end)] > end))


def _page(query: dict[str, str], rows: list[Any], past_the_end: str, *, links: str = "_links") -> tuple[int, Any]:
    page, size = int(query.get("page", 1)), int(query.get("display_size", 500))
    shown = rows[(page - 1) * size : page * size]
    if page > 1 and not shown:
        return _error(404, past_the_end)
    return 200, {"total": len(rows), "count": len(shown), "page": page, "results": shown, links: {}}


def _error(status: int, code: str, name: str = "") -> tuple[int, Any]:
    return status, {"code": code, "description": "The double says no", **({"field": name} if name else {})}


def _handler(pay: GovUkPayDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self, method: str) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            if parts.path.startswith("/secure/"):
                self._card_page(method, parts.path.removeprefix("/secure/"), raw)
                return
            pay.asked.append((method, parts.path))
            fault = self._fault(method, parts.path)
            if fault == "drop_before":
                self.close_connection = True
                return
            if fault == "hang":
                pay.stopping.wait(30)
                self.close_connection = True
                return
            if fault and fault.isdigit():
                self._send(int(fault), {"code": "P0900" if fault == "429" else "P0198", "description": "told to"})
                return
            account = pay.keys.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
            if account is None:
                self._send(401, None)
                return
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            body = json.loads(raw) if raw else None
            status, answer = pay.answer(method, parts.path, query, body, account)
            if fault == "drop_after":
                self.close_connection = True
                return
            if fault == "garbage":
                self._send_bytes(200, b"<html>gateway</html>", "text/html")
                return
            self._send(status, answer)

        def _fault(self, method: str, path: str) -> str:
            with pay.lock:
                for fault in list(pay.faults):
                    if fault.method == method and path.startswith(fault.path):
                        pay.faults.remove(fault)
                        return fault.what
            return ""

        def _card_page(self, method: str, token: str, raw: bytes) -> None:
            payment_id = pay.tokens.get(token)
            payment = pay.payments.get(payment_id or "")
            if payment is None or payment["state"]["status"] not in UNFINISHED:
                self._send_bytes(410, b"<h1>This link has been used</h1>", "text/html")
                return
            if method == "GET":
                payment["state"] = {"status": "started", "finished": False}
                page = "<form method=post><button name=outcome value=success>Pay</button></form>"
                self._send_bytes(200, page.encode(), "text/html")
                return
            del pay.tokens[token]
            outcome = parse_qs(raw.decode()).get("outcome", ["success"])[0]
            status, _, code = outcome.partition(" ")
            threading.Thread(target=pay.pay, args=[payment_id, status, code], daemon=True).run()
            self.send_response(302)
            self.send_header("Location", payment["return_url"])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, status: int, answer: Any) -> None:
            self._send_bytes(status, b"" if answer is None else json.dumps(answer).encode(), "application/json")

        def _send_bytes(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
