"""What every screen shares: who may open it, and how a refusal is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from ims.approvals.errors import ApprovalNeeded
from ims.audit.actors import Actor, authorise
from ims.common.errors import Conflict, ImsError, NotAllowed, NotFound
from ims.console.asking import needed_page
from ims.sign_in.recent import require_recent

View = Callable[..., HttpResponse]


def screen(
    *, permission: str | tuple[str, ...] = (), what: str = "open this page", recent: bool = False
) -> Callable[[View], View]:
    """A view for people who are signed in and hold `permission` (any one of them, where several are given).

    With `recent`, whoever signed in or confirmed who they are too long ago is asked to confirm first; then they come
    back, and a form they had sent is taken up. For acts that grant, approve or reverse.

    `what` completes “You may not …”. An `ImsError` that leaves the view becomes a page: 403, 404 or 409 for
    `NotAllowed`, `NotFound` and `Conflict`, 400 for every other refusal. To show a refusal beside the form that
    caused it, use `refusals`. `ApprovalNeeded` becomes the page that shows the plan and offers to ask.

    The view says by `opens_to` who may open it: `ims.console.opening` asks that before it shows a link.
    """
    needed = (permission,) if isinstance(permission, str) else permission

    def opens_to(actor: Actor) -> bool:
        return not needed or any(actor.may(each) for each in needed)

    def decorate(view: View) -> View:
        @never_cache
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **arguments: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            try:
                if not opens_to(request.actor):
                    authorise(request.actor, needed[0], what=what)
                if recent:
                    require_recent(request)
                return view(request, *args, **arguments)
            except ApprovalNeeded as stopped:
                return _asks_first(request, stopped) if stopped.kind else refused(request, stopped)
            except ImsError as refusal:
                return refused(request, refusal)

        guarded.opens_to = opens_to
        return guarded

    return decorate


def _asks_first(request: HttpRequest, needed: ApprovalNeeded) -> HttpResponse:
    try:
        return needed_page(request, needed)
    except ImsError as refusal:
        return refused(request, refusal)


def refused(request: HttpRequest, refusal: ImsError) -> HttpResponse:
    """The page that shows `refusal` as a whole, with the status that fits it."""
    status, title = 400, "This cannot be done"
    for kind, code, heading in (
        (NotAllowed, 403, "You may not do this"),
        (NotFound, 404, "Not found"),
        (Conflict, 409, "Somebody else was quicker"),
    ):
        if isinstance(refusal, kind):
            status, title = code, heading
    details = [detail for detail in refusal.details if detail != refusal.message]
    shown = {"message": refusal.message, "details": details}
    context = {"title": title, "refusal": shown, "back": _back(request)}
    return render(request, "console/refused.html", context, status=status)


def _back(request: HttpRequest) -> str:
    referrer = request.headers.get("Referer", "")
    own = f"{request.scheme}://{request.get_host()}/"
    return "/" + referrer[len(own) :] if referrer.startswith(own) else "/"


class Attempt:
    """How an attempt inside `refusals` ended."""

    succeeded = True


@contextmanager
def refusals(form: BaseForm) -> Iterator[Attempt]:
    """Show an `ImsError` raised inside the block as an error of `form`; `succeeded` is False then.

    Permissions and records that are gone are not the form's fault: those still become a page of their own, and so does
    what needs a second person.
    """
    attempt = Attempt()
    try:
        yield attempt
    except (NotAllowed, NotFound, ApprovalNeeded):
        raise
    except ImsError as refusal:
        attempt.succeeded = False
        # Details often begin with the message itself; it is said once.
        form.add_error(None, list(dict.fromkeys([refusal.message, *refusal.details])))


def error_page(status: int) -> Callable[..., HttpResponse]:
    """Django's handler for `status`: the same plain page in our dress."""
    title, text = {
        400: ("The page could not be read", "What the browser sent could not be understood. Go back and try again."),
        403: ("You may not do this", "Your role does not allow it. Ask an administrator if you need it."),
        404: (
            "Page not found",
            "If you typed the address, check it. If you followed a link, the thing may have moved.",
        ),
    }[status]

    def handler(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
        sentence = str(exception) if isinstance(exception, PermissionDenied | Http404) and exception.args else ""
        # Django's own 404 names URL patterns, which help nobody.
        shown = sentence if sentence and isinstance(exception, PermissionDenied) else text
        context = {"title": title, "refusal": {"message": shown, "details": ()}, "back": "/"}
        return render(request, "console/refused.html", context, status=status)

    return handler
