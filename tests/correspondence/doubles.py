"""GOV.UK Notify and a mail server outside us: real servers on the loopback address, with the contract's own rules.

Notify's double checks what Notify checks: the token (signature, issuer, thirty seconds), required and unknown keys, the
reference's length; it remembers what it took, and can be told to misbehave.
"""

from __future__ import annotations

import json
import re
import socketserver
import threading
import time
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

SERVICE, SECRET = "26785a09-ab16-4eb0-8407-a37497a57506", "3d844edf-8d35-48ac-975b-e847b4f122b0"
KEY = f"ims_receipts-{SERVICE}-{SECRET}"
TEMPLATE = "f33517ff-2a88-4f6e-b855-c550268ce08a"


class NotifyDouble:
    """What Notify holds, and how it shall behave."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.requests = 0
        self.trouble: list[str] = []
        """What to do with the next requests: “500”, “429”, “lost” (taken, but no answer), “drop” (not even taken)."""
        self.address = ""

    def status(self, reference: str, status: str) -> None:
        for each in self.taken:
            if each["reference"] == reference:
                each["status"] = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or "{}")
        if not self._let_in():
            return
        double: NotifyDouble = self.server.double
        kind = urlsplit(self.path).path.rsplit("/", 1)[-1]
        fault = _fault(kind, body)
        if fault:
            self._answer(400, {"status_code": 400, "errors": [{"error": "ValidationError", "message": fault}]})
            return
        trouble = double.trouble.pop(0) if double.trouble else ""
        if trouble == "drop":
            self.close_connection = True
            self.connection.close()
            return
        if trouble in ("500", "429"):
            self._answer(int(trouble), {"status_code": int(trouble), "errors": [{"error": "x", "message": "x"}]})
            return
        made = {"id": str(uuid.uuid4()), "type": kind, "status": "created", **body}
        double.taken.append(made)
        if trouble == "lost":
            self.close_connection = True
            self.connection.close()
            return
        self._answer(201, {"id": made["id"], "reference": body["reference"], "content": {}, "uri": "", "template": {}})

    def do_GET(self) -> None:
        if not self._let_in():
            return
        double: NotifyDouble = self.server.double
        parts = urlsplit(self.path)
        if parts.path == "/v2/notifications":
            reference = parse_qs(parts.query).get("reference", [""])[0]
            found = [each for each in double.taken if each["reference"] == reference]
            self._answer(200, {"notifications": found, "links": {}})
            return
        found = [each for each in double.taken if each["id"] == parts.path.rsplit("/", 1)[-1]]
        if found:
            self._answer(200, found[0])
        else:
            self._answer(
                404, {"status_code": 404, "errors": [{"error": "NoResultFound", "message": "No result found"}]}
            )

    def _let_in(self) -> bool:
        self.server.double.requests += 1
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, SECRET, algorithms=["HS256"], issuer=SERVICE, options={"verify_iat": False})
            if abs(time.time() - claims["iat"]) > 30:
                raise jwt.InvalidTokenError("Your system clock must be accurate")
        except jwt.InvalidTokenError as error:
            self._answer(403, {"status_code": 403, "errors": [{"error": "AuthError", "message": str(error)}]})
            return False
        return True

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


_ALLOWED = {
    "email": {"email_address", "template_id", "personalisation", "reference", "email_reply_to_id"},
    "sms": {"phone_number", "template_id", "personalisation", "reference", "sms_sender_id"},
    "letter": {"template_id", "personalisation", "reference"},
}


def _fault(kind: str, body: dict[str, Any]) -> str:
    unknown = set(body) - _ALLOWED.get(kind, set())
    if unknown:
        return f"Additional properties are not allowed ({unknown})"
    if body.get("template_id") != TEMPLATE:
        return "Template not found"
    values = body.get("personalisation", {})
    if "body" not in values or (kind != "sms" and "subject" not in values):
        return "Missing personalisation"
    if kind == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", body.get("email_address", "")):
        return "email_address Not a valid email address"
    if kind == "sms" and not re.fullmatch(r"\+?[0-9 ]{9,15}", body.get("phone_number", "")):
        return "phone_number Not a valid phone number"
    if kind == "letter" and not all(f"address_line_{line}" in values for line in (1, 2, 3)):
        return "Address must be at least 3 lines"
    last = max((name for name in values if name.startswith("address_line_")), default="")
    if kind == "letter" and not re.fullmatch(r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}", values[last]):
        return "Last line of address must be a real UK postcode or another country"
    return "" if len(body.get("reference", "")) <= 1000 else "reference too long"


@contextmanager
def notify():
    """A running double of Notify."""
    double = NotifyDouble()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.double = double
    server.daemon_threads = True
    double.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()


class MailDouble:
    """What a mail server took, and how it shall behave: “drop” breaks off after the text, “550” and “450” refuse."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.trouble = ""
        self.port = 0


class _Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        double: MailDouble = self.server.double
        self._say("220 double ESMTP")
        while line := self.rfile.readline():
            verb = line.decode().strip().split(" ")[0].upper()
            if verb in ("EHLO", "HELO"):
                self._say("250 double")
            elif verb == "RCPT" and double.trouble in ("550", "450"):
                self._say(f"{double.trouble} No such mailbox")
            elif verb == "DATA":
                self._say("354 Go on")
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += self.rfile.readline()
                double.taken.append(text.decode())
                if double.trouble == "drop":
                    return
                self._say("250 Taken")
            elif verb == "QUIT":
                self._say("221 Bye")
                return
            else:
                self._say("250 OK")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail():
    """A running mail server."""
    double = MailDouble()
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail)
    server.daemon_threads = True
    server.double = double
    double.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
