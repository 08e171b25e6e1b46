"""What interests holds about a person who asks: accounts that members of staff named."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from ims.audit.subjects import About, Found, source
from ims.interests.models import Interest
from ims.interests.selectors import same_form


@source(
    "interests",
    "Interests that members of staff declared",
    why="So that nobody moves money of an account of their own, or of somebody close to them.",
    order=53,
)
def interests(about: About) -> Iterator[Found]:
    """Declarations by the person, and those of others that name an account of theirs."""
    condition = Q(account_reference__in=[same_form(each) for each in about.references if each])
    if about.name:
        condition |= Q(person__display_name__icontains=about.name)
    if about.email:
        condition |= Q(person__email__iexact=about.email)
    for each in Interest.objects.filter(condition).select_related("person").order_by("pk"):
        yield Found(
            f"interest:{each.pk}",
            {
                "Account reference": each.account_reference,
                "Whose it is": each.get_relation_display(),
                "Note": each.note,
                "Declared": each.declared_on,
                "Ended": each.ended_on,
            },
        )
