"""Messages from card providers: verified, kept and answered at once; the work is done in the background."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from ims.common.errors import ImsError, NotFound
from ims.payments import selectors
from ims.payments.services import record_notification
from ims.providers.card import Nonsense

logger = logging.getLogger(__name__)
LONGEST = 256 * 1024


@csrf_exempt  # Whoever sends proves itself by a signature over the message.
@never_cache
@require_POST
def notified(request: HttpRequest, code: str) -> HttpResponse:
    """Take in one message of the service called `code`. What is not signed as it should be is refused, and not kept."""
    if int(request.headers.get("Content-Length") or 0) > LONGEST:
        return HttpResponse(status=413)
    try:
        record_notification(service=selectors.service_named(code), headers=request.headers, body=request.body)
    except NotFound:
        return HttpResponse(status=404)
    except Nonsense:
        # Signed, and about something IMS does not follow: saying no would only have it sent again.
        logger.info("A notification of %s says nothing about a payment.", code)
        return HttpResponse(status=204)
    except ImsError as refusal:
        logger.warning("A notification of %s was thrown away: %s", code, refusal.code)
        return HttpResponse(status=400)
    return HttpResponse(status=204)
