"""What the Model Council shows its payers: its name and colours, what may be paid, and messages that nobody gets."""

from __future__ import annotations

from ims.audit.actors import acting
from ims.correspondence.models import CarrierAccount, Channel
from ims.council.models import CouncilDetails
from ims.demonstration import cast
from ims.demonstration.telling import Event, Tell
from ims.payment_types.seed import seed_payment_types

DETAILS = {
    "name": "Model Council",
    "name_welsh": "Cyngor Model",
    "brand_colour": "#0c2a38",
    "accent_colour": "#0b5c5c",
    "telephone": "01632 960100",
    "telephone_hours": "Monday to Friday, 9am to 5pm",
    "telephone_hours_welsh": "Llun i Gwener, 9yb i 5yp",
    "email": "payments@model.example",
    "address": "Westgate Plaza\nModel Street\nModelton MO1 1AA",
    "vat_number": "980780684",
}


def receive_payers(tell: Tell) -> None:
    """Make the payment pages ready. What is there already is left."""
    admin = cast.act_as(cast.ADMIN)
    with acting(admin, cast.REASON):
        if not CouncilDetails.objects.exists():
            CouncilDetails.objects.create(**DETAILS)
        for channel in Channel.values:
            CarrierAccount.objects.get_or_create(channel=channel, defaults={"kind": CarrierAccount.Kind.PRACTICE})
    added = seed_payment_types(admin)
    tell(Event("Payment pages", f"{added} payment types, at /pay/" if added else "as they were", cast.ADMIN.name))
