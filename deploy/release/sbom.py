"""The bill of materials, in CycloneDX 1.5, read from the wheels themselves."""

from __future__ import annotations

import json
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from release.manifest import sha256


def write(target: Path, *, version: str, wheels: Path) -> None:
    """Write the bill of materials of every wheel in `wheels` to `target`."""
    components = [_component(wheel) for wheel in sorted(wheels.glob("*.whl")) if not wheel.name.startswith("ims-")]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "ims", "version": version, "bom-ref": "ims"}},
        "components": components,
    }
    target.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _component(wheel: Path) -> dict[str, Any]:
    facts = _metadata(wheel)
    name, version = facts["Name"], facts["Version"]
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": wheel.name,
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
        "hashes": [{"alg": "SHA-256", "content": sha256(wheel)}],
    }
    licence = facts.get("License-Expression") or _licence_of_classifiers(facts.get_all("Classifier") or [])
    if licence:
        component["licenses"] = [{"license": {"name": licence}}]
    return component


def _metadata(wheel: Path) -> Any:
    with zipfile.ZipFile(wheel) as archive:
        name = next(entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode("utf-8"))


def _licence_of_classifiers(classifiers: list[str]) -> str:
    named = [line.rsplit(" :: ", 1)[-1] for line in classifiers if line.startswith("License :: OSI Approved :: ")]
    return " or ".join(named)
