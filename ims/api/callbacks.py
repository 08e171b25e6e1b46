"""News from outside that is no client's call: what GOV.UK Notify tells of a delivery, or of a letter that came back."""

from __future__ import annotations

import hmac
import json

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from ims.correspondence.actors import POST_ROOM
from ims.correspondence.carriers import callback_token
from ims.correspondence.models import CarrierAccount, Message
from ims.correspondence.services import sending
from ims.providers.notify import RETURNED, fate_of

LEAST_TOKEN = 10


@csrf_exempt
@require_POST
def notify_delivery(request: HttpRequest) -> JsonResponse:
    """What became of a message, with the token the council gave to Notify. Notify gives up after a 4xx, so a message we
    do not know is answered 200: there is nothing to try again.

    Notify tells of letters that came back at an address of its own choice and in other words: without a status, and
    with ``notification_id`` for ``id``. Both may be told here.
    """
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    accounts = CarrierAccount.objects.filter(kind=CarrierAccount.Kind.NOTIFY)
    tokens = [token.encode() for account in accounts if len(token := callback_token(account)) >= LEAST_TOKEN]
    if not any(hmac.compare_digest(given, token) for token in tokens):
        return JsonResponse({"detail": "The token is missing or wrong."}, status=403)
    try:
        told = json.loads(request.body)
        if "notification_id" in told:
            told = {"id": told["notification_id"], "status": RETURNED}
        carrier_id, status = str(told["id"]), str(told["status"])
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"detail": "The message could not be read."}, status=400)
    message = Message.objects.filter(carrier_id=carrier_id, carrier=CarrierAccount.Kind.NOTIFY).first()
    if message is not None and "\0" not in status:
        sending.hear(actor=POST_ROOM, message_id=message.pk, fate=fate_of(status), word=status[:60])
    return JsonResponse({})
