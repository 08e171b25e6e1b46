"""How rooms above the ledger hear of what it did, without the ledger knowing them.

A room registers a function when the application starts; it runs in the transaction of the posting, so that both stand
or fall together.
"""

from __future__ import annotations

from collections.abc import Callable

from ims.audit.actors import Actor
from ims.ledger.models import Posting

Observer = Callable[[Actor, Posting], None]

_after_reversal: list[Observer] = []


def after_reversal(observer: Observer) -> Observer:
    """Have `observer(actor, reversal)` called for every reversal (``reversal.reverses`` is the posting undone)."""
    if observer not in _after_reversal:
        _after_reversal.append(observer)
    return observer


def tell_of_reversal(actor: Actor, reversal: Posting) -> None:
    """Call everybody who asked to hear of reversals."""
    for observer in _after_reversal:
        observer(actor, reversal)
