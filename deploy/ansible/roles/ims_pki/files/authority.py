"""The installation's own certificate authority, kept on the control node.

    authority.py DIRECTORY NAME ALTERNATIVE_NAME...

Makes the authority when there is none, and a certificate for NAME when there is none, when its names changed, or when
less than a third of its life is left. Prints {"changed": true or false}.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

AUTHORITY_DAYS = 3650
LEAF_DAYS = 395
RENEW_SECONDS = LEAF_DAYS * 86400 // 3

AUTHORITY_EXTENSIONS = ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign"]
LEAF_EXTENSIONS = """\
basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth,clientAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


def main() -> int:
    os.umask(0o077)
    directory, name, *alternatives = Path(sys.argv[1]), *sys.argv[2:]
    directory.mkdir(parents=True, exist_ok=True)
    changed = make_authority(directory)
    changed = issue(directory, name, sorted(alternatives)) or changed
    print(json.dumps({"changed": changed}))
    return 0


def make_authority(directory: Path) -> bool:
    """The authority's key and certificate; False when they are there already."""
    if (directory / "authority.crt").exists():
        return False
    password = directory / "password"
    if not password.exists():
        password.write_text(secrets.token_urlsafe(32) + "\n", encoding="ascii")
    command = ["req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-days", str(AUTHORITY_DAYS), "-subj", "/CN=IMS internal authority", "-passout", f"file:{password}"]
    for extension in AUTHORITY_EXTENSIONS:
        command += ["-addext", extension]
    openssl(*command, "-keyout", str(directory / "authority.key"), "-out", str(directory / "authority.crt"))
    return True


def issue(directory: Path, name: str, alternatives: list[str]) -> bool:
    """A certificate for `name`; False when the one there is good for long enough and for the same names."""
    certificate, key, wanted = (directory / f"{name}.{kind}" for kind in ("crt", "key", "names"))
    names = ",".join(alternatives)
    if certificate.exists() and wanted.exists() and wanted.read_text(encoding="utf-8") == names and good(certificate):
        return False
    request, extensions = directory / f"{name}.csr", directory / f"{name}.ext"
    openssl(
        *["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
        *["-subj", f"/CN={name[:64]}", "-keyout", str(key), "-out", str(request)],
    )
    extensions.write_text(f"{LEAF_EXTENSIONS}subjectAltName={names}\n", encoding="utf-8")
    openssl(
        *["x509", "-req", "-in", str(request), "-out", str(certificate), "-days", str(LEAF_DAYS)],
        *["-CA", str(directory / "authority.crt"), "-CAkey", str(directory / "authority.key")],
        *["-passin", f"file:{directory / 'password'}", "-set_serial", str(secrets.randbits(120))],
        *["-extfile", str(extensions)],
    )
    wanted.write_text(names, encoding="utf-8")
    request.unlink()
    extensions.unlink()
    return True


def good(certificate: Path) -> bool:
    """Whether more than a third of the certificate's life is left."""
    command = ["openssl", "x509", "-checkend", str(RENEW_SECONDS), "-noout", "-in", str(certificate)]
    return subprocess.run(command, capture_output=True).returncode == 0


def openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main())
