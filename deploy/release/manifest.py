"""The manifest: what a host must find in the archive, and what it needs to decide before it installs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from release.contents import TARGET_PYTHONS, Facts

NAME = "manifest.json"


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(tree: Path, *, version: str, commit: str, facts: Facts, rules: dict[str, Any]) -> None:
    """Write `manifest.json` into `tree`, listing every other file with its checksum."""
    files = {str(path.relative_to(tree)): sha256(path) for path in sorted(tree.rglob("*")) if path.is_file()}
    content = {
        "name": "ims",
        "version": version,
        "commit": commit,
        "pythons": list(TARGET_PYTHONS),
        "upgradable_from": rules["upgradable_from"],
        "contracting_migrations": rules["contracting_migrations"],
        "migrations": facts.migrations,
        "variables": facts.variables,
        "files": files,
    }
    (tree / NAME).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
