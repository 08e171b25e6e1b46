"""Every format has its line on the index and its page, and every line and page has its format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ims.formats.profile import builtin_names
from ims.formats.registry import FORMATS
from ims.imports.seed import seeds

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "formats"
LINE = re.compile(r"\| `([a-z0-9.-]+)` \| .+ \| `([a-z0-9_./-]+)` \| (`[a-z0-9-]+`|on demand) \| \[.+\]\((.+)\) \|")


@dataclass(frozen=True)
class Line:
    """A line of the index."""

    format: str
    module: str
    profile: str
    page: str


def lines() -> list[Line]:
    return [Line(*found.groups()) for found in LINE.finditer((PAGES / "README.md").read_text())]


def test_the_index_names_every_format_and_layout_once():
    assert sorted(line.format for line in lines()) == sorted({*FORMATS, *builtin_names()})


def test_each_line_names_the_module_that_reads_it():
    for line in lines():
        assert (ROOT / "ims" / "formats" / line.module).is_file(), line
        if line.module == f"profiles/{line.format}.json":
            continue
        reader = FORMATS[line.format].read
        module = getattr(reader, "func", reader).__module__
        assert f"ims.formats.{line.module.removesuffix('.py').replace('/', '.')}" == module, line


def test_the_index_names_the_profiles_that_come_with_ims():
    named = {line.profile.strip("`") for line in lines()} - {"on demand"}
    assert named == {seed.code for seed in seeds()}


def test_every_page_is_linked_and_names_its_formats():
    linked = {line.page for line in lines()}
    assert linked == {path.name for path in PAGES.glob("*.md")} - {"README.md"}
    for line in lines():
        text = (PAGES / line.page).read_text()
        assert line.format in text or f"`-{line.format.removeprefix('bacs-')}`" in text, line


def test_every_page_says_what_is_unconfirmed_or_where_it_was_confirmed():
    for page in {line.page for line in lines()}:
        text = (PAGES / page).read_text()
        assert re.search(r"(?i)not confirmed|unconfirmed|confirmed against", text), page
