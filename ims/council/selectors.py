"""Reading who the council is."""

from __future__ import annotations

from ims.council.models import CouncilDetails


def details() -> CouncilDetails:
    """The council's details; those of a council that has entered none have the defaults."""
    return CouncilDetails.objects.filter(pk=CouncilDetails.ONLY).first() or CouncilDetails()
