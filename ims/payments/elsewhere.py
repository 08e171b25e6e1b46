"""Payments whose money came by a file of the provider's: found at the provider too, it would be there twice.

The room that posts files is beside this one and does not know of it. An upper room that knows both registers the
question.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

Question = Callable[[str, datetime], bool]
"""Whether a file posted since then may have brought the payment with this id of the provider's."""

_questions: list[Question] = []


def register(question: Question) -> None:
    """Ask `question` before a payment that IMS did not ask for is written down. Called when the application starts."""
    if question not in _questions:
        _questions.append(question)


def may_have_come(payment_id: str, since: datetime) -> bool:
    """Whether the money of a payment made since then may be posted already, or is being posted just now."""
    return any(question(payment_id, since) for question in _questions)
