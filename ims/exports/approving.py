"""What of exports can be asked for: changes of profiles, which decide what the ledger is told."""

from __future__ import annotations

from ims.approvals import records
from ims.exports import services
from ims.exports.models import ExportProfile

PROFILE = "exports.profile"


def register() -> None:
    """Guard export profiles: all of them, since even the name of one may stand in the name of its files."""
    records.register_kind(PROFILE, label="Export profile", limit_label="Changes of export profiles")
    records.guard(
        ExportProfile,
        PROFILE,
        save=lambda actor, profile, reason: services.save_profile(actor=actor, profile=profile, reason=reason),
    )
