#!/usr/bin/env python3
"""Work through the deployment scenarios on real hosts and report what was seen. See README.md beside this file."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scenarios import alerts, guide, managed, single
from support.lab import Lab, NoHosts
from support.report import Report

NOT_RUN = 2
"""The report's code for: nothing failed, something was not run."""

SCENARIOS = {"single": single, "managed": managed, "alerts": alerts, "guide": guide}
USUAL = ("single", "managed", "guide")
"""Unless others are named. Alerts and their pages change with the runbooks more than with the kit: name them."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Test the kit on real hosts.")
    parser.add_argument("--suite", choices=["bookworm", "trixie"], default="trixie", help="Debian 12 or 13 (default)")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), action="append",
                        help="which; without it single, managed and guide")  # fmt: skip
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "ims-deploy-tests")
    parser.add_argument("--until", default="", help="the last step to do, by its name in the code")
    parser.add_argument("--reuse", action="store_true", help="go on with the hosts that --keep left")
    parser.add_argument("--begin", default="", help="with --reuse: the step to begin with, by its name in the code")
    parser.add_argument("--keep", action="store_true", help="leave the hosts running")
    parser.add_argument(
        "--where-possible",
        action="store_true",
        help="steps this machine or the time allowed gave no chance are named as not run, and are no failure",
    )
    parser.add_argument("--minutes", type=float, default=0, help="begin no step later than this after the start")
    options = parser.parse_args()
    wanted = options.scenario or list(USUAL)
    report = Report(Path(__file__).resolve().parent / "report.json", suite=options.suite, minutes=options.minutes)
    lab = Lab(options.work, suite=options.suite)
    try:
        lab.prepare(reuse=options.reuse)
    except NoHosts as reason:
        for name in wanted:
            for step in SCENARIOS[name].STEPS:
                report.not_run(name, step.__doc__, str(reason))
        print(f"NOT RUN: nothing of the kit was tried on a host, because {reason}.")
        return ended(report, options)
    try:
        for name in wanted:
            first = options.begin if name == wanted[0] else ""
            report.scenario(name, some(SCENARIOS[name].STEPS, first, options.until), lab)
    finally:
        if not options.keep:
            lab.down()
    return ended(report, options)


def ended(report: Report, options: argparse.Namespace) -> int:
    """The exit code: 1 when a step failed, and when one was not run that should have been."""
    code = report.finish()
    return 0 if code == NOT_RUN and options.where_possible else min(code, 1)


def some(steps: list, first: str, last: str) -> list:
    """The steps from the one called `first` to the one called `last`; an empty name is no bound."""
    names = [step.__name__ for step in steps]
    return steps[names.index(first) if first else 0 : names.index(last) + 1 if last in names else None]


if __name__ == "__main__":
    sys.exit(main())
