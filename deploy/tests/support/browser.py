"""A person's browser, as far as signing in goes: TLS, cookies and forms, nothing skipped."""

from __future__ import annotations

import base64
import hmac
import http.client
import http.cookiejar
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

from support.lab import ADDRESS

ENOUGH = 40
"""Requests from which a load says something."""
PATIENCE = 100
"""Seconds a person waits before they count as refused: on an overloaded machine a start alone takes a quarter of it."""


class _Connection(http.client.HTTPSConnection):
    """Connects to the lab's host whatever the name, and checks the certificate for the name."""

    authority: Path

    def connect(self) -> None:
        context = ssl.create_default_context(cafile=str(self.authority))
        raw = socket.create_connection((ADDRESS, 443), timeout=PATIENCE)
        self.sock = context.wrap_socket(raw, server_hostname=self.host)


class _Handler(urllib.request.HTTPSHandler):
    def __init__(self, authority: Path) -> None:
        super().__init__()
        self._kind = type("Connection", (_Connection,), {"authority": authority})

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._kind, request)  # type: ignore[arg-type]


class Browser:
    """One person's session with one council."""

    def __init__(self, hostname: str, authority: Path) -> None:
        self.hostname, self.authority = hostname, authority
        self.cookies = http.cookiejar.CookieJar()
        handlers = [_Handler(authority), urllib.request.HTTPCookieProcessor(self.cookies)]
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)

    def get(self, path: str) -> tuple[str, str]:
        """The address a page ended up at, and its text. Raises for a status of 400 and above."""
        with self.opener.open(f"https://{self.hostname}{path}", timeout=PATIENCE) as answer:
            return answer.geturl(), answer.read().decode("utf-8")

    def post(self, path: str, **fields: str) -> tuple[str, str]:
        """Fill the form on the page at `path` in and send it."""
        return self.send(path, self.get(path)[1], **fields)

    def send(self, path: str, page: str, **fields: str) -> tuple[str, str]:
        """Fill the form on `page` in, which is shown at `path`, and send it."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, f"{path} has no form"
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        request = urllib.request.Request(f"https://{self.hostname}{path}", data=data)
        request.add_header("Referer", f"https://{self.hostname}{path}")
        with self.opener.open(request, timeout=PATIENCE) as answer:
            return answer.geturl(), answer.read().decode("utf-8")

    def sign_in(self, username: str, password: str, app: AuthenticatorApp) -> tuple[str, str]:
        """Sign in on the page that "/" leads to, with a code from the app where one is asked for."""
        address, page = self.get("/")
        name = "login" if 'name="login"' in page else "username"
        address, page = self.send(self._path(address), page, **{name: username, "password": password})
        if "second-factor" in address:
            address, page = self.send(self._path(address), page, code=app.code())
        assert not signed_out(address), f"{username} could not sign in: {address}"
        return address, page

    def add_second_factor(self, app: AuthenticatorApp) -> None:
        """Add an authenticator app to the account that is signed in, where the application wants one."""
        if "/account/" not in self.get("/")[0]:
            return
        _, page = self.get("/account/app/")
        key = re.search(r"<code[^>]*>([A-Z2-7]{16,})</code>", page)
        assert key, "the page to add an app shows no key"
        app.key = key[1]
        self.send("/account/app/", page, code=app.code())

    def _path(self, address: str) -> str:
        return address.removeprefix(f"https://{self.hostname}")


def signed_out(address: str) -> bool:
    """Whether a page ended up at a sign-in page."""
    return "login" in address or "sign-in" in address


class AuthenticatorApp:
    """An app on a telephone (RFC 6238). Its key is kept in a file; it waits rather than give a code twice."""

    def __init__(self, kept: Path) -> None:
        self.kept, self._last = kept, 0

    @property
    def key(self) -> str:
        return self.kept.read_text(encoding="ascii")

    @key.setter
    def key(self, key: str) -> None:
        self.kept.write_text(key, encoding="ascii")

    def code(self) -> str:
        while (step := int(time.time()) // 30) == self._last:
            time.sleep(0.5)
        self._last = step
        padded = self.key + "=" * (-len(self.key) % 8)
        digest = hmac.digest(base64.b32decode(padded), struct.pack(">Q", step), "sha1")
        start = digest[-1] & 15
        return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


class Load:
    """Four people asking for pages without pause, counting what they are refused."""

    def __init__(self, browser: Browser) -> None:
        """All four use the session that is signed in in `browser`."""
        self.browser = browser
        self.asked = 0
        self.refused: list[str] = []
        self.slowest = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Load:
        self._people = [threading.Thread(target=self._ask) for _ in range(4)]
        for person in self._people:
            person.start()
        return self

    def __exit__(self, *_: object) -> None:
        # On a busy machine what was to be survived can be over before enough was asked.
        deadline = time.monotonic() + 90
        while self.asked < ENOUGH and time.monotonic() < deadline:
            time.sleep(0.5)
        self._stop.set()
        for person in self._people:
            person.join()

    def _ask(self) -> None:
        browser = Browser(self.browser.hostname, self.browser.authority)
        for cookie in self.browser.cookies:
            browser.cookies.set_cookie(cookie)
        while not self._stop.is_set():
            began, problem = time.monotonic(), ""
            try:
                address, _ = browser.get("/")
                problem = "signed out" if signed_out(address) else ""
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            with self._lock:
                self.asked += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
                if problem:
                    self.refused.append(problem)
            time.sleep(0.02)
