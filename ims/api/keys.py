"""What a key of an API client looks like, and what is kept of it."""

from __future__ import annotations

import hashlib

START = "ims_"


def digest_of(secret: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(secret.encode()).hexdigest()
