"""What accounts holds about a person who asks."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Q, QuerySet
from django.db.models.functions import Upper

from ims.accounts.models import AccountHolder
from ims.audit.subjects import About, Found, source


@source(
    "accounts",
    "Account holders",
    why="Loaded from the revenues, housing and debtors systems, so that a payment reaches the right account.",
    order=10,
)
def holders(about: About) -> Iterator[Found]:
    """Accounts under the references, the name or the postcode."""
    for each in _fitting(about).select_related("fund", "stop_reason").order_by("pk"):
        yield Found(
            f"holder:{each.pk}",
            {
                "Fund": str(each.fund),
                "Account reference": each.reference,
                "Name": each.name,
                "Address": each.address,
                "Postcode": each.postcode,
                "Balance": each.balance,
                "Balance on": each.balance_on,
                "Stop": str(each.stop_reason or ""),
                "Open": "yes" if each.is_open else "no",
            },
        )


@source(
    "account_history",
    "Earlier states of account holders",
    why="Who changed what, so that a mistake can be found and shown.",
    order=11,
)
def history(about: About) -> Iterator[Found]:
    """What was known about those accounts before."""
    keys = list(_fitting(about).values_list("pk", flat=True))
    for each in AccountHolder.history.filter(id__in=keys).order_by("history_id"):
        yield Found(
            f"holder-history:{each.history_id}",
            {
                "When": each.history_date,
                "By": each.actor_name,
                "Account reference": each.reference,
                "Name": each.name,
                "Address": each.address,
                "Postcode": each.postcode,
                "Balance": each.balance,
            },
        )


def _fitting(about: About) -> QuerySet[AccountHolder]:
    condition = Q(pk__in=[])
    holders = AccountHolder.objects.all()
    if about.references:
        holders = holders.alias(upper=Upper("reference"))
        condition |= Q(upper__in=[reference.upper() for reference in about.references])
    if about.name:
        holders = holders.alias(words=SearchVector("name", config="simple"))
        condition |= Q(words=SearchQuery(about.name, config="simple"))
    if about.postcode:
        holders = holders.alias(code=Upper("postcode"))
        condition |= Q(code=about.postcode.upper())
    return holders.filter(condition)
