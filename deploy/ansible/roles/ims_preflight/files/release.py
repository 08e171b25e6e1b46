"""Look at a release archive before any host hears of it.

    release.py        reads {"archive": path, "signers": [public keys], "councils": [...]} on its standard input

Refuses, with one sentence on its standard error, an archive that is not there, that is not the one that was built, that
nobody trusted signed, or whose application does not know a setting of a council. Changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

NAMESPACE = "ims-release"
OF_THE_KIT = {"WEB_CONCURRENCY", "WORKER_CONCURRENCY", "DJANGO_SETTINGS_MODULE"}
"""Variables the services read that are not the application's."""


class Refused(Exception):
    """The release must not be installed; the message is the sentence for the operator."""


def main() -> int:
    asked = json.load(sys.stdin)
    archive = Path(asked["archive"])
    try:
        present(archive)
        whole(archive)
        signed(archive, asked["signers"])
        known(manifest(archive), asked["councils"])
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


def present(archive: Path) -> None:
    for path in (archive, Path(f"{archive}.sha256"), Path(f"{archive}.sig")):
        if not path.exists():
            raise Refused(
                f"{path} is not there. Build a release with deploy/build-release, or set ims_release_archive to where"
                " it is, with its .sha256 and .sig beside it."
            )


def whole(archive: Path) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if Path(f"{archive}.sha256").read_text(encoding="ascii").split()[:1] != [found]:
        raise Refused(
            f"{archive.name} does not have the checksum its .sha256 file gives. It was damaged or altered on the way:"
            " fetch it again, and do not install it."
        )


def signed(archive: Path, signers: list[str]) -> None:
    if not signers:
        raise Refused(
            "ims_release_signers names nobody, so no release can be trusted. Put the public keys of those who build"
            " your releases into it, each as a line such as ssh-ed25519 AAAA…"
        )
    with tempfile.NamedTemporaryFile("w", suffix=".signers") as allowed, archive.open("rb") as content:
        allowed.writelines(f'ims-release namespaces="{NAMESPACE}" {line.strip()}\n' for line in signers)
        allowed.flush()
        command = ["ssh-keygen", "-Y", "verify", "-f", allowed.name, "-I", "ims-release", "-n", NAMESPACE]
        done = subprocess.run([*command, "-s", f"{archive}.sig"], stdin=content, capture_output=True, text=True)
    if done.returncode:
        raise Refused(
            f"{archive.name} was not signed by anybody in ims_release_signers. Do not install it; ask whoever gave it"
            f" to you where it comes from. (ssh-keygen says: {(done.stderr or done.stdout).strip()})"
        )


def manifest(archive: Path) -> dict[str, Any]:
    """The manifest, which is the archive's first file."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if Path(member.name).name == "manifest.json" and (file := tar.extractfile(member)):
                return dict(json.load(file))
    raise Refused(f"{archive.name} holds no manifest: it is not a release of IMS.")


def known(facts: dict[str, Any], councils: list[dict[str, Any]]) -> None:
    variables = facts["variables"]
    for council in councils:
        for name in council.get("settings", {}):
            if name not in variables and name not in OF_THE_KIT:
                raise Refused(
                    f"{council['code']}: IMS {facts['version']} knows no setting {name}."
                    " See docs/architecture/configuration.md for those it knows."
                )
            if variables.get(name, {}).get("secret"):
                raise Refused(
                    f"{council['code']}: {name} is a secret and may not stand in the council's file. Put it into"
                    f" secrets/{council['code']}.vault.yml with ansible-vault edit."
                )


if __name__ == "__main__":
    sys.exit(main())
