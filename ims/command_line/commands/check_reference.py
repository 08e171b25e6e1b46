"""Say whether an account reference is written as its fund, or a rule given here, says it must be."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ims.command_line.answer import Answer
from ims.command_line.arguments import from_json
from ims.command_line.database import connect
from ims.common.errors import NotFound
from ims.references.rules import ReferenceRule, Verdict, check_reference


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    rule = parser.add_mutually_exclusive_group(required=True)
    rule.add_argument("--fund", metavar="CODE", help="use the reference rule of this fund")
    rule.add_argument(
        "--rule",
        metavar="JSON",
        help="use this rule, or @FILE; needs no database. Settings: min, max, characters, regex, mask, check_digit",
    )
    parser.add_argument("reference", metavar="REFERENCE")


def run(arguments: Namespace) -> Answer:
    """Check the reference. A finding when it is not right."""
    if arguments.rule is not None:
        rule = from_json(arguments.rule, ReferenceRule.from_config, option="--rule")
        verdict = check_reference(rule, arguments.reference)
    else:
        verdict = _by_fund(arguments.fund, arguments.reference)
    text = f"Valid: {arguments.reference}" if verdict.valid else f"Not valid: {verdict.reason}"
    return Answer({"valid": verdict.valid, "reason": verdict.reason}, text, finding=not verdict.valid)


def _by_fund(code: str, reference: str) -> Verdict:
    # Only a fund's own rule needs the database, so only here is it asked for.
    connect()
    from ims.funds.models import Fund
    from ims.funds.selectors import reference_rules

    if not Fund.objects.filter(code=code).exists():
        raise NotFound(f"There is no fund {code}.")
    rule = reference_rules([code]).get(code)
    if rule is None:
        return Verdict(True, f"Fund {code} has no reference rule, so any reference is accepted.")
    return check_reference(rule, reference)
