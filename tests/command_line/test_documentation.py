"""What docs/command-line.md says of the commands is true."""

from __future__ import annotations

import re
import shlex

import pytest

from ims.command_line.catalogue import COMMANDS
from tests.command_line.running import ROOT, WITHOUT_DATABASE, ims

TEXT = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n\$ ims ([^\n]*)\n(.*?)```", TEXT, re.DOTALL)
AT_ONCE = [(line, output) for line, output in BLOCKS if not COMMANDS[line.split()[0]].needs_database]


def test_every_command_is_explained_with_what_it_needs():
    for name, command in COMMANDS.items():
        assert f"\n## {name}\n" in TEXT
        assert f"[`{name}`](#{name})" in TEXT
        assert command.does[:40] in TEXT, name


def test_there_are_examples_to_run():
    assert len(AT_ONCE) >= 4


@pytest.mark.parametrize(("line", "output"), AT_ONCE, ids=[line.split()[0] for line, _ in AT_ONCE])
def test_an_example_prints_what_the_page_shows(line, output):
    ran = ims(*shlex.split(line), **WITHOUT_DATABASE)
    assert ran.code in (0, 1)
    assert ran.output == output
