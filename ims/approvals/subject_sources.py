"""What requests for approval hold about a person who asks."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from ims.approvals.models import Request
from ims.audit.subjects import About, Found, source


@source(
    "requests",
    "Requests for approval",
    why="Who asked for what, and who agreed: the council's proof that two people decided.",
    order=45,
)
def requests(about: About) -> Iterator[Found]:
    """Requests whose details, plan or reason name the person or a reference of theirs."""
    condition = Q(pk__in=[])
    for word in filter(None, (*about.references, about.name, about.email, about.telephone)):
        condition |= Q(asked__icontains=word) | Q(shown__icontains=word) | Q(reason__icontains=word)
        condition |= Q(summary__icontains=word) | Q(decision_reason__icontains=word)
    found = Request.objects.alias(asked=Cast("payload", TextField()), shown=Cast("plan", TextField()))
    for each in found.filter(condition).order_by("pk").iterator(500):
        yield Found(
            f"request:{each.pk}",
            {
                "Request": str(each),
                "What": each.summary,
                "Asked": each.requested_at,
                "By": each.requested_by_name,
                "Why": each.reason,
                "Lines": "; ".join(
                    f"{line['account_reference']} {line['narrative']} {line['amount']}"
                    for line in each.plan.get("lines", [])
                ),
                "Changes": "; ".join(
                    f"{one['name']}: {one['before']} → {one['after']}" for one in each.plan.get("differences", [])
                ),
                "State": each.get_state_display(),
                "Decided by": each.decided_by_name,
            },
        )
