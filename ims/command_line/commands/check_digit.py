"""Work out the check digit of a reference and show the working. Needs no database."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ims.command_line.answer import Answer
from ims.command_line.arguments import from_json
from ims.references.check_digits import KINDS, CheckDigitScheme, check


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--config",
        required=True,
        metavar="JSON",
        help=f"the scheme as JSON, or @FILE. “kind” is one of: {', '.join(KINDS)}. Others: modulus, weightings, "
        "prefix, substitutions, subtract, position",
    )
    parser.add_argument("reference", metavar="REFERENCE")


def run(arguments: Namespace) -> Answer:
    """Compare the check digit presented with the one expected. A finding when they differ."""
    scheme = from_json(arguments.config, CheckDigitScheme.from_config, option="--config")
    result = check(scheme, arguments.reference)
    data = {
        "valid": result.valid,
        "expected": result.expected,
        "presented": result.presented,
        "steps": list(result.steps),
    }
    verdict = "Valid" if result.valid else "Not valid"
    return Answer(data, "\n".join([f"{verdict}: {arguments.reference}", *result.steps]), finding=not result.valid)
