"""Loading account holders from the back-office systems' files: received and checked, then loaded or discarded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction

from ims.accounts import file_layout, staging
from ims.accounts.errors import AccountsRefusal
from ims.accounts.file_layout import Known, Layout, Problem, Row
from ims.accounts.models import AccountHolder, AccountLoad, StopReason
from ims.audit.actors import Actor, authorise
from ims.audit.services import record
from ims.common.clock import now
from ims.common.errors import Conflict, NotFound
from ims.funds.models import Fund
from ims.jobs.models import JobRun
from ims.jobs.queue import enqueue

PERMISSION = "accounts.load_accounts"
CHECK_JOB = "accounts.check"
LOAD_JOB = "accounts.load"
LARGE = 512 * 1024
"""A file of more bytes takes longer than a page may: a worker checks and loads it."""
MANY = 5_000
"""So many accounts are written while somebody waits; more by a worker."""
_PROBLEMS_KEPT = 100
_ROWS_BETWEEN_REPORTS = 2_000
_State = AccountLoad.State

Report = Callable[[int, int, str], None]
"""``report(done, total, message)``; see `ims.jobs.running.Run.report`."""


def _silent(done: int, total: int, message: str) -> None:
    """Report to nobody."""


def load_file(
    *,
    actor: Actor,
    file: BinaryIO | bytes,
    fund: str = "",
    is_full: bool = False,
    file_name: str = "",
    reason: str = "",
) -> AccountLoad:
    """Check a file of account holders and load it at once: `receive_file` and `confirm_load` together.

    Raises `AccountsRefusal`, with the problems by line in ``details``, when the file cannot be loaded; nothing is
    loaded then, and the refused file is kept with its problems.
    """
    load = receive_file(actor=actor, file=file, fund=fund, is_full=is_full, file_name=file_name, reason=reason)
    if load.state == _State.REFUSED:
        raise refusal_of(load)
    return confirm_load(actor=actor, load_id=load.pk)


def receive_file(
    *,
    actor: Actor,
    file: BinaryIO | bytes,
    fund: str = "",
    is_full: bool = False,
    file_name: str = "",
    reason: str = "",
) -> AccountLoad:
    """Store a file and check it: what is new, changed, unchanged, gone, and what is wrong, by line.

    `fund` is the code all its accounts belong to; empty when the file names the fund of each. `is_full` says that the
    file holds every account of its funds. The outcome is ``checked``, to be confirmed, or ``refused``, with problems.
    Raises `AccountsRefusal` when the same bytes were loaded, or wait, already.
    """
    load = _new_load(actor, file, fund=fund, is_full=is_full, file_name=file_name, reason=reason)
    with _one_load_of_it(load.sha256), transaction.atomic():
        staging.lock_loads()
        _check(actor, load, _silent)
        load.save()
        _record_received(actor, load)
    return load


def receive_later(
    *,
    actor: Actor,
    file: BinaryIO | bytes,
    fund: str = "",
    is_full: bool = False,
    file_name: str = "",
    reason: str = "",
) -> AccountLoad:
    """Store a file as `receive_file` does, and have a worker check it; it is “received” until then."""
    load = _new_load(actor, file, fund=fund, is_full=is_full, file_name=file_name, reason=reason)
    with _one_load_of_it(load.sha256), transaction.atomic():
        load.save()
        enqueue(CHECK_JOB, actor=actor, subject=load, title=f"Check {load.file_name}", load=load.pk)
    return load


@transaction.atomic
def check_received(*, actor: Actor, load_id: int, report: Report = _silent) -> AccountLoad:
    """Check a file that was only stored so far. One that was checked, or put aside, is returned as it stands."""
    authorise(actor, PERMISSION, what="load account holders")
    staging.lock_loads()
    load = _locked(actor, load_id)
    if load.state == _State.RECEIVED:
        _check(actor, load, report)
        load.save()
        _record_received(actor, load)
    return load


@transaction.atomic
def confirm_later(*, actor: Actor, load_id: int) -> JobRun:
    """Have a worker do what `confirm_load` does."""
    authorise(actor, PERMISSION, what="load account holders")
    load = _locked(actor, load_id)
    _require_checked(load)
    return enqueue(LOAD_JOB, actor=actor, subject=load, title=f"Load {load.file_name}", load=load.pk)


@transaction.atomic
def confirm_load(*, actor: Actor, load_id: int, report: Report = _silent) -> AccountLoad:
    """Load a checked file. A second time changes nothing and returns the load as it stands.

    Raises `Conflict` when the accounts have changed since the check, so that what was shown is what is done.
    """
    authorise(actor, PERMISSION, what="load account holders")
    staging.lock_loads()
    load = _locked(actor, load_id)
    if load.state == _State.LOADED:
        return load
    _require_checked(load)
    layout, _ = _staged(actor, load, report)
    report(load.rows, load.rows, "Writing the accounts and their history")
    applied = staging.apply(
        layout.columns,
        actor=actor,
        reason=load.reason or f"Loaded from {load.file_name}",
        is_full=load.is_full,
        fund=load.fund_id or "",
    )
    if applied != _shown(load):
        raise Conflict(
            "The accounts have changed since this file was checked, so it would no longer do what was shown. "
            "Discard it and load the file again."
        )
    load.state, load.loaded_at = _State.LOADED, now()
    load.save(update_fields=["state", "loaded_at"])
    record("account_file_loaded", actor=actor, subject=load, reason=load.reason, data=_counts(load))
    return load


@transaction.atomic
def discard_load(*, actor: Actor, load_id: int, reason: str) -> AccountLoad:
    """Put a checked file aside without loading it, so that it may be received again."""
    authorise(actor, PERMISSION, what="discard files of account holders")
    load = _locked(actor, load_id)
    if load.state == _State.DISCARDED:
        return load
    if load.state not in (_State.RECEIVED, _State.CHECKED):
        raise AccountsRefusal(f"“{load.file_name}” was {load.get_state_display().lower()} and cannot be discarded.")
    load.state = _State.DISCARDED
    load.save(update_fields=["state"])
    record("account_file_discarded", actor=actor, subject=load, reason=reason)
    return load


def refusal_of(load: AccountLoad) -> AccountsRefusal:
    """What to tell whoever tried to load a refused file."""
    details = [f"Line {problem['line']}: {problem['sentence']}" for problem in load.problems]
    first = details[0] if details else "The file is empty."
    more = f" and {len(details) - 1} more problems" if len(details) > 1 else ""
    return AccountsRefusal(f"“{load.file_name}” was not loaded. {first}{more}", details=details)


def _new_load(
    actor: Actor, file: BinaryIO | bytes, *, fund: str, is_full: bool, file_name: str, reason: str
) -> AccountLoad:
    """The load of a file, not saved. Raises `AccountsRefusal` when it is too large or came before."""
    authorise(actor, PERMISSION, what="load account holders")
    content = file if isinstance(file, bytes) else file.read()
    name = file_name or getattr(file, "name", "") or "accounts.csv"
    if len(content) > settings.LARGEST_UPLOAD_BYTES:
        raise AccountsRefusal(f"“{name}” is larger than {settings.LARGEST_UPLOAD_BYTES // 1024 // 1024} MB.")
    chosen = _fund(actor, fund)
    sha256 = hashlib.sha256(content).hexdigest()
    _not_seen_before(sha256)
    return AccountLoad(
        fund=chosen,
        file_name=name,
        sha256=sha256,
        content=content,
        is_full=is_full,
        received_by=actor.name,
        reason=reason,
    )


@contextmanager
def _one_load_of_it(sha256: str) -> Iterator[None]:
    """Say in a sentence that somebody else brought in the same bytes at the same moment."""
    try:
        yield
    except IntegrityError as error:
        _not_seen_before(sha256)
        raise Conflict("Somebody is loading the same file just now. Look at the list of loads.") from error


def _record_received(actor: Actor, load: AccountLoad) -> None:
    counts = {"rows": load.rows, "state": load.state, "sha256": load.sha256, "problems": len(load.problems)}
    record("account_file_received", actor=actor, subject=load, reason=load.reason, data=counts)


def _require_checked(load: AccountLoad) -> None:
    if load.state != _State.CHECKED:
        raise AccountsRefusal(f"“{load.file_name}” was {load.get_state_display().lower()} and cannot be loaded.")


def _check(actor: Actor, load: AccountLoad, report: Report) -> None:
    """Fill in the outcome of the check. Structural faults become problems too, so that the attempt is remembered."""
    try:
        layout, problems = _staged(actor, load, report)
    except AccountsRefusal as refusal:
        load.state, load.problems = _State.REFUSED, [{"line": 1, "sentence": str(refusal)}]
        return
    load.problems = [{"line": each.line, "sentence": each.sentence} for each in problems[:_PROBLEMS_KEPT]]
    if problems:
        load.state = _State.REFUSED
        return
    if not load.rows:
        load.state, load.problems = _State.REFUSED, [{"line": 2, "sentence": "the file has no accounts."}]
        return
    found = staging.compare(layout.columns, is_full=load.is_full, fund=load.fund_id or "")
    load.added, load.changed, load.unchanged, load.gone = found.added, found.changed, found.unchanged, found.gone
    load.examples = staging.examples(layout.columns) if found.changed else []
    load.state = _State.CHECKED


def _staged(actor: Actor, load: AccountLoad, report: Report) -> tuple[Layout, list[Problem]]:
    text = file_layout.decoded(bytes(load.content))
    layout = file_layout.layout_of(text, fund_is_chosen=load.fund_id is not None)
    known = _known(actor)  # read before the COPY starts: a connection cannot do both
    problems: list[Problem] = []
    rows, lines = 0, text.count("\n")

    def good_rows() -> Iterator[Row]:
        nonlocal rows
        for each in file_layout.read(text, layout, fund=load.fund_id or "", known=known):
            rows += 1
            if rows % _ROWS_BETWEEN_REPORTS == 0:
                report(rows, lines, f"Reading: {rows:,} accounts so far")
            if isinstance(each, Row):
                yield each
            else:
                problems.append(each)

    staging.stage(layout.columns, good_rows())
    load.rows = rows
    return layout, problems


def _known(actor: Actor) -> Known:
    funds = Fund.objects.values_list("code", flat=True)
    stops = StopReason.objects.values_list("fund_id", "code", "pk")
    return Known(
        funds=frozenset(code for code in funds if actor.may_see_fund(code)),
        stops={(fund, code): pk for fund, code, pk in stops},
    )


def _fund(actor: Actor, code: str) -> Fund | None:
    if not code:
        return None
    fund = Fund.objects.filter(code=code).first()
    if fund is None or not actor.may_see_fund(code):
        raise AccountsRefusal(f"There is no fund “{code}”. Choose one of the funds.")
    return fund


def _not_seen_before(sha256: str) -> None:
    earlier = AccountLoad.objects.filter(
        sha256=sha256, state__in=[_State.RECEIVED, _State.CHECKED, _State.LOADED]
    ).first()
    if earlier is None:
        return
    if earlier.state == _State.LOADED:
        raise AccountsRefusal(
            f"This very file was loaded on {earlier.loaded_at:%-d %b %Y} as “{earlier.file_name}”. "
            "Nothing was loaded again."
        )
    raise AccountsRefusal(
        f"This very file was received on {earlier.received_at:%-d %b %Y} as “{earlier.file_name}” and waits to be "
        "loaded. Load or discard that one."
    )


def _locked(actor: Actor, load_id: int) -> AccountLoad:
    load = AccountLoad.objects.select_for_update().filter(pk=load_id).first()
    if load is None or (load.fund_id is not None and not actor.may_see_fund(load.fund_id)):
        raise NotFound("There is no such file of account holders.")
    return load


def _shown(load: AccountLoad) -> staging.Comparison:
    return staging.Comparison(load.added, load.changed, load.unchanged, load.gone)


def _counts(load: AccountLoad) -> dict[str, object]:
    accounts = AccountHolder._meta.label_lower
    return {
        "of": accounts,
        "added": load.added,
        "changed": load.changed,
        "unchanged": load.unchanged,
        "gone": load.gone,
        "sha256": load.sha256,
    }
