"""The bank sample files and the facts known about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "bank"


def facts(*folders: str) -> list[Any]:
    """One pytest parameter (path, facts) for each sample file; a skipped one where the samples are absent."""
    if not FOLDER.is_dir():
        return [pytest.param(None, None, marks=pytest.mark.skip(reason=f"the sample files are not in {FOLDER}"))]
    found = []
    for folder in folders:
        for file in json.loads((FOLDER / folder / "index.json").read_text())["files"]:
            path = FOLDER / folder / file["file"]
            found.append(pytest.param(path, file["expected"], id=f"{folder}/{file['file']}"))
    return found


def sample(folder: str, name: str) -> bytes:
    """The bytes of one sample file; skips the test where it is absent."""
    path = FOLDER / folder / name
    if not path.is_file():
        pytest.skip(f"the sample file {path} is absent")
    return path.read_bytes()
