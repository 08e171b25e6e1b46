"""What people holds about a person who asks: members of staff."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, quote_plus

from django.db.models import Count, Max, Min, Q

from ims.audit import personal
from ims.audit.models import Event
from ims.audit.subjects import About, Found, source
from ims.people.models import User


@source("staff", "Accounts of members of staff", why="Who may sign in, and what they may do.", order=50)
def staff(about: About) -> Iterator[Found]:
    """People with the name or the e-mail address."""
    for each in _fitting(about):
        yield Found(
            f"person:{each.pk}",
            {
                "Username": each.username,
                "Name": each.display_name,
                "E-mail": each.email,
                "Office": each.office_code,
                "Roles": each.role_names,
                "Active": "yes" if each.is_active else "no",
                "Last sign-in": each.last_login,
            },
        )


@source("acts", "What members of staff did", why="The audit trail, which the council must keep.", order=51)
def acts(about: About) -> Iterator[Found]:
    """Their acts, added up by kind and network address."""
    for person in _fitting(about):
        found = Event.objects.filter(actor_kind="person", actor_id=str(person.pk)).order_by()
        counted = found.values("verb", "address").annotate(
            times=Count("pk"), first=Min("occurred_at"), last=Max("occurred_at")
        )
        for number, each in enumerate(counted.order_by("verb", "address"), start=1):
            yield Found(
                f"acts:{person.pk}:{number}",
                {
                    "Person": person.display_name,
                    "What": each["verb"].replace("_", " "),
                    "From": each["address"],
                    "Times": each["times"],
                    "First": each["first"],
                    "Last": each["last"],
                },
            )


@source(
    "views",
    "Who looked",
    why="Each search by name or reference that showed details which are masked otherwise is on record.",
    order=52,
)
def views(about: About) -> Iterator[Found]:
    """Views of unmasked details whose search names the person. Which member of staff looked is not handed over."""
    condition = Q(pk__in=[])
    for word in about.words:
        condition |= Q(data__search__icontains=quote_plus(word)) | Q(data__search__icontains=quote(word))
    for each in Event.objects.filter(condition, verb=personal.VIEWED).order_by("pk").iterator(500):
        yield Found(
            f"view:{each.pk}",
            {"When": each.occurred_at, "Page": each.data.get("page", ""), "Search": each.data.get("search", "")},
        )


def _fitting(about: About) -> list[User]:
    condition = Q(pk__in=[])
    if about.name:
        condition |= Q(display_name__icontains=about.name) | Q(username__iexact=about.name)
    if about.email:
        condition |= Q(email__iexact=about.email)
    return list(User.objects.filter(condition).order_by("pk")[:50])
