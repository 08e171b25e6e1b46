#!/usr/bin/env python3
"""Work through the deployment scenarios on real hosts and report what was seen. See README.md beside this file."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scenarios import managed, single
from support.lab import Lab
from support.report import Report

TOOLS = ("systemd-nspawn", "mmdebstrap", "ip", "ssh", "nsenter")
SCENARIOS = {"single": single, "managed": managed}


def main() -> int:
    parser = argparse.ArgumentParser(description="Test the kit on real hosts.")
    parser.add_argument("--suite", choices=["bookworm", "trixie"], default="trixie")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), action="append")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "ims-deploy-tests")
    parser.add_argument("--reuse", action="store_true", help="go on with the host that --keep left")
    parser.add_argument("--begin", default="", help="with --reuse: the step to begin with, by its name in the code")
    parser.add_argument("--keep", action="store_true", help="leave the hosts running")
    options = parser.parse_args()
    wanted = options.scenario or ["single", "managed"]
    report = Report(Path(__file__).resolve().parent / "report.json", suite=options.suite)
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        why = f"missing here: {', '.join(missing)}" if missing else "this needs root"
        for name in wanted:
            for step in SCENARIOS[name].STEPS:
                report.not_run(name, step.__doc__, why)
        return report.finish()
    lab = Lab(options.work, suite=options.suite)
    try:
        lab.prepare(reuse=options.reuse)
        for name in wanted:
            report.scenario(name, from_step(SCENARIOS[name].STEPS, options.begin if name == wanted[0] else ""), lab)
    finally:
        if not options.keep:
            lab.down()
    return report.finish()


def from_step(steps: list, begin: str) -> list:
    """The steps from the one called `begin`; all of them when it is empty."""
    names = [step.__name__ for step in steps]
    return steps[names.index(begin) :] if begin else steps


if __name__ == "__main__":
    sys.exit(main())
