"""What may be done about card payments. Each function authorises, decides, writes and records, in one transaction.

What talks to a provider stands in `ims.payments.dealings` and `ims.payments.refunding`, between transactions.
"""

from ims.payments.checking import NewLine
from ims.payments.services.baskets import (
    Payer,
    add_line,
    cancel_basket,
    copy_basket,
    open_basket,
    remove_line,
    set_payer,
)
from ims.payments.services.links import cancel_link, create_link, find_link, mark_sent, open_link, token_of
from ims.payments.services.notifications import record_notification
from ims.payments.services.refunds import request_refund
from ims.payments.services.troubles import resolve_exception

__all__ = [
    "NewLine",
    "Payer",
    "add_line",
    "cancel_basket",
    "cancel_link",
    "copy_basket",
    "create_link",
    "find_link",
    "mark_sent",
    "open_basket",
    "open_link",
    "record_notification",
    "remove_line",
    "request_refund",
    "resolve_exception",
    "set_payer",
    "token_of",
]
