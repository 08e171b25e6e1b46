"""Documents are true: links resolve, generated pages are current, the layers table matches the contract."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ims.settings import data_dictionary
from ims.settings.documentation import page

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    path
    for path in sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("ims/**/README.md")})
    if "node_modules" not in path.parts
]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_repository_resolve(document: Path):
    targets = [
        link for link in LINK.findall(document.read_text()) if "://" not in link and not link.startswith("mailto:")
    ]
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert missing == []


def test_the_configuration_page_is_current():
    assert (ROOT / "docs/architecture/configuration.md").read_text() == page()


def test_the_data_dictionary_is_current():
    assert (ROOT / "docs/architecture/data-dictionary.md").read_text() == data_dictionary.page(), (
        "Write it again: python -m ims.settings.data_dictionary > docs/architecture/data-dictionary.md"
    )


def test_every_diagram_is_of_a_kind_that_renders_and_is_closed():
    for document in PAGES:
        text = document.read_text()
        for diagram in re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL):
            assert diagram.split()[0] in {"flowchart", "sequenceDiagram", "stateDiagram-v2", "erDiagram"}, document
            assert len(re.findall(r"^\s*subgraph\b", diagram, re.M)) == len(re.findall(r"^\s*end$", diagram, re.M)), (
                document
            )


def test_every_room_stands_in_the_layers_and_in_the_overview():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    layers = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    rooms = {path.parent.name for path in ROOT.glob("ims/*/__init__.py")}
    assert rooms == layers
    overview = (ROOT / "docs/architecture/README.md").read_text()
    assert [room for room in sorted(rooms) if f"`{room}`" not in overview] == []


def test_every_decision_has_a_number_of_its_own_and_stands_in_the_overview():
    decisions = sorted((ROOT / "docs/architecture/decisions").glob("*.md"))
    numbers = list(range(1, len(decisions) + 1))
    assert [int(path.name[:4]) for path in decisions] == numbers
    assert [int(path.read_text().split(".")[0].removeprefix("# ")) for path in decisions] == numbers
    overview = (ROOT / "docs/architecture/README.md").read_text()
    assert [path.name for path in decisions if f"decisions/{path.name}" not in overview] == []


def test_every_decision_says_how_it_is_checked():
    decisions = sorted((ROOT / "docs/architecture/decisions").glob("[0-9]*.md"))
    assert len(decisions) >= 10
    assert [path.name for path in decisions if "How we check it" not in path.read_text()] == []
