"""The states of a batch and of its rows, and the moves allowed between them."""

from __future__ import annotations

from django.db import models


class BatchState(models.TextChoices):
    """Where a batch is on its way."""

    RECEIVED = "received", "Received"
    CHECKING = "checking", "Being checked"
    CHECKED = "checked", "Ready to post"
    POSTING = "posting", "Being posted"
    POSTED = "posted", "Posted"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"
    REVERSED = "reversed", "Reversed"
    ABANDONED = "abandoned", "Abandoned"


S = BatchState

MOVES: dict[str, tuple[frozenset[BatchState], BatchState]] = {
    # event → (from any of these, to)
    "start_check": (frozenset({S.RECEIVED, S.CHECKING, S.CHECKED, S.REFUSED, S.FAILED}), S.CHECKING),
    "change_profile": (frozenset({S.RECEIVED, S.CHECKED, S.REFUSED, S.FAILED}), S.RECEIVED),
    "finish_check": (frozenset({S.CHECKING}), S.CHECKED),
    "refuse": (frozenset({S.CHECKING}), S.REFUSED),
    "fail": (frozenset({S.CHECKING}), S.FAILED),
    "start_posting": (frozenset({S.CHECKED, S.POSTING}), S.POSTING),
    "finish_posting": (frozenset({S.POSTING}), S.POSTED),
    "stop_posting": (frozenset({S.POSTING}), S.CHECKED),
    "reverse": (frozenset({S.POSTED}), S.REVERSED),
    "abandon": (frozenset({S.RECEIVED, S.CHECKED, S.REFUSED, S.FAILED}), S.ABANDONED),
}
"""Every move there is. A check may start from `checking`, and a posting from `posting`, because a batch left so by a
worker that died is taken up again; while the worker lives its lock keeps everybody else out."""

AT_WORK = frozenset({S.CHECKING, S.POSTING})
OVER = frozenset({S.REVERSED, S.ABANDONED})


class Outcome(models.TextChoices):
    """What is to become of a row, or what became of it."""

    TO_POST = "to_post", "To its account"
    TO_SUSPENSE = "to_suspense", "To suspense"
    IGNORED = "ignored", "Nothing to post"
    INVALID = "invalid", "Needs correction"
    SUSPECTED_DUPLICATE = "suspected_duplicate", "Suspected duplicate"
    CORRECTED = "corrected", "Corrected, to be posted"
    POSTED_SEPARATELY = "posted_separately", "Posted by itself"
    DISCARDED = "discarded", "Discarded"


POSTS_WITH_THE_FILE = frozenset({Outcome.TO_POST, Outcome.TO_SUSPENSE})
NEEDS_A_PERSON = frozenset({Outcome.INVALID, Outcome.SUSPECTED_DUPLICATE})
