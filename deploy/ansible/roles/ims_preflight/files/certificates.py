"""Look at the certificates councils provide, before any host is given one.

    certificates.py FOLDER        reads [{"code", "hostname", "public_hostname"}, ...] on its standard input

Refuses, with one sentence on its standard error, a certificate that is missing, is for another address, has run out, or
does not belong to its key.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def main() -> int:
    folder = Path(sys.argv[1])
    for council in json.load(sys.stdin):
        for hostname in filter(None, (council["hostname"], council["public_hostname"])):
            problem = wrong(folder / council["code"], hostname)
            if problem:
                print(f"{council['code']}: {problem}", file=sys.stderr)
                return 1
    return 0


def wrong(base: Path, hostname: str) -> str:
    """What is wrong with the certificate BASE.crt and its key; empty when nothing is."""
    certificate, key = base.with_name(f"{base.name}.crt"), base.with_name(f"{base.name}.key")
    for path in (certificate, key):
        if not path.exists():
            return f"certificate is “provided”, and {path} is not there."
    names = openssl("x509", "-noout", "-checkhost", hostname, "-in", str(certificate))
    if "does match" not in names:
        return f"{certificate} is not for {hostname}. ({names.strip() or 'it cannot be read'})"
    if "will not expire" not in openssl("x509", "-noout", "-checkend", "86400", "-in", str(certificate)):
        return f"{certificate} has run out, or runs out within a day."
    public = openssl("x509", "-noout", "-pubkey", "-in", str(certificate))
    if public != openssl("pkey", "-pubout", "-passin", "pass:", "-in", str(key)):
        return f"{key} is not the key of {certificate}, or is protected by a password."
    return ""


def openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
