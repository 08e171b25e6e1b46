"""Do background work (checks, postings, seals, suggestions) until stopped. SIGTERM lets running jobs finish."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from ims.command_line.answer import Answer


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--concurrency", type=_at_least_one, default=2, metavar="N", help="jobs at a time (default 2)")
    parser.add_argument("--once", action="store_true", help="stop when nothing is left to do")


def run(arguments: Namespace) -> Answer:
    """Work."""
    from ims.jobs.worker import run_worker

    run_worker(concurrency=arguments.concurrency, wait=not arguments.once)
    return Answer({"stopped": True}, "Stopped; nothing was left half done.")


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"“{text}” is not a number of jobs: write 1 or more")
    return int(text)
