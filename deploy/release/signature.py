"""Signing a finished archive, with OpenSSH's own signatures: any SSH key serves, also one in an agent or on a token."""

from __future__ import annotations

import subprocess
from pathlib import Path

NAMESPACE = "ims-release"
"""What the signature is for: a signature made for another purpose is not accepted in its place."""


class SigningRefused(Exception):
    """The archive cannot be signed; the message says why and what to do."""


def key_of(path: Path | None) -> Path:
    """The key to sign with. Raises `SigningRefused` when there is none, before anything is built."""
    if path is None:
        raise SigningRefused(
            "no key to sign with. Name one with --key, or in IMS_RELEASE_KEY. To make one:\n"
            "  ssh-keygen -t ed25519 -C releases -f ~/.ssh/ims-release\n"
            "and put the line in ~/.ssh/ims-release.pub into ims_release_signers of the inventories that trust it."
        )
    if not path.exists():
        raise SigningRefused(f"there is no key at {path}")
    return path


def sign(archive: Path, key: Path) -> Path:
    """Write ARCHIVE.sig beside the archive, replacing an older one; return its path."""
    signature = Path(f"{archive}.sig")
    signature.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", NAMESPACE, str(archive)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not signature.exists():
        raise SigningRefused(f"{key} did not sign the archive: {done.stderr.strip()}")
    signature.chmod(0o644)
    return signature
