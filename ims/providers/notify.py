"""GOV.UK Notify over HTTP: https://docs.notifications.service.gov.uk/rest-api.html

The council keeps one template for each channel at Notify, which holds nothing but ``((subject))`` and ``((body))``: the
wording is the council's own, kept here with its history. The official Python client is left out; see the decision
record on carriers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jwt
import requests

from ims.providers.messages import CarrierRefused, CarrierUnreachable, Channel, Fate, Letter

ADDRESS = "https://api.notifications.service.gov.uk"
SECONDS = 15
_UUID = 36
_KINDS = {Channel.EMAIL: "email", Channel.TEXT: "sms", Channel.LETTER: "letter"}
RETURNED = "returned-letter"
_FATES = {
    "delivered": Fate.DELIVERED,
    "received": Fate.DELIVERED,  # a letter that the printer has posted
    "sent": Fate.DELIVERED,  # a text message abroad, of which no more is heard
    "permanent-failure": Fate.BOUNCED,
    RETURNED: Fate.BOUNCED,
    "temporary-failure": Fate.FAILED,
    "technical-failure": Fate.FAILED,
    "virus-scan-failed": Fate.FAILED,
    "validation-failed": Fate.FAILED,
    "cancelled": Fate.FAILED,
}


def fate_of(status: str) -> Fate:
    """What Notify's own word means; a word it did not use before is a message still on its way."""
    return _FATES.get(status, Fate.ON_ITS_WAY)


class Notify:
    """One service at Notify. `key` is an API key; `templates` the template of each channel."""

    remembers = True

    def __init__(self, *, key: str, templates: Mapping[Channel, str], address: str = ADDRESS) -> None:
        self._secret, self._service = key[-_UUID:], key[-2 * _UUID - 1 : -_UUID - 1]
        if len(key) < 2 * _UUID + 1 or len(self._service) != _UUID:
            raise CarrierRefused("The key of GOV.UK Notify is not one. Copy the whole key anew from Notify.")
        self._templates, self._root = templates, address.rstrip("/")

    def send(self, letter: Letter) -> str:
        """Hand over a message. Notify has no idempotency key: `find` it by its reference before sending again."""
        personalisation: dict[str, Any] = {"body": letter.body}
        if letter.channel != Channel.TEXT:
            personalisation["subject"] = letter.subject
        asked: dict[str, Any] = {"reference": letter.reference, "personalisation": personalisation}
        template = self._templates.get(letter.channel, "")
        if not template:
            raise CarrierRefused(f"No template of GOV.UK Notify is set for this channel ({letter.channel}).")
        asked["template_id"] = template
        if letter.channel == Channel.EMAIL:
            asked["email_address"] = letter.to
        elif letter.channel == Channel.TEXT:
            asked["phone_number"] = letter.to
        else:
            personalisation |= {f"address_line_{place}": line for place, line in enumerate(letter.address, start=1)}
        return str(self._call("POST", f"/v2/notifications/{_KINDS[letter.channel]}", body=asked)["id"])

    def find(self, reference: str) -> str:
        """Notify's id of the message with our reference; Notify remembers for seven days."""
        found = self._call("GET", "/v2/notifications", parameters={"reference": reference})
        return next((str(each["id"]) for each in found.get("notifications", ())), "")

    def fate(self, carrier_id: str) -> tuple[Fate, str]:
        """What became of a message."""
        status = str(self._call("GET", f"/v2/notifications/{carrier_id}").get("status", ""))
        return fate_of(status), status

    def _call(
        self,
        verb: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        token = jwt.encode({"iss": self._service, "iat": int(time.time())}, self._secret, algorithm="HS256")
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "IMS"}
        try:
            answer = requests.request(
                verb,
                self._root + path,
                json=body,
                params=parameters,
                headers=headers,
                timeout=SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise CarrierUnreachable("GOV.UK Notify does not answer.") from error
        return _understood(answer)


def _understood(answer: requests.Response) -> dict[str, Any]:
    if answer.status_code == 429:
        raise CarrierUnreachable("GOV.UK Notify takes no more messages just now.", may_have_gone=False, seconds=60)
    if answer.status_code >= 500 or answer.is_redirect:
        raise CarrierUnreachable(f"GOV.UK Notify has a fault ({answer.status_code}).")
    try:
        body = answer.json()
    except ValueError as error:
        raise CarrierUnreachable("GOV.UK Notify's answer could not be read.") from error
    if answer.status_code >= 400:
        errors = body.get("errors") or [] if isinstance(body, dict) else []
        said = "; ".join(str(each.get("message", each)) for each in errors if isinstance(each, dict))
        raise CarrierRefused(f"GOV.UK Notify refused the message ({answer.status_code}): {said or 'no reason given'}.")
    if not isinstance(body, dict):
        raise CarrierUnreachable("GOV.UK Notify's answer could not be read.")
    return body
