"""One council's secrets, in a file encrypted by ansible-vault.

    vault.py VAULT_FILE PASSWORD_FILE [--renew NAME...] [--forget] [--check]

Adds the secrets that are missing, replaces those to be renewed, and prints {"changed": true or false, "values": {...}}:
call it only where its output is not logged. What people added with ansible-vault edit is kept: secrets of the
application (IMS_…) are under "further" of the values, and those under "named", by their names, under "named".
What a former secret key signed or encrypted stays readable: "former_secret_keys" holds the last two, until --forget.
With --check nothing is written.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import sys
from pathlib import Path

import yaml
from ansible.parsing.vault import AnsibleVaultError, VaultLib, VaultSecret

NAMES = ("secret_key", "database_password", "database_owner_password", "backup_key")
"""What a council has of its own: signing of sessions, the two database roles, and the key of its backups."""

FORMER_KEPT = 2

FURTHER = re.compile(r"IMS_[A-Z0-9_]+")
NAMED = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("vault", type=Path)
    parser.add_argument("password", type=Path)
    parser.add_argument("--renew", nargs="*", default=[], choices=[name for name in NAMES if name != "backup_key"])
    parser.add_argument("--forget", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    os.umask(0o077)
    key = password(options.password, may_make=not options.vault.exists() and not options.check)
    values = read(options.vault, key)
    before = values.pop("former_secret_keys", None) or []
    former = [] if options.forget else before
    if "secret_key" in options.renew and values.get("secret_key") and not options.forget:
        former = [values["secret_key"], *former][:FORMER_KEPT]
    named = {str(name): str(value) for name, value in (values.pop("named", None) or {}).items()}
    strange = [name for name in values if name not in NAMES and not FURTHER.fullmatch(name)]
    strange += [name for name in named if not NAMED.fullmatch(name)]
    if strange:
        raise SystemExit(
            f"{options.vault} holds “{strange[0]}”, which is no secret of IMS: their names begin with IMS_."
        )
    further = {name: value for name, value in values.items() if name not in NAMES}
    wanted = {name: values.get(name) for name in NAMES}
    for name in NAMES:
        if wanted[name] is None or name in options.renew:
            wanted[name] = secrets.token_urlsafe(48)
    changed = former != before or any(wanted[name] != values.get(name) for name in NAMES)
    if changed and not options.check:
        write(options.vault, key, {**wanted, **further, "named": named, "former_secret_keys": former})
    handed = {"further": {name: written(value) for name, value in further.items()}, "named": named}
    print(json.dumps({"changed": changed, "values": wanted | handed | {"former_secret_keys": former}}))
    return 0


def written(value: object) -> str:
    """A secret as the application reads it from a file: a mapping or a list, written out in the vault, as JSON."""
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def password(path: Path, *, may_make: bool) -> VaultLib:
    """The vault opened by the password in `path`, which is made when nothing is encrypted with it yet."""
    if not path.exists() and may_make:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_urlsafe(32) + "\n", encoding="ascii")
    if not path.exists():
        if not may_make and "--check" in sys.argv:
            return VaultLib([("council", VaultSecret(b"nothing-is-encrypted-with-this"))])
        raise SystemExit(f"{path} is not there, so the council's secrets cannot be read. Put its copy back.")
    return VaultLib([("council", VaultSecret(path.read_bytes().strip()))])


def read(path: Path, key: VaultLib) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        return dict(yaml.safe_load(key.decrypt(path.read_bytes())))
    except AnsibleVaultError:
        raise SystemExit(
            f"{path} cannot be opened with that password. It is another council's, or an old one."
        ) from None


def write(path: Path, key: VaultLib, values: dict[str, str]) -> None:
    """Written whole or not at all: losing the key of a backup is losing the backup."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(key.encrypt(yaml.safe_dump(values)) + b"\n")
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
