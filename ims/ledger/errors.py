"""What the ledger refuses, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import IntegrityError

from ims.common.errors import ImsError


class LedgerRefusal(ImsError):
    """The ledger will not take this posting. Nothing was written."""

    code = "ledger_refusal"


# Said by the code before it writes and by the database when somebody else was quicker: one code for one reason.
NOT_ENOUGH_LEFT = "entry_has_enough_left"

_SENTENCES = {
    "posting_once_per_source": "This has been posted already. Nothing was posted again.",
    "moving_money_balances": "Money moved must balance: what goes in must equal what comes out.",
    "posting_is_whole": "The posting does not add up to what it says. Nothing was posted.",
    "posting_is_complete": "That posting is complete; a line cannot be added to it later.",
    NOT_ENOUGH_LEFT: "More would be taken from a receipt than remains of it. Somebody may have moved it "
    "meanwhile: look at the receipt again.",
    "corrected_at_the_receipt": "That line moved money of another receipt, or gave it back; money is taken from the "
    "receipt itself. Move it from there.",
    "entry_amount_is_not_zero": "A line of £0.00 cannot be posted.",
    "entry_vat_within_amount": "The VAT of a line must lie within its amount.",
    "reversal_is_final": "That posting is itself a reversal. It cannot be reversed; post a new journal instead.",
    "reversal_mirrors": "A reversal must mirror what it undoes, line for line.",
    "posting_within_limit": "This moves more than may be moved alone, and nobody has approved it. Ask for an approval.",
    "reverses_id": "That posting has been reversed already.",
}


@contextmanager
def explained() -> Iterator[None]:
    """Turn a refusal by the database into a `LedgerRefusal` with a sentence; let every other error through."""
    try:
        yield
    except IntegrityError as error:
        raise refusal_for(error) from error


def refusal_for(error: IntegrityError) -> LedgerRefusal:
    """The sentence for a refusal by PostgreSQL, found by the name of the constraint or trigger that refused."""
    cause = error.__cause__
    diagnosis = cause.diag if isinstance(cause, psycopg.Error) else None
    name = (diagnosis.constraint_name if diagnosis else "") or ""
    if name == "period_is_open":
        return LedgerRefusal(f"{diagnosis.message_primary} Choose a date in an open period.", code=name)
    for known, sentence in _SENTENCES.items():
        if known in name:
            return LedgerRefusal(sentence, code=known)
    if name == "entry_names_what_exists":
        return LedgerRefusal(f"{diagnosis.message_primary} Nothing was posted.", code="unknown_code")
    raise error
