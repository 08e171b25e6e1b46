"""What people and programs put into addresses, read with suspicion."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from ims.common.identifiers import MOST_DIGITS


class RecordNumber:
    """The number of a record within a path. A longer number is simply no such page."""

    regex = rf"[0-9]{{1,{MOST_DIGITS}}}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class RefuseNullCharacters:
    """Answers 400 to a query or a form with a NUL in it: no text in the database can hold one.

    Forms with files are read by their own views, which refuse it field by field.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = [request.GET]
        if request.content_type == "application/x-www-form-urlencoded":
            sent.append(request.POST)
        if any("\0" in text for values in sent for key, listed in values.lists() for text in (key, *listed)):
            raise BadRequest("What was sent holds a character that no text can hold.")
        return self.get_response(request)
