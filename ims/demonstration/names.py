"""Names of people, businesses, streets and towns of the Model Council. All invented; the lists stand under `data/`."""

from __future__ import annotations

from importlib import resources


def _lines(name: str) -> tuple[str, ...]:
    return tuple((resources.files(__package__) / "data" / name).read_text(encoding="utf-8").splitlines())


TITLES = ("Mr", "Mrs", "Ms", "Miss", "Mx", "Dr")
FORENAMES = _lines("forenames.txt")
SURNAMES = _lines("surnames.txt")
BUSINESSES = _lines("businesses.txt")
STREETS = _lines("streets.txt")
TOWNS = _lines("towns.txt")
