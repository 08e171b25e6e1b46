"""Bank account modulus checking with the tables the operator has loaded.

The tables are their publisher's copyright and change several times a year, so IMS ships none: an administrator loads
VALACDOS.txt and SCSUBTAB.txt, and is told when the ones in force are older than six months. The checking itself is
`ims.references.modulus`.
"""

from __future__ import annotations

import calendar
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from django.db import transaction

from ims.audit.actors import Actor, authorise
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import Conflict, InvalidInput
from ims.common.findings import Finding
from ims.funds.errors import FundsRefusal
from ims.funds.modulus_models import ModulusTableLoad
from ims.references.modulus import ModulusTables, ModulusVerdict, check

LARGEST_FILE_BYTES = 2_000_000
"""Many times what the publisher's files have ever been."""
STALE_AFTER_MONTHS = 6
_FURTHEST_AHEAD = timedelta(days=366)
_FIRST_PUBLISHED = date(1996, 1, 1)
_PERMISSION = "funds.load_modulus_tables"
_TEXTS = ("valacdos", "scsubtab")


@dataclass(frozen=True)
class ModulusState:
    """Which tables are in force on a day, and what a person should know about them (None: nothing)."""

    current: ModulusTableLoad | None
    coming: ModulusTableLoad | None
    finding: Finding | None


@transaction.atomic
def load_modulus_tables(
    *,
    actor: Actor,
    valacdos: bytes,
    scsubtab: bytes,
    valid_from: date,
    version: str = "",
    reason: str = "",
) -> ModulusTableLoad:
    """Keep a pair of tables, in force from `valid_from`. They are read first, so that a wrong file is never in force.

    Raises `InvalidInput` that names the file and the line that cannot be read, and `Conflict` when the same two files
    are in force on that day already.
    """
    authorise(actor, _PERMISSION, what="load modulus tables")
    _date_is_likely(valid_from)
    weights, substitutes = _text("VALACDOS", valacdos), _text("SCSUBTAB", scsubtab)
    tables = ModulusTables.load(weights, substitutes)
    if not tables.substitutes:
        raise InvalidInput("The sort code substitution table is empty. Load the file SCSUBTAB.txt as published.")
    digests = hashlib.sha256(valacdos).hexdigest(), hashlib.sha256(scsubtab).hexdigest()
    in_force = _in_force(valid_from)
    if in_force and (in_force.valacdos_sha256, in_force.scsubtab_sha256) == digests:
        raise Conflict(f"These two files are loaded already: {in_force}, loaded by {in_force.loaded_by}.")
    load = ModulusTableLoad.objects.create(
        version=version.strip()[:30],
        valid_from=valid_from,
        valacdos=weights,
        valacdos_sha256=digests[0],
        scsubtab=substitutes,
        scsubtab_sha256=digests[1],
        weight_rows=sum(1 for line in weights.splitlines() if line.strip("\x1a \t")),
        substitutions=len(tables.substitutes),
        reason=reason.strip(),
        loaded_by_kind=actor.kind,
        loaded_by_id=actor.identifier,
        loaded_by=actor.name,
    )
    data = {"weight_rows": load.weight_rows, "valacdos_sha256": digests[0], "scsubtab_sha256": digests[1]}
    record("modulus_tables_loaded", actor=actor, subject=load, reason=reason, data=data)
    return load


def modulus_tables(day: date | None = None) -> ModulusTables:
    """The tables in force on `day` (today), parsed once a process. Raises `FundsRefusal` when there are none."""
    load = _in_force(day or clock.today())
    if load is None:
        raise FundsRefusal(_absent())
    return _parsed(load.valacdos_sha256, load.scsubtab_sha256)


def check_bank_account(sort_code: str, account: str, day: date | None = None) -> ModulusVerdict:
    """Whether an account number can exist at a sort code, by the tables in force on `day` (today).

    Raises `FundsRefusal` when no tables are loaded and `InvalidInput` for what is no sort code or account number.
    """
    return check(modulus_tables(day), sort_code, account)


def modulus_state(day: date | None = None) -> ModulusState:
    """How the loaded tables stand on `day` (today)."""
    day = day or clock.today()
    current = _in_force(day)
    coming = ModulusTableLoad.objects.defer(*_TEXTS).filter(valid_from__gt=day).order_by("valid_from", "-id").first()
    return ModulusState(current, coming, _finding(current, day))


def altered_tables() -> Iterator[Finding]:
    """An error for each loading whose text no longer gives the SHA-256 it was kept with."""
    for load in ModulusTableLoad.objects.iterator(chunk_size=10):
        kept = (load.valacdos_sha256, load.scsubtab_sha256)
        if kept != tuple(hashlib.sha256(getattr(load, name).encode()).hexdigest() for name in _TEXTS):
            message = f"{load} have been altered: their text no longer gives the SHA-256 it was loaded with."
            yield Finding("funds.modulus_tables_altered", "error", message, str(load.pk))


def stale_from(valid_from: date) -> date:
    """The first day on which tables valid from `valid_from` are more than six months old."""
    months = valid_from.year * 12 + valid_from.month - 1 + STALE_AFTER_MONTHS
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(valid_from.day, last)) + timedelta(days=1)


def _in_force(day: date) -> ModulusTableLoad | None:
    loads = ModulusTableLoad.objects.defer(*_TEXTS).filter(valid_from__lte=day)
    return loads.order_by("-valid_from", "-id").first()


@lru_cache(maxsize=2)
def _parsed(valacdos_sha256: str, scsubtab_sha256: str) -> ModulusTables:
    """Keyed by content, so that a loading elsewhere needs no word to this process."""
    texts = ModulusTableLoad.objects.filter(valacdos_sha256=valacdos_sha256, scsubtab_sha256=scsubtab_sha256)
    return ModulusTables.load(*texts.values_list(*_TEXTS)[0])


def _finding(current: ModulusTableLoad | None, day: date) -> Finding | None:
    if current is None:
        return Finding("funds.modulus_tables_absent", "information", _absent())
    if day < stale_from(current.valid_from):
        return None
    message = (
        f"The modulus tables in force are valid from {current.valid_from:%-d %b %Y}, more than six months ago. Newer "
        "bank accounts may be refused and wrong ones accepted. Load the tables now published."
    )
    return Finding("funds.modulus_tables_stale", "warning", message, str(current.pk))


def _absent() -> str:
    return (
        "No modulus tables are loaded, so bank account numbers cannot be checked. Load VALACDOS.txt and SCSUBTAB.txt, "
        "as Vocalink publishes them, under Modulus tables."
    )


def _date_is_likely(valid_from: date) -> None:
    latest = clock.today() + _FURTHEST_AHEAD
    if not _FIRST_PUBLISHED <= valid_from <= latest:
        raise InvalidInput(
            f"{valid_from:%-d %b %Y} cannot be the day from which the tables are valid. "
            f"Give a day up to {latest:%-d %b %Y}."
        )


def _text(name: str, content: bytes) -> str:
    if len(content) > LARGEST_FILE_BYTES:
        raise InvalidInput(
            f"The {name} file has {len(content):,} bytes, more than the {LARGEST_FILE_BYTES:,} a table can have. "
            f"Choose the file {name}.txt as Vocalink publishes it."
        )
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"The {name} file holds a character at byte {error.start + 1:,} that no such table has. "
            f"Choose the file {name}.txt as Vocalink publishes it."
        ) from error
    if "\0" in text:
        raise InvalidInput(f"The {name} file is not text. Choose the file {name}.txt as Vocalink publishes it.")
    return text
