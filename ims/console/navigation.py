"""The jobs of the day, in the order they are done. A person sees those they may open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from ims.approvals.selectors import waiting_for
from ims.audit.actors import Actor


@dataclass(frozen=True)
class Job:
    """One entry of the navigation.

    `permissions`: holding any one of them opens it; none means everybody signed in. `prefix` is the start of every
    address that belongs to the job, `also` are others.
    """

    label: str
    url_name: str
    prefix: str
    permissions: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    count: Callable[[Actor], int] | None = None
    """How much of it waits for the person; shown beside the label when there is any."""

    def is_open_to(self, actor: Actor) -> bool:
        """Whether `actor` may open it."""
        return not self.permissions or any(actor.may(permission) for permission in self.permissions)


JOBS = (
    Job("Today", "today", "/"),
    Job("Receipts", "receipts:search", "/receipts/", ("ledger.view_entry",)),
    Job("Payments", "payments:index", "/payments/", ("payments.view_paymentattempt",)),
    Job("Imports", "imports:index", "/imports/", ("imports.view_importbatch",)),
    Job("Suspense", "suspense:index", "/suspense/", ("suspense.view_suspenseitem",)),
    Job("Exports", "exports:index", "/exports/", ("exports.view_exportbatch",)),
    Job("Proof", "proof:index", "/proof/", ("reporting.view_proof",)),
    Job(
        "Approvals",
        "approvals:index",
        "/approvals/",
        ("approvals.view_request", "approvals.decide_request"),
        count=lambda actor: len(waiting_for(actor)),
    ),
    Job("Accounts", "admin:accounts_accountholder_changelist", "/admin/accounts/", ("accounts.view_accountholder",)),
    Job("Audit", "assurance:search", "/audit/", ("audit.view_event",)),
    Job("Settings", "admin:index", "/admin/", also=("/periods/", "/access/", "/records/")),
)


@dataclass(frozen=True)
class Link:
    """A job as the page shows it. `current` is ``page``, ``true`` (a page within the job) or empty."""

    label: str
    url: str
    current: str
    count: int = 0


def links_for(request: HttpRequest) -> list[Link]:
    """The navigation of this request's person, with the job they are in marked."""
    actor = getattr(request, "actor", None)
    if not actor:
        return []
    open_jobs = [(job, url) for job in JOBS if job.is_open_to(actor) and (url := _address(job))]
    inside = max(
        (job for job, _ in open_jobs if _contains(job, request.path)), key=lambda j: len(j.prefix), default=None
    )
    return [
        Link(job.label, url, _current(job is inside, url == request.path), job.count(actor) if job.count else 0)
        for job, url in open_jobs
    ]


def _contains(job: Job, path: str) -> bool:
    return path == "/" if job.prefix == "/" else path.startswith((job.prefix, *job.also))


def _current(is_inside: bool, is_page: bool) -> str:
    if not is_inside:
        return ""
    return "page" if is_page else "true"


def _address(job: Job) -> str:
    try:
        return reverse(job.url_name)
    except NoReverseMatch:
        return ""
