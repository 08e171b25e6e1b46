"""Calling addresses that others gave us, without being led to where they must not lead: no plain HTTP, no network
inside, no redirects, and the very address that was checked is the one called.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import certifi
import urllib3
from django.conf import settings
from django.utils.crypto import salted_hmac

SECONDS = urllib3.Timeout(connect=5, read=10)
SIGNATURE = "IMS-Signature"
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Told:
    """What came of a call: the status, None without an answer, and a sentence."""

    status: int | None
    outcome: str

    @property
    def arrived(self) -> bool:
        """Whether the other side took it."""
        return self.status is not None and 200 <= self.status < 300


def secret_of(address_id: int, number: int) -> str:
    """The secret that signs what is sent to an address: worked out, never kept."""
    return "whs_" + salted_hmac("ims.api.notify", f"{address_id}:{number}", algorithm="sha256").hexdigest()


def signature(body: bytes, secrets: Sequence[str], moment: int) -> str:
    """``t=<seconds>,v1=<hex>[,v1=<hex>]``: HMAC-SHA256 of ``<seconds>.<body>`` with each secret in force."""
    signed = str(moment).encode() + b"." + body
    parts = [f"v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}" for secret in secrets]
    return ",".join([f"t={moment}", *parts])


def address_fault(url: str) -> str:
    """Why nothing may be sent to `url`, as a sentence; empty when something may. Names are not looked up here."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"“{url[:100]}” is not an address."
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password or parts.fragment:
        return f"“{url[:100]}” is not an address that can be called. Write it like https://forms.example.gov.uk/paid."
    if parts.scheme == "http" and not settings.OUTWARD_PLAIN_HTTP:
        return "The address must begin with https://, so that nobody on the way can read or change what is sent."
    if port is not None and port not in (80, 443) and not settings.OUTWARD_PRIVATE_NETWORKS:
        return f"Port {port} is not one that services on the internet use. Leave it out."
    try:
        literal = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return ""
    return _not_public(literal)


def call(url: str, body: Mapping[str, Any], secrets: Sequence[str], headers: Mapping[str, str]) -> Told:
    """Send `body`, signed. Never raises for what the other side does."""
    fault = address_fault(url)
    if fault:
        return Told(None, fault)
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    try:
        place = _resolved(parts.hostname, port)
    except OSError:
        return Told(None, f"The name {parts.hostname} is not known.")
    if isinstance(place, str) and place.startswith("!"):
        return Told(None, place[1:])
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    sent = {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "User-Agent": "IMS",
        SIGNATURE: signature(raw, secrets, int(time.time())),
        **headers,
    }
    path = parts.path or "/"
    try:
        with _pool(parts.scheme, place, port, parts.hostname) as pool:
            answer = pool.urlopen(
                "POST",
                f"{path}?{parts.query}" if parts.query else path,
                body=raw,
                headers=sent,
                redirect=False,
                retries=False,
                timeout=SECONDS,
                preload_content=False,
            )
            status = answer.status
            answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return Told(None, f"No answer ({type(error).__name__}).")
    return Told(status, "Taken." if 200 <= status < 300 else f"Answered {status}.")


def _pool(scheme: str, place: str, port: int, host: str) -> urllib3.HTTPConnectionPool:
    """A connection to the very address that was checked, proving itself as the host that was named."""
    if scheme == "http":
        return urllib3.HTTPConnectionPool(place, port, maxsize=1)
    return urllib3.HTTPSConnectionPool(
        place,
        port,
        maxsize=1,
        server_hostname=host,
        assert_hostname=host,
        cert_reqs="CERT_REQUIRED",
        ca_certs=certifi.where(),
    )


def _resolved(host: str, port: int) -> str:
    """The address `host` has, if all it has are public; else “!” and the sentence."""
    found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    for text in sorted(found):
        fault = _not_public(ipaddress.ip_address(text.partition("%")[0]))
        if fault:
            return "!" + fault
    return min(found, key=lambda text: ":" in text)


def _not_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Why `address` is none that others may send us to; empty when it is on the public internet."""
    if settings.OUTWARD_PRIVATE_NETWORKS:
        return ""
    inside = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
    if inside.is_global and not inside.is_multicast:
        return ""
    return "The address leads into a private network. Only addresses on the internet are called."
