"""A gateway with a hosted page, played by a real HTTP server: signed forms in, signed forms out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode

import requests


def signature_of(fields: dict[str, str], key: str) -> str:
    """Written anew here, so that the client's own idea of a signature is not its own judge."""
    text = ",".join(name + "=" + fields.get(name, "") for name in fields["signed_field_names"].split(","))
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


def signed(fields: dict[str, str], key: str) -> dict[str, str]:
    names = ",".join([*fields, "signed_field_names"])
    complete = {**fields, "signed_field_names": names}
    return {**complete, "signature": signature_of(complete, key)}


class SignedFormDouble:
    """The gateway, its payer, and what goes wrong."""

    def __init__(self, key: str = "shared key", merchant: str = "council") -> None:
        self.key, self.merchant = key, merchant
        self.payments: dict[str, dict[str, Any]] = {}
        self.cancelled: set[str] = set()
        self.notify_url = ""
        self.lies = False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def pay(self, fields: dict[str, str], decision: str = "ACCEPT", **paid: str) -> int:
        """The payer's browser posts the form, and the payer decides. The status of the gateway's page."""
        answer = requests.post(f"{self.url}/pay", data=fields, timeout=5)
        if answer.status_code == 200:
            self.payments[fields["reference"]] |= {"decision": decision, **paid}
            self.notify(fields["reference"])
        return answer.status_code

    def notify(self, reference: str, *, key: str = "", decision: str = "") -> int | None:
        if not self.notify_url:
            return None
        payment = self.payments[reference]
        fields = {
            "merchant": self.merchant,
            "reference": reference,
            "merchant_data": payment["merchant_data"],
            "decision": decision or payment["decision"],
            "message_id": secrets.token_hex(8),
        }
        return requests.post(self.notify_url, data=signed(fields, key or self.key), timeout=5).status_code

    def answer(self, path: str, fields: dict[str, str]) -> tuple[int, dict[str, str]]:
        reference = fields.get("reference", "")
        payment = self.payments.get(reference)
        match path:
            case "/pay":
                if reference in self.cancelled or int(fields["expires"]) < time.time() or payment:
                    return 410, {}
                self.payments[reference] = {
                    "amount": fields["amount"],
                    "decision": "PENDING",
                    "merchant_data": fields["merchant_data"],
                    "transaction_id": secrets.token_hex(8),
                    "refunds": [],
                }
                return 200, {}
            case "/query":
                return 200, self._described(reference, payment)
            case "/cancel":
                late = payment is not None and payment["decision"] not in ("PENDING",)
                if not late:
                    self.cancelled.add(reference)
                    if payment:
                        payment["decision"] = "CANCEL"
                return 200, {"reference": reference, "result": "LATE" if late else "OK"}
            case "/refund":
                return 200, self._refund(fields, payment)
            case "/refunds":
                rows = payment["refunds"] if payment else []
                listed = {f"{name}_{n}": text for n, row in enumerate(rows, 1) for name, text in row.items()}
                return 200, {"reference": reference, "count": str(len(rows)), **listed}
        return 404, {}

    def _described(self, reference: str, payment: dict[str, Any] | None) -> dict[str, str]:
        if payment is None:
            decision = "CANCEL" if reference in self.cancelled else "NONE"
            return {"reference": reference, "decision": decision}
        kept = {name: text for name, text in payment.items() if isinstance(text, str)}
        if payment["decision"] == "ACCEPT":
            kept |= {"card_type": "Mastercard", "card_last_four": "4444", "refundable": str(self._left(payment))}
        return {"reference": reference, "currency": "GBP", **kept}

    def _left(self, payment: dict[str, Any]) -> int:
        gone = sum(int(row["amount"]) for row in payment["refunds"] if row["status"] != "DECLINE")
        return int(payment["amount"]) - gone

    def _refund(self, fields: dict[str, str], payment: dict[str, Any] | None) -> dict[str, str]:
        if payment is None or payment["decision"] != "ACCEPT":
            return {"result": "NO", "reason_code": "not_refundable"}
        if int(fields["available"]) != self._left(payment):
            return {"result": "CHANGED"}
        row = {
            "refund_id": secrets.token_hex(8),
            "amount": fields["amount"],
            "status": "PENDING",
            "created_at": "2026-11-20T10:00:00Z",
        }
        payment["refunds"].append(row)
        return {"result": "OK", **row}


def _handler(gateway: SignedFormDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            fields = dict(parse_qsl(body, keep_blank_values=True))
            if fields.get("signature") != signature_of(fields, gateway.key):
                self.send_response(403)
                self.end_headers()
                return
            status, answer = gateway.answer(self.path, fields)
            sent = signed(answer, gateway.key)
            if gateway.lies and "decision" in sent:
                sent["decision"] = "ACCEPT"
            text = urlencode(sent).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-www-form-urlencoded")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
