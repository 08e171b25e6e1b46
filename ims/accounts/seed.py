"""The Model Council's stop reasons, from the file under `data/`. Nothing that exists is changed."""

from __future__ import annotations

from django.db import transaction

from ims.accounts.models import StopReason
from ims.audit.actors import Actor, acting, authorise
from ims.funds import seed


@transaction.atomic
def seed_stop_reasons(actor: Actor) -> int:
    """Add the Model Council's stop reasons that are missing; its funds must be there. Returns how many were added."""
    authorise(actor, "accounts.add_stopreason", what="load the Model Council's stop reasons")
    with acting(actor, seed.REASON):
        rows = seed.rows("ims.accounts", "model_council/stop_reasons.csv")
        return sum(seed.add_missing(StopReason, ("fund", "code"), row) for row in rows)
