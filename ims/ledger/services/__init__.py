"""What may be done to the ledger. Each function authorises, decides, writes and records, in one transaction."""

from ims.ledger.lines import Line, Posted, Take
from ims.ledger.services.journals import post_allocation, post_journal, post_transfer
from ims.ledger.services.periods import close_period, open_period, reopen_period
from ims.ledger.services.receipts import post_receipts, post_set
from ims.ledger.services.refunds import post_refund
from ims.ledger.services.reversals import reverse

__all__ = [
    "Line",
    "Posted",
    "Take",
    "close_period",
    "open_period",
    "post_allocation",
    "post_journal",
    "post_receipts",
    "post_refund",
    "post_set",
    "post_transfer",
    "reopen_period",
    "reverse",
]
