"""What may be done with files. Each function authorises, decides, writes and records."""

from ims.imports.services.checking import check
from ims.imports.services.configuration import (
    draft_layout,
    retire_profile,
    save_profile,
    save_rule,
    try_rule,
    try_sample,
)
from ims.imports.services.held_rows import correct_row, decide_duplicate, discard_row, post_corrected
from ims.imports.services.posting import post
from ims.imports.services.receiving import abandon, change_profile, find_profile, receive, recognise
from ims.imports.services.requesting import check_later, post_later, receive_and_check
from ims.imports.services.reversing import postings_of, reverse_batch

__all__ = [
    "abandon",
    "change_profile",
    "check",
    "check_later",
    "correct_row",
    "decide_duplicate",
    "discard_row",
    "draft_layout",
    "find_profile",
    "post",
    "post_corrected",
    "post_later",
    "postings_of",
    "receive",
    "receive_and_check",
    "recognise",
    "retire_profile",
    "reverse_batch",
    "save_profile",
    "save_rule",
    "try_rule",
    "try_sample",
]
