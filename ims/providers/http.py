"""One way to talk HTTP to a provider: short patience, no redirects followed, every failure one of our own errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from ims.providers.card import Misconfigured, Nonsense, Unreachable

CONNECT_SECONDS = 3.05
READ_SECONDS = 15.0
LARGEST_ANSWER = 32 * 1024 * 1024
_LOCAL = {"127.0.0.1", "localhost", "::1"}


class Line:
    """A connection to one provider. Not shared between threads: made for each client."""

    def __init__(self, base_url: str, *, headers: Mapping[str, str] | None = None, read_seconds: float = READ_SECONDS):
        self._base = base_url.rstrip("/")
        parts = urlsplit(self._base)
        if parts.scheme != "https" and parts.hostname not in _LOCAL:
            raise Misconfigured("A provider is talked to over https only. Correct its address.")
        self._session = requests.Session()
        # Proxies and credentials from the environment are the machine's, not this account's.
        self._session.trust_env = False
        self._session.headers.update({"Accept": "application/json", "User-Agent": "ims", **(headers or {})})
        self._read_seconds = read_seconds

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Ask, and return whatever was answered. Raises `Unreachable` when nothing usable was."""
        try:
            answer = self._session.request(
                method,
                self._base + path,
                timeout=(CONNECT_SECONDS, self._read_seconds),
                allow_redirects=False,
                **options,
            )
        except requests.RequestException as error:
            raise Unreachable(f"The provider did not answer ({type(error).__name__}).") from error
        if answer.status_code == 429:
            raise Unreachable("The provider was asked too often.", provider_code="429", retry_after=_seconds(answer))
        if answer.status_code >= 500:
            raise Unreachable(
                f"The provider has a fault ({answer.status_code}).", provider_code=str(answer.status_code)
            )
        if 300 <= answer.status_code < 400:
            raise Nonsense(f"The provider sent us elsewhere ({answer.status_code}).")
        return answer


def json_of(answer: requests.Response) -> dict[str, Any]:
    """The JSON object in an answer. Raises `Nonsense` for anything else."""
    if len(answer.content) > LARGEST_ANSWER:
        raise Nonsense("The provider's answer is too long to be true.")
    try:
        found = answer.json()
    except ValueError as error:
        raise Nonsense("The provider's answer could not be read.") from error
    if not isinstance(found, dict):
        raise Nonsense("The provider's answer could not be read.")
    return found


def _seconds(answer: requests.Response) -> int | None:
    text = answer.headers.get("Retry-After", "")
    return min(int(text), 3600) if text.isascii() and text.isdigit() else None
