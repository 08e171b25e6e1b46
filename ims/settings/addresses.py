"""Addresses in the environment: what may not be read or altered on the way, and this machine's own."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def must_be_safe(address: str) -> None:
    """Raise `ValueError` unless `address` is https, or http on this machine alone."""
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return
    raise ValueError(f"“{address}” must begin with https://")


def read_own_address(text: str) -> str:
    """The address people reach IMS at, without a slash at its end, ready for a path to follow.

    Raises `ValueError` with a sentence for anything but https:// and a host, or http:// on this machine.
    """
    address = text.strip().removesuffix("/")
    must_be_safe(address)
    parts = urlsplit(address)
    _ = parts.port  # raises `ValueError` for what is no port
    if not parts.hostname or address != f"{parts.scheme}://{parts.netloc}" or set(parts.netloc) & set('@ \\"<>'):
        raise ValueError("write https:// and the name of the host alone, like https://pay.council.example")
    return address
