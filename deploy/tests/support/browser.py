"""A person's browser, as far as signing in goes: TLS, cookies and forms, nothing skipped."""

from __future__ import annotations

import http.client
import http.cookiejar
import re
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

from support.lab import ADDRESS

ENOUGH = 40
"""Requests from which a load says something."""


class _Connection(http.client.HTTPSConnection):
    """Connects to the lab's host whatever the name, and checks the certificate for the name."""

    authority: Path

    def connect(self) -> None:
        context = ssl.create_default_context(cafile=str(self.authority))
        self.sock = context.wrap_socket(socket.create_connection((ADDRESS, 443), timeout=30), server_hostname=self.host)


class _Handler(urllib.request.HTTPSHandler):
    def __init__(self, authority: Path) -> None:
        super().__init__()
        self._kind = type("Connection", (_Connection,), {"authority": authority})

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._kind, request)  # type: ignore[arg-type]


class Browser:
    """One person's session with one council."""

    def __init__(self, hostname: str, authority: Path) -> None:
        self.hostname = hostname
        self.cookies = http.cookiejar.CookieJar()
        handlers = [_Handler(authority), urllib.request.HTTPCookieProcessor(self.cookies)]
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)

    def get(self, path: str) -> tuple[str, str]:
        """The address a page ended up at, and its text. Raises for a status of 400 and above."""
        with self.opener.open(f"https://{self.hostname}{path}", timeout=30) as answer:
            return answer.geturl(), answer.read().decode("utf-8")

    def post(self, path: str, **fields: str) -> tuple[str, str]:
        """Fill the form on the page at `path` in and send it."""
        _, page = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, f"{path} has no form"
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        request = urllib.request.Request(f"https://{self.hostname}{path}", data=data)
        request.add_header("Referer", f"https://{self.hostname}{path}")
        with self.opener.open(request, timeout=30) as answer:
            return answer.geturl(), answer.read().decode("utf-8")


class Load:
    """Four people asking for pages without pause, counting what they are refused."""

    def __init__(self, hostname: str, authority: Path, *, username: str, password: str) -> None:
        self.hostname, self.authority = hostname, authority
        self.username, self.password = username, password
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
        browser = Browser(self.hostname, self.authority)
        browser.post("/admin/login/", username=self.username, password=self.password)
        while not self._stop.is_set():
            began, problem = time.monotonic(), ""
            try:
                address, _ = browser.get("/")
                problem = "" if "login" not in address else "signed out"
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            with self._lock:
                self.asked += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
                if problem:
                    self.refused.append(problem)
            time.sleep(0.02)
