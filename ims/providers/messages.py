"""What every carrier of messages to payers can be asked, in words of our own. Pure: no Django, no tables.

A carrier takes an e-mail, a text message or a letter that is written already, and says later what became of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ims.common.errors import ImsError


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    TEXT = "text"
    LETTER = "letter"


class Fate(StrEnum):
    """What became of a message."""

    ON_ITS_WAY = "on_its_way"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    """It cannot be delivered there: the address is wrong. Trying again would not help."""
    FAILED = "failed"
    """It was not delivered this time; the address may be right."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A message ready to go. `reference` is our own and unique; it names no person.

    `to` is an e-mail address or a telephone number; for a letter, `address` holds three to seven lines, the postcode
    last. `subject` is empty for a text message.
    """

    channel: Channel
    reference: str
    body: str
    to: str = ""
    subject: str = ""
    address: Sequence[str] = field(default_factory=tuple)


class CarrierError(ImsError):
    """The carrier did not take the message."""

    code = "carrier_error"


class CarrierUnreachable(CarrierError):
    """No usable answer. `may_have_gone`: whether the message was taken is not known, so ask before sending again.

    `seconds` is how long to wait, when the carrier said.
    """

    code = "carrier_unreachable"

    def __init__(self, message: str, *, may_have_gone: bool = True, seconds: int = 0) -> None:
        super().__init__(message)
        self.may_have_gone, self.seconds = may_have_gone, seconds


class CarrierRefused(CarrierError):
    """The carrier understood and said no. Sending the same again would be refused again."""

    code = "carrier_refused"


class Carrier(Protocol):
    """One account at a carrier."""

    remembers: bool
    """Whether `find` can tell what was taken: only then is it safe to send again after no answer."""

    def send(self, letter: Letter) -> str:
        """Hand over a message; the carrier's own id of it."""

    def find(self, reference: str) -> str:
        """The carrier's id of the message with our `reference`; empty when it has none."""

    def fate(self, carrier_id: str) -> tuple[Fate, str]:
        """What became of it, and the carrier's own word."""
