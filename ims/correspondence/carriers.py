"""From a carrier as set up to the client that talks to it."""

from __future__ import annotations

from django.conf import settings

from ims.correspondence.errors import CorrespondenceRefusal
from ims.correspondence.models import CarrierAccount
from ims.council.selectors import details
from ims.providers.mail import Mail
from ims.providers.messages import Carrier, Channel, Fate, Letter
from ims.providers.notify import ADDRESS, Notify


class Practice:
    """Sends nothing to anybody: the message stays in the database, where staff can read it."""

    remembers = True

    def send(self, letter: Letter) -> str:
        return f"practice:{letter.reference}"

    def find(self, reference: str) -> str:
        return ""

    def fate(self, carrier_id: str) -> tuple[Fate, str]:
        return Fate.ON_ITS_WAY, "practice"


def carrier_for(account: CarrierAccount) -> Carrier:
    """The client of `account`. Raises `CorrespondenceRefusal` when its key is not to be had."""
    if account.kind == CarrierAccount.Kind.PRACTICE:
        return Practice()
    if account.kind == CarrierAccount.Kind.NOTIFY:
        key = _secret(account.key_name)
        if not key:
            raise CorrespondenceRefusal(f"The key “{account.key_name}” of GOV.UK Notify is not there. See the runbook.")
        return Notify(
            key=key, templates={Channel(account.channel): account.template}, address=account.base_url or ADDRESS
        )
    return Mail(
        host=account.host,
        port=account.port,
        security=account.security,
        sender=account.sender,
        sender_name=details().known_as,
        user=account.user,
        password=_secret(account.key_name),
    )


def callback_token(account: CarrierAccount) -> str:
    """What GOV.UK Notify must say to be believed; empty when none is set."""
    return _secret(account.callback_token_name)


def _secret(name: str) -> str:
    return settings.NAMED_SECRET(name) if name else ""
