"""The table of OWASP ASVS requirements: every row has a state, and what it names exists."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/architecture/asvs.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| (.+?) \| (.+?) \| (.*) \|$", PAGE, re.MULTILINE)


def test_every_row_has_a_state_and_its_grounds():
    assert len(ROWS) > 250
    assert [number for number, count in Counter(row[0] for row in ROWS).items() if count > 1] == []
    for number, requirement, state, where in ROWS:
        assert state in ("met", "partly", "not", "n/a"), number
        assert requirement, number
        assert where, number
    assert {number.partition(".")[0] for number, *_ in ROWS} == {str(n) for n in (*range(1, 15),)}


def test_the_counts_above_are_those_of_the_rows():
    counted = Counter(state for _, _, state, _ in ROWS)
    said = re.search(r"Of (\d+) requirements (\d+) are met, (\d+) partly, (\d+) not, (\d+) do not apply", PAGE)
    assert [int(each) for each in said.groups()] == [len(ROWS), *(counted[s] for s in ("met", "partly", "not", "n/a"))]


def test_every_file_and_test_named_exists():
    missing = []
    for name in re.findall(r"`((?:tests|ims|docs|deploy|requirements)/[^`]+|Makefile|pyproject\.toml)`", PAGE):
        file, _, test = name.partition("::")
        path = ROOT / file
        if not path.exists() or (
            test
            and test
            not in {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        ):
            missing.append(name)
    assert missing == []
