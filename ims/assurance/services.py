"""Taking the past away as a file. Nothing else here writes: the rest of the room reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from ims.assurance import sampling, selectors
from ims.assurance.sampling import Request, Sample
from ims.assurance.search import Criteria
from ims.audit.actors import Actor, authorise
from ims.audit.services import record

MOST_EXPORTED = 50_000
"""Acts in one file. Narrow the days to take more away in parts."""


@transaction.atomic
def search(*, actor: Actor, criteria: Criteria, asked: dict[str, Any], cursor: str = "") -> selectors.Page:
    """One page of what was done. That the trail was searched, and for what, stays on record; turning pages does not."""
    authorise(actor, selectors.PERMISSION, what="search the audit trail")
    page = selectors.page(actor, criteria, cursor=cursor)
    if any(asked.values()) and not cursor:
        record("audit_trail_searched", actor=actor, data={"search": asked})
    return page


@transaction.atomic
def export_search(*, actor: Actor, criteria: Criteria, asked: dict[str, Any]) -> Iterator[selectors.Act]:
    """What a search found, up to `MOST_EXPORTED` acts, to be written to a file. `asked` is kept on record."""
    authorise(actor, selectors.PERMISSION, what="export the audit trail")
    selectors.require(actor, "export the audit trail")
    record("audit_trail_exported", actor=actor, data={"search": asked})
    return selectors.all_of(actor, criteria, limit=MOST_EXPORTED)


@transaction.atomic
def take_sample(*, actor: Actor, request: Request) -> Sample:
    """Draw a sample for a workpaper; the seed and the population stay on record."""
    authorise(actor, selectors.PERMISSION, what="take samples")
    sample = sampling.draw(actor, request)
    data = {**request.as_json(), "population": sample.population.as_json(), "chosen": len(sample.items)}
    record("audit_sample_taken", actor=actor, data=data)
    return sample
