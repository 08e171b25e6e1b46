"""Who may call the API, what became of their calls, and what they are told."""

from ims.api.models.clients import Client, ClientKey
from ims.api.models.idempotency import SpentKey
from ims.api.models.notifying import Notification, NotificationTry, NotifyAddress
from ims.api.models.payments import ClientPayment

__all__ = ["Client", "ClientKey", "ClientPayment", "Notification", "NotificationTry", "NotifyAddress", "SpentKey"]
