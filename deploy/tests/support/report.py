"""What was seen, step by step. A step that did not run is never counted as passed."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from support.lab import NotHere

NOT_APPLIED = "kernel settings, clock, enforced memory limits, disk layout, certificates of a public authority"


class Report:
    """Collects outcomes, prints them as they come, and writes them to a file."""

    def __init__(self, path: Path, *, suite: str, minutes: float = 0) -> None:
        """`minutes`: begin no step later than that after the start; 0 is no limit."""
        self.path, self.suite, self.started = path, suite, time.monotonic()
        self.until = self.started + minutes * 60 if minutes else float("inf")
        self.steps: list[dict[str, Any]] = []

    def scenario(self, name: str, steps: Sequence[Callable[[Any], Any]], lab: Any) -> None:
        """Run the steps in order. After one fails, those that follow are reported as not run."""
        failed = ""
        for step in steps:
            title = (step.__doc__ or step.__name__).strip().rstrip(".")
            if failed:
                self.not_run(name, title, f"“{failed}” failed before it")
                continue
            began = time.monotonic()
            if began > self.until:
                self.not_run(name, title, "the time allowed was over")
                continue
            try:
                found = step(lab) or ""
                self._add(name, title, "passed", time.monotonic() - began, str(found))
            except NotHere as reason:
                self.not_run(name, title, str(reason))
            except Exception:
                failed = title
                self._add(name, title, "FAILED", time.monotonic() - began, traceback.format_exc(limit=-3))

    def not_run(self, scenario: str, title: str, why: str) -> None:
        """Record a step nobody saw."""
        self._add(scenario, title.strip().rstrip("."), "not run", 0.0, why)

    def _add(self, scenario: str, title: str, outcome: str, seconds: float, found: str) -> None:
        step = {"scenario": scenario, "step": title, "outcome": outcome, "seconds": round(seconds, 1), "found": found}
        self.steps.append(step)
        print(f"{outcome:8} {seconds:6.1f} s  {scenario}: {title}. {found}", flush=True)
        self._write()

    def _write(self) -> None:
        facts = {
            "suite": self.suite,
            "seconds": round(time.monotonic() - self.started, 1),
            "passed": all(step["outcome"] == "passed" for step in self.steps),
            "rendered_not_applied": NOT_APPLIED,
            "steps": self.steps,
        }
        self.path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

    def finish(self) -> int:
        """The exit code: 0 only when every step passed; 2 when none failed, but some were not run."""
        outcomes = [step["outcome"] for step in self.steps]
        passed = outcomes.count("passed")
        print(f"{passed} of {len(self.steps)} steps passed; written, not applied here: {NOT_APPLIED}.")
        if "not run" in outcomes:
            print(f"NOT RUN: {outcomes.count('not run')} steps, named above with the reason.")
        if self.steps and passed == len(self.steps):
            return 0
        return 1 if "FAILED" in outcomes or not self.steps else 2
