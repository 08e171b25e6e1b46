"""People's access: what they may see, moving to other work, roles, reviews, staff files, who can do what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import localtime
from django.views.decorators.http import require_http_methods, require_safe

from ims.access import report, selectors, services, staff_file
from ims.access.models import AccessReview, ReviewLine
from ims.assurance.papers import as_csv, as_workbook
from ims.audit.models import Event
from ims.audit.services import record
from ims.common import clock
from ims.common.errors import InvalidInput, NotFound
from ims.console.access_forms import (
    ApplyForm,
    DecisionForm,
    MoveForm,
    NewReviewForm,
    RoleForm,
    ScopeForm,
    StaffFileForm,
    StatementForm,
    WhoCanForm,
)
from ims.console.views.base import refusals, screen
from ims.interests.selectors import SEE, of_person
from ims.people import council_roles
from ims.people.models import CouncilRole, User
from ims.people.selectors import KnownRole, known_roles
from ims.sign_in.recent import require_recent

MAY_LOOK = ("people.view_user", selectors.VIEW_REVIEWS, selectors.DECIDE, selectors.OPEN, report.PERMISSION, SEE)
MAY_SEE_REVIEWS = (selectors.VIEW_REVIEWS, selectors.DECIDE, selectors.OPEN)
MANAGE_ROLES = ("people.add_councilrole", "people.change_councilrole")
SHOWN = 500


@screen(permission=MAY_LOOK, what="see people's access")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """What wants attention, and the ways to everything else."""
    actor = request.actor
    sees_people = actor.may("people.view_user")
    context = {
        "title": "Access",
        "findings": selectors.findings(actor),
        "unused": selectors.unused_accounts() if sees_people else [],
        "ending": selectors.ending_soon() if sees_people else [],
        "today": clock.today(),
        "roles": known_roles(in_use_only=False) if sees_people else [],
        "may": _may(request),
    }
    return render(request, "console/access/index.html", context)


def _may(request: HttpRequest) -> dict[str, bool]:
    actor = request.actor
    return {
        "see_people": actor.may("people.view_user"),
        "see_reviews": any(actor.may(each) for each in MAY_SEE_REVIEWS),
        "bring_in": actor.may(staff_file.PERMISSION),
        "see_who_can": actor.may(report.PERMISSION),
        "see_interests": actor.may(SEE),
        "compose": actor.may("people.add_councilrole"),
        "set_scope": actor.may(services.SET_SCOPE),
        "open_review": actor.may(selectors.OPEN),
        "decide": actor.may(selectors.DECIDE),
    }


# --- one person -----------------------------------------------------------------------------------------------------


@screen(permission="people.view_user", what="see people's access")
@require_http_methods(["GET", "HEAD", "POST"])
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    """What one person may see, how it came about, and the form that changes it."""
    found = selectors.get_person(request.actor, person_id)
    if request.method == "POST":
        require_recent(request)
    may_set = request.actor.may(services.SET_SCOPE)
    form = ScopeForm(request.POST if request.method == "POST" else None, person=found)
    if form.is_valid():
        with refusals(form) as attempt:
            words = services.set_scope(
                actor=request.actor, person=found, reason=form.cleaned_data["reason"], **form.scope()
            )
        if attempt.succeeded:
            messages.success(request, f"{found} sees now: {words}.")
            return redirect("access:person", found.pk)
    context = {
        "title": str(found),
        "person": found,
        "scope": selectors.scope_in_words(found),
        "form": form if may_set and found.is_active else None,
        "history": _scope_history(found),
        "may": _may(request),
    }
    return render(request, "console/access/person.html", context)


def _scope_history(found: User) -> list[Any]:
    verbs = ("scope_changed", "roles_changed", "access_term_changed", "person_created", "person_deactivated",
             "person_reactivated", "person_moved", "fund_group_saved")  # fmt: skip
    mine = Event.objects.filter(subject_type="people.user", subject_id=str(found.pk), verb__in=verbs)
    return [
        {
            "what": event.verb.replace("_", " ").capitalize(),
            "at": event.occurred_at,
            "by": event.actor_name,
            "reason": event.reason,
            "before": _listed(event.data.get("before", "")),
            "after": _listed(event.data.get("after", event.data.get("roles", ""))),
        }
        for event in mine[:50]
    ]


def _listed(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


@screen(permission=services.SET_SCOPE, what="move people to other work", recent=True)
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, person_id: int) -> HttpResponse:
    """Roles, office and scope of somebody who moves, in one act."""
    found = selectors.get_person(request.actor, person_id)
    form = MoveForm(request.POST if request.method == "POST" else None, person=found)
    if form.is_valid():
        typed = form.cleaned_data
        with refusals(form) as attempt:
            services.move_person(
                actor=request.actor,
                person=found,
                roles=typed["roles"],
                office=typed["office"],
                old_access_removed=typed["old_access_removed"],
                reason=typed["reason"],
                **form.scope(),
            )
        if attempt.succeeded:
            messages.success(request, f"{found} moved.")
            return redirect("access:person", found.pk)
    context = {
        "title": f"Move {found} to other work",
        "person": found,
        "scope": selectors.scope_in_words(found),
        "form": form,
    }
    return render(request, "console/access/move.html", context)


# --- roles ----------------------------------------------------------------------------------------------------------


@screen(permission="people.view_user", what="see roles")
@require_safe
def role(request: HttpRequest, name: str) -> HttpResponse:
    """A role that comes with IMS, by its name; on to the council's own of that name, which goes by its number."""
    found = next((each for each in known_roles(in_use_only=False) if each.name == name), None)
    if found is None:
        raise NotFound(f"There is no role “{name}”.")
    return _role_page(request, found) if found.is_ours else redirect("access:council_role", found.number)


@screen(permission="people.view_user", what="see roles")
@require_safe
def council_role(request: HttpRequest, role_id: int) -> HttpResponse:
    """One of the council's own roles by its number: its name may be anything, and no address is made of it."""
    found = council_roles.get_role(role_id)
    return _role_page(request, next(each for each in known_roles(in_use_only=False) if each.number == role_id), found)


def _role_page(request: HttpRequest, shown: KnownRole, composed: CouncilRole | None = None) -> HttpResponse:
    """What the role may do, in words, and who holds it."""
    rooms: dict[str, list[str]] = {}
    for each in council_roles.named_permissions():
        if each.name in shown.permissions:
            rooms.setdefault(each.room, []).append(each.sentence)
    context = {
        "title": shown.name,
        "role": shown,
        "rooms": rooms,
        "holders": User.objects.filter(is_active=True, groups__name=shown.name),
        "history": composed.history.all()[:50] if composed else [],
        "may_change": composed is not None and request.actor.may("people.change_councilrole"),
    }
    return render(request, "console/access/role.html", context)


@screen(permission=MANAGE_ROLES, what="compose roles", recent=True)
@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: HttpRequest, role_id: int | None = None) -> HttpResponse:
    """Compose a role, or change one."""
    found = council_roles.get_role(role_id) if role_id else None
    form = RoleForm(request.POST if request.method == "POST" else None, role=found)
    if form.is_valid():
        with refusals(form) as attempt:
            saved = council_roles.save_role(actor=request.actor, role=found, **form.cleaned_data)
        if attempt.succeeded:
            messages.success(request, f"The role {saved} was saved.")
            return redirect("access:council_role", saved.pk)
    title = f"Change the role {found}" if found else "Compose a role"
    return render(request, "console/access/compose.html", {"title": title, "form": form, "role": found})


# --- reviews --------------------------------------------------------------------------------------------------------


@screen(permission=MAY_SEE_REVIEWS, what="see access reviews")
@require_safe
def reviews(request: HttpRequest) -> HttpResponse:
    """Every review, newest first."""
    context = {
        "title": "Access reviews",
        "reviews": selectors.reviews(request.actor),
        "today": clock.today(),
        "may": _may(request),
    }
    return render(request, "console/access/reviews.html", context)


@screen(permission=selectors.OPEN, what="open access reviews")
@require_http_methods(["GET", "HEAD", "POST"])
def new_review(request: HttpRequest) -> HttpResponse:
    """Open a review."""
    form = NewReviewForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with refusals(form) as attempt:
            opened = services.open_review(actor=request.actor, **form.cleaned_data)
        if attempt.succeeded:
            messages.success(request, f"{opened} is open: {opened.lines.count()} people.")
            return redirect("access:review", opened.pk)
    return render(request, "console/access/new_review.html", {"title": "Open an access review", "form": form})


@screen(permission=MAY_SEE_REVIEWS, what="see access reviews")
@require_safe
def review(request: HttpRequest, review_id: int) -> HttpResponse:
    """One review: who is decided about and who is not."""
    found = selectors.get_review(request.actor, review_id)
    context = {
        "title": str(found),
        "review": found,
        "lines": selectors.lines_of(found),
        "waiting": found.people - found.decided,
        "own": request.actor.person_key,
        "is_late": found.is_open and found.due_on < clock.today(),
        "may": _may(request),
        "form": StatementForm(),
    }
    return render(request, "console/access/review.html", context)


@screen(permission=selectors.DECIDE, what="decide about people in access reviews")
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, review_id: int, line_id: int) -> HttpResponse:
    """One person in a review: what they had and have, and the decision."""
    found = selectors.get_review(request.actor, review_id)
    line = found.lines.select_related("person", "decided_by").filter(pk=line_id).first()
    if line is None:
        raise NotFound("There is no such person in this review.")
    form = DecisionForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with refusals(form) as attempt:
            services.decide(actor=request.actor, line_id=line.pk, **form.cleaned_data)
        if attempt.succeeded:
            messages.success(request, f"Decided about {line.name}.")
            following = _next_line(request, found)
            if following:
                return redirect("access:decide", found.pk, following.pk)
            return redirect("access:review", found.pk)
    context = {
        "title": line.name,
        "review": found,
        "line": line,
        "scope_now": selectors.scope_in_words(line.person),
        "interests": of_person(request.actor, line.person),
        "is_own": line.person_id == request.actor.person_key,
        "form": form,
        "history": line.history.exclude(decision="").order_by("history_date"),
        "may": _may(request),
    }
    return render(request, "console/access/decide.html", context)


def _next_line(request: HttpRequest, found: AccessReview) -> ReviewLine | None:
    waiting = selectors.lines_of(found, waiting_only=True)
    return next((line for line in waiting if line.person_id != request.actor.person_key), None)


@screen(permission=selectors.OPEN, what="sign off access reviews", recent=True)
@require_http_methods(["GET", "HEAD", "POST"])
def sign_off(request: HttpRequest, review_id: int) -> HttpResponse:
    """Close a review for good."""
    found = selectors.get_review(request.actor, review_id)
    form = StatementForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with refusals(form) as attempt:
            services.sign_off(actor=request.actor, review_id=found.pk, statement=form.cleaned_data["statement"])
        if attempt.succeeded:
            messages.success(request, f"{found} was signed off and stays as it is.")
            return redirect("access:review", found.pk)
    context = {"title": f"Sign off {found}", "review": found, "waiting": found.people - found.decided, "form": form}
    return render(request, "console/access/sign_off.html", context)


@screen(permission=MAY_SEE_REVIEWS, what="see access reviews")
@require_safe
def export_review(request: HttpRequest, review_id: int) -> HttpResponse:
    """A review as a file."""
    found = selectors.get_review(request.actor, review_id)
    record("access_review_exported", actor=request.actor, subject=found)
    return _file(request, "access-review", "Access review", _review_rows(found))


def _review_rows(found: AccessReview) -> Iterator[Sequence[Any]]:
    yield (found.title,)
    yield ("Opened", _when(found.opened_at), found.opened_by)
    yield ("Signed off", _when(found.signed_off_at), found.signed_off_by, found.statement)
    yield ()
    yield (*selectors.LINE_HEADINGS, "Decided at")
    for line in found.lines.select_related("decided_by"):
        yield _in_words(selectors.line_as_row(line))


# --- starters and leavers -------------------------------------------------------------------------------------------


@screen(permission=staff_file.PERMISSION, what="bring in starters and leavers", recent=True)
@require_http_methods(["GET", "HEAD", "POST"])
def staff(request: HttpRequest) -> HttpResponse:
    """A file of starters and leavers: what it would do, then the doing."""
    context: dict[str, Any] = {"title": "Starters and leavers", "columns": staff_file.COLUMNS}
    if request.POST.get("step") == "confirm":
        return _apply_staff(request, context)
    form = StaffFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with refusals(form) as attempt:
            text = _decoded(form.cleaned_data["file"])
            planned = staff_file.plan(request.actor, text)
        if attempt.succeeded:
            context["plan"] = planned
            context["apply"] = ApplyForm(initial={"text": text, "fingerprint": planned.fingerprint})
            return render(request, "console/access/staff_plan.html", context)
    return render(request, "console/access/staff.html", {**context, "form": form})


def _apply_staff(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    form = ApplyForm(request.POST)
    if form.is_valid():
        with refusals(form) as attempt:
            done = staff_file.apply(actor=request.actor, **form.cleaned_data)
        if attempt.succeeded:
            return _staff_done(request, done)
    planned = staff_file.plan(request.actor, request.POST.get("text", ""))
    context |= {"plan": planned, "apply": form}
    return render(request, "console/access/staff_plan.html", context)


def _staff_done(request: HttpRequest, done: staff_file.StaffPlan) -> HttpResponse:
    """Back to Access; where people wait for a second person, a page that names each."""
    if not done.waiting:
        messages.success(request, f"{_changes(len(done.done))} made.")
        return redirect("access:index")
    return render(request, "console/access/staff_done.html", {"title": "What was done", "done": done})


def _changes(count: int) -> str:
    return "1 change was" if count == 1 else f"{count} changes were"


def _decoded(file: Any) -> str:
    if file.size > staff_file.LARGEST_BYTES:
        raise InvalidInput("The file is larger than 1 MB. Bring in one department at a time.")
    content = file.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


# --- who can do what ------------------------------------------------------------------------------------------------


@screen(permission=report.PERMISSION, what="see who may do what")
@require_safe
def who_can(request: HttpRequest) -> HttpResponse:
    """Per person every permission, per permission everybody who holds it: and how they came to it."""
    form = WhoCanForm(request.GET, actor=request.actor)
    asked = _asked(form)
    if request.GET.get("format") in ("csv", "xlsx"):
        found = report.export(actor=request.actor, **asked)
        return _file(request, "who-can-do-what", "Who can do what", _who_can_rows(found))
    found = report.holdings(request.actor, **asked) if asked["person"] or asked["permission"] else None
    query = request.GET.copy()
    query.pop("format", None)
    context = {
        "title": "Who can do what",
        "form": form,
        "holdings": found[:SHOWN] if found is not None else None,
        "more": max(len(found) - SHOWN, 0) if found else 0,
        "query": query.urlencode(),
    }
    return render(request, "console/access/who_can.html", context)


def _asked(form: WhoCanForm) -> dict[str, Any]:
    typed = form.cleaned_data if form.is_valid() else {}
    found = User.objects.filter(pk=typed["person"]).first() if typed.get("person") else None
    return {"person": found, "permission": typed.get("permission", "")}


def _who_can_rows(found: Iterable[report.Holding]) -> Iterator[Sequence[Any]]:
    yield report.HEADINGS
    for each in found:
        yield _in_words(report.as_row(each))


def _in_words(row: Sequence[Any]) -> list[Any]:
    return [_when(cell) if isinstance(cell, datetime) else cell or "" for cell in row]


def _when(moment: Any) -> str:
    return f"{localtime(moment):%Y-%m-%d %H:%M}" if moment else ""


def _file(request: HttpRequest, name: str, sheet: str, rows: Iterator[Sequence[Any]]) -> HttpResponse:
    name = f"{name}-{clock.today():%Y-%m-%d}"
    if request.GET.get("format") == "xlsx":
        return FileResponse(as_workbook(rows, sheet), as_attachment=True, filename=f"{name}.xlsx")
    answer = StreamingHttpResponse(as_csv(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer
