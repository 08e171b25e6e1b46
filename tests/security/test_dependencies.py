"""What IMS is built of: every library locked by its hash, under a licence we may use, in no version known to be faulty.

Works without a network: known faults are those that people wrote into `requirements/advisories.json` (its `source`
says how, its `checked_on` when), so passing means “in no version on that list”, no more. `make audit` asks the public
databases, where there is a network.
"""

from __future__ import annotations

import json
import re
import warnings
from datetime import date, timedelta
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
LOCKS = ("application.txt", "development.txt", "deploy.txt")
OLD_AFTER = timedelta(days=120)

LICENCES = (
    "mit", "bsd", "apache", "isc", "psf", "python software foundation", "mozilla public license 2", "mpl-2.0",
    "mpl 2.0", "lgpl", "lesser general public", "unlicense", "0bsd", "zlib", "cc0", "public domain", "postgresql",
    "hpnd", "blueoak", "python-2.0",
)  # fmt: skip
"""Words of licences under which a library may be used by, and shipped beside, a work under MIT."""

READ_BY_HAND: dict[str, str] = {}
"""Libraries whose metadata do not say, with what their own licence file says."""


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Each library of a lock file: its version, and how many hashes it is held to."""
    text = (REQUIREMENTS / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(\S+)(.*)", line.strip())
        if match:
            found[canonical(match[1])] = (match[2], match[3].count("--hash=sha256:"))
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_every_library_is_locked_to_its_hashes(name):
    found = locked(name)
    assert len(found) > 10
    assert [library for library, (_, hashes) in found.items() if not hashes] == []
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")
    assert not re.search(r"^(?:-e|--find-links|git\+|https?:)", text, re.MULTILINE)


def test_what_is_declared_is_locked():
    import tomllib

    project = tomllib.loads((REQUIREMENTS.parent / "pyproject.toml").read_text())["project"]
    found = locked("application.txt")
    for text in project["dependencies"]:
        wanted = Requirement(text)
        assert canonical(wanted.name) in found, f"{wanted.name} is declared and not locked"
        assert wanted.specifier.contains(found[canonical(wanted.name)][0]), text


def advisories() -> dict:
    return json.loads((REQUIREMENTS / "advisories.json").read_text(encoding="utf-8"))


def faulty(libraries: dict[str, tuple[str, int]]) -> list[str]:
    return [
        f"{each['package']} {libraries[each['package']][0]}: {each['id']}, {each['summary']}"
        for each in advisories()["advisories"]
        if each["package"] in libraries
        and SpecifierSet(each["affected"]).contains(Version(libraries[each["package"]][0]), prereleases=True)
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_no_locked_version_is_known_to_be_faulty(name):
    assert faulty(locked(name)) == []


def test_a_faulty_version_would_be_named():
    assert faulty({"django": ("5.2.1", 1)}) != []
    assert faulty({"django": ("5.2.19", 1)}) == []


def test_the_list_of_faults_says_how_old_it_is_and_that_it_is_made_by_hand():
    assert "by hand" in advisories()["source"]
    assert "make audit" in advisories()["source"]
    age = date.today() - date.fromisoformat(advisories()["checked_on"])
    if age > OLD_AFTER:
        warnings.warn(f"requirements/advisories.json was last looked through {age.days} days ago.", stacklevel=1)
    assert age >= timedelta(0)


def licence_of(distribution: Distribution) -> str:
    told = distribution.metadata
    said = [told.get("License-Expression") or "", (told.get("License") or "")[:200]]
    said += [each for each in told.get_all("Classifier") or [] if each.startswith("License ::")]
    return " | ".join(said).lower()


def test_every_licence_is_one_we_may_use():
    wanted = set(locked("application.txt")) | set(locked("development.txt"))
    unclear = {
        name: licence_of(each)
        for each in distributions()
        if (name := canonical(each.metadata["Name"])) in wanted
        and not any(word in licence_of(each) for word in LICENCES)
        and name not in READ_BY_HAND
    }
    assert unclear == {}
