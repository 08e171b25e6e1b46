"""Subject access: what is held about a person, reviewed by somebody, handed over as one file. All of it on record."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime

from ims.audit import personal
from ims.audit.actors import Actor, acting, authorise
from ims.audit.admin import neutral
from ims.audit.scope import require_whole
from ims.audit.services import record
from ims.audit.subjects import About, Found, Source, sources
from ims.common import clock
from ims.common.errors import NotFound
from ims.records.errors import RecordsRefusal
from ims.records.models import SubjectRequest

PERMISSION = "records.answer_subject"
MOST_SHOWN = 2_000
"""Things found of one source. More than that and the search was too wide to be about one person."""


@dataclass(frozen=True)
class Holding:
    """What one source holds: `kept` is handed over, `left_out` is not, with the reason of each."""

    source: Source
    kept: list[Found]
    left_out: list[tuple[Found, str]]


def requests(actor: Actor) -> QuerySet[SubjectRequest]:
    """Every request, newest first."""
    _require(actor)
    return SubjectRequest.objects.all()


def get(actor: Actor, request_id: int) -> SubjectRequest:
    """One request. Raises `NotFound`."""
    found = requests(actor).filter(pk=request_id).first()
    if found is None:
        raise NotFound("There is no such subject access request.")
    return found


@transaction.atomic
def open_request(
    *,
    actor: Actor,
    case: str,
    name: str = "",
    references: str = "",
    postcode: str = "",
    email: str = "",
    telephone: str = "",
) -> SubjectRequest:
    """Begin to answer somebody. Nothing about them is written into the audit trail but the council's own number."""
    authorise(actor, PERMISSION, what="answer subject access requests")
    _require(actor)
    lines = "\n".join(line.strip() for line in references.splitlines() if line.strip())
    if not any((name.strip(), lines, postcode.strip(), email.strip(), telephone.strip())):
        raise RecordsRefusal(
            "Say at least one thing about the person: name, account reference, postcode, e-mail or telephone number."
        )
    if name.strip() and len(name.strip()) < 3:
        raise RecordsRefusal("Give more of the name: two letters fit too many people.")
    if telephone.strip() and sum(map(str.isdigit, telephone)) < 9:
        raise RecordsRefusal("Give the whole telephone number: a few digits fit too many people.")
    if not case.strip():
        raise RecordsRefusal("Give the number of the request in the council's own register.")
    today = clock.today()
    made = SubjectRequest(
        case=case.strip(),
        name=name.strip(),
        references=lines,
        postcode=postcode.strip(),
        email=email.strip(),
        telephone=telephone.strip(),
        opened_on=today,
        due_on=_a_month_after(today),
        opened_by=actor.name,
    )
    with acting(actor, f"Subject access {made.case}"):
        made.save()
    record("subject_access_opened", actor=actor, subject=made, data={"case": made.case})
    return made


def holdings(actor: Actor, request: SubjectRequest) -> list[Holding]:
    """All that is held and fits, by source, with what was left out. Whoever is shown it leaves a trace."""
    _require(actor)
    personal.note(request)
    about = About(
        actor=actor,
        name=request.name,
        references=frozenset(request.references.split("\n")) - {""},
        postcode=request.postcode,
        email=request.email,
        telephone=request.telephone,
    )
    return [_holding(source, about, request.left_out) for source in _load()]


def _holding(source: Source, about: About, left_out: Mapping[str, str]) -> Holding:
    kept: list[Found] = []
    out: list[tuple[Found, str]] = []
    for number, found in enumerate(source.find(about), start=1):
        if number > MOST_SHOWN:
            raise RecordsRefusal(
                f"More than {MOST_SHOWN:,} things fit in “{source.title}”. Give references instead of a name alone."
            )
        if found.key in left_out:
            out.append((found, left_out[found.key]))
        else:
            kept.append(found)
    return Holding(source, kept, out)


@transaction.atomic
def review(*, actor: Actor, request_id: int, left_out: Mapping[str, str]) -> SubjectRequest:
    """Say what is not handed over (key → why: somebody else's, exempt) and that everything was looked at."""
    authorise(actor, PERMISSION, what="review subject access requests")
    request = _locked(actor, request_id)
    if any(not why.strip() for why in left_out.values()):
        raise RecordsRefusal("Say why something is left out: it is somebody else's, or an exemption applies.")
    request.left_out, request.reviewed_by = dict(left_out), actor.name
    request.state = SubjectRequest.State.REVIEWED
    with acting(actor, f"Reviewed, {len(left_out)} left out"):
        request.save()
    record("subject_access_reviewed", actor=actor, subject=request, data={"left_out": len(left_out)})
    return request


@transaction.atomic
def answer(*, actor: Actor, request_id: int) -> tuple[SubjectRequest, bytes]:
    """The answer as a zip: a page to read, and the same as CSV and JSON. Refused before it was reviewed."""
    authorise(actor, PERMISSION, what="answer subject access requests")
    request = _locked(actor, request_id)
    if request.state == SubjectRequest.State.OPEN:
        raise RecordsRefusal("Review it first: somebody has to look at every row before it is handed over.")
    content = _zip(request, holdings(actor, request))
    request.state, request.answered_at = SubjectRequest.State.ANSWERED, clock.now()
    request.sha256 = hashlib.sha256(content).hexdigest()
    with acting(actor, "Handed over"):
        request.save()
    record(
        "subject_access_answered", actor=actor, subject=request, data={"sha256": request.sha256, "case": request.case}
    )
    return request, content


def _locked(actor: Actor, request_id: int) -> SubjectRequest:
    _require(actor)
    found = SubjectRequest.objects.select_for_update().filter(pk=request_id).first()
    if found is None:
        raise NotFound("There is no such subject access request.")
    return found


def _require(actor: Actor) -> None:
    authorise(actor, PERMISSION, what="answer subject access requests")
    require_whole(actor, "What is held about a person")


def _load() -> list[Source]:
    for room in settings.ROOMS:
        if find_spec(f"{room}.subject_sources") is not None:
            import_module(f"{room}.subject_sources")
    return sources()


def _a_month_after(day: date) -> date:
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


# --- the answer --------------------------------------------------------------------------------------------------


def _zip(request: SubjectRequest, held: list[Holding]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _files(request, held):
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _files(request: SubjectRequest, held: list[Holding]) -> Iterator[tuple[str, str]]:
    yield "what-we-hold.html", _page(request, held)
    yield "what-we-hold.json", json.dumps(_as_data(held), ensure_ascii=False, indent=2, default=str) + "\n"
    for each in held:
        if each.kept:
            headings = list(each.kept[0].values)
            rows = ([found.values.get(heading, "") for heading in headings] for found in each.kept)
            yield f"{each.source.name}.csv", _csv([headings, *rows])


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    """Rows for a spreadsheet, none of which it would run."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([neutral(_plain(value)) for value in row])
    return "\ufeff" + text.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{localtime(value):%Y-%m-%d %H:%M:%S}"
    return value


def _as_data(held: list[Holding]) -> list[dict[str, Any]]:
    return [
        {
            "what": each.source.title,
            "kept_for": each.source.why,
            "held": [{heading: _read(value) for heading, value in found.values.items()} for found in each.kept],
            "left_out": len(each.left_out),
        }
        for each in held
    ]


def _page(request: SubjectRequest, held: list[Holding]) -> str:
    return (
        format_html(
            '<!doctype html>\n<html lang="en-GB"><head><meta charset="utf-8">'
            "<title>What we hold about you</title></head><body>\n"
            "<h1>What {} holds about you in its income management system</h1>\n"
            "<p>Your request: {}. Made {}.</p>\n{}\n</body></html>",
            settings.COUNCIL_NAME,
            request.case,
            f"{clock.today():%-d %b %Y}",
            format_html_join("\n", "{}", ((_part(each),) for each in held)),
        )
        + "\n"
    )


def _part(each: Holding) -> str:
    if not each.kept:
        body = format_html("<p>{}</p>", "Nothing.")
    else:
        headings = list(each.kept[0].values)
        body = format_html(
            '<table border="1"><thead><tr>{}</tr></thead><tbody>\n{}\n</tbody></table>',
            format_html_join("", '<th scope="col">{}</th>', ((heading,) for heading in headings)),
            format_html_join(
                "\n",
                "<tr>{}</tr>",
                (
                    (format_html_join("", "<td>{}</td>", ((_read(found.values.get(h, "")),) for h in headings)),)
                    for found in each.kept
                ),
            ),
        )
    left_out = f"{len(each.left_out)} more were left out: they are about others, or the law exempts them."
    return format_html(
        "<h2>{}</h2>\n<p>{}</p>\n{}\n{}",
        each.source.title,
        each.source.why,
        body,
        format_html("<p>{}</p>", left_out) if each.left_out else "",
    )


def _read(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{localtime(value):%-d %b %Y, %H:%M}"
    if isinstance(value, date):
        return f"{value:%-d %b %Y}"
    return str(value)
