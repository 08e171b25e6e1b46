"""What the pages for auditors name exists: tests, files, commands, addresses; and all the controls are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.urls import Resolver404, resolve

from ims.command_line.catalogue import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/architecture/controls.md", "docs/architecture/threat-model.md")
CODE = re.compile(r"`([^`\n]+)`")
STATES = ("Built", "Partly", "Not yet")


def named(page: str) -> list[str]:
    return CODE.findall((ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_every_test_and_file_named_exists(page: str):
    missing = []
    for name in named(page):
        if not re.match(r"(?:tests|ims|docs|deploy)/", name):
            continue
        file, _, test = name.partition("::")
        path = ROOT / file
        if not path.exists() or (test and test not in _tests_in(path)):
            missing.append(name)
    assert missing == []
    assert sum("::" in name for name in named(page)) > 20


def _tests_in(path: Path) -> set[str]:
    """The names of a file's tests as pytest writes them, those of a class behind its name."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{method.name}" for method in node.body if isinstance(method, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_command_named_exists(page: str):
    commands = {name.split()[1] for name in named(page) if name.startswith("ims ")}
    assert commands
    assert commands <= set(COMMANDS)


def test_every_address_named_exists():
    missing = []
    for page in PAGES:
        for name in named(page):
            if name.startswith("/"):
                try:
                    resolve(name)
                except Resolver404:
                    missing.append(name)
    assert missing == []


def test_all_fifty_seven_controls_are_answered():
    text = (ROOT / "docs/architecture/controls.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if re.match(r"\| \d", line)
    ]
    assert [int(row[0]) for row in rows] == list(range(1, 58))
    for number, _, state, does, where, how in rows:
        assert state in STATES, number
        assert does, number
        if state != "Not yet":
            assert where, f"control {number} does not say where to see it"
            assert how, f"control {number} does not say how to test it"


def test_each_flow_of_the_picture_has_its_threats():
    text = (ROOT / "docs/architecture/threat-model.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r"-- (\d)", text))
    assert drawn == set(re.findall(r"^## (\d)\.", text, re.MULTILINE))
    for section in re.split(r"^## \d\.", text, flags=re.MULTILINE)[1:]:
        rows = re.findall(r"^\| ([STRIDE, ]+): .+ \| .+ \| (.+) \|$", section.split("## What is open")[0], re.MULTILINE)
        assert rows
        assert all("`" in control for _, control in rows)
