"""What the machine that watches IMS asks: is the process up, and is it fit to serve?

Neither answer holds anything private: they are open, because the watcher has no sign-in.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from procrastinate.contrib.django.models import ProcrastinateWorker

from ims.audit.actors import command
from ims.jobs.selectors import in_trouble

WORKER_IS_LATE_AFTER = 60
"""Seconds since the last heartbeat of any worker."""


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Says nothing of the database."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether IMS is fit to serve: 200 when it is, 503 when not, with a word for each check.

    `worker` and `jobs` are told but do not decide: screens still work while background work waits.
    """
    needed = {"database": _told(_database), "migrations": _told(_migrations)}
    told = {"worker": _told(_worker), "jobs": _told(_jobs)}
    ready = all(answer == "ok" for answer in needed.values())
    return JsonResponse({"ready": ready, "checks": {**needed, **told}}, status=200 if ready else 503)


def _told(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception:  # Whatever is wrong, the watcher gets an answer and no detail.
        return "failed"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    return "pending" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else "ok"


def _worker() -> str:
    latest = ProcrastinateWorker.objects.order_by("-last_heartbeat").values_list("last_heartbeat", flat=True).first()
    if latest is None:
        return "none"
    return "ok" if (timezone.now() - latest).total_seconds() < WORKER_IS_LATE_AFTER else "late"


def _jobs() -> str:
    return "in trouble" if in_trouble(command("readyz"), days=1).exists() else "ok"
