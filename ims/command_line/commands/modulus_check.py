"""Say whether a UK sort code and account number can be right, by the bank's own published rule.

The two weight tables belong to their publisher and do not come with IMS. They are read from files, which needs no
database, or with --loaded they are those an administrator has loaded.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ims.command_line.answer import Answer
from ims.command_line.arguments import read_text
from ims.command_line.database import connect
from ims.common.errors import NotFound
from ims.references.modulus import ModulusTables, check

WEIGHTS = "valacdos.txt"
SUBSTITUTES = "scsubtab.txt"


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("sort_code", metavar="SORTCODE")
    parser.add_argument("account", metavar="ACCOUNT")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--loaded", action="store_true", help="use the tables loaded into IMS; needs the database")
    source.add_argument(
        "--tables",
        type=Path,
        metavar="DIRECTORY",
        help=f"where {WEIGHTS} and {SUBSTITUTES} are, as Vocalink publishes them; otherwise the folder "
        "modulus-tables in IMS_DATA_DIRECTORY",
    )


def run(arguments: Namespace) -> Answer:
    """Check the pair. A finding when the account number cannot exist at that sort code."""
    tables = _loaded() if arguments.loaded else _tables(arguments.tables or _usual_place())
    verdict = check(tables, arguments.sort_code, arguments.account)
    data = {
        "verdict": verdict.verdict,
        "exception_rule": verdict.exception_rule,
        "explanation": verdict.explanation,
        "sort_code": verdict.sort_code,
        "account": verdict.account,
    }
    name = {"valid": "Valid", "invalid": "Not valid", "not_checkable": "Cannot be checked"}[verdict.verdict]
    rule = f" (exception {verdict.exception_rule})" if verdict.exception_rule else ""
    text = f"{name}: {verdict.sort_code} {verdict.account}{rule}\n{verdict.explanation}"
    return Answer(data, text, finding=verdict.verdict == "invalid")


def _loaded() -> ModulusTables:
    # Only the loaded tables need the database, so only here is it asked for.
    connect()
    from ims.funds.modulus import modulus_tables

    return modulus_tables()


def _usual_place() -> Path:
    base = os.environ.get("IMS_DATA_DIRECTORY") or Path(__file__).resolve().parents[3] / "var"
    return Path(base) / "modulus-tables"


def _tables(directory: Path) -> ModulusTables:
    weights = _find(directory, WEIGHTS)
    if weights is None:
        raise NotFound(
            f"There is no {WEIGHTS} in {directory}. Download {WEIGHTS} and {SUBSTITUTES} from Vocalink's modulus "
            "checking page, put them there, or name their folder with --tables. Or add --loaded, to use those loaded "
            "into IMS.",
            code="modulus_tables_missing",
        )
    substitutes = _find(directory, SUBSTITUTES)
    return ModulusTables.load(read_text(weights), read_text(substitutes) if substitutes else "")


def _find(directory: Path, name: str) -> Path | None:
    """The newest table of that name in any case and with any suffix (VALACDOS_v770.txt, valacdos-extract.txt)."""
    stem = name.removesuffix(".txt")
    found = [path for path in directory.glob("*") if path.name.lower().startswith(stem) and path.is_file()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)
