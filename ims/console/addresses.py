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
    """Answers 400 to an address with a NUL in its query: no text in the database can hold one.

    Forms refuse it in what is posted.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if any("\0" in text for key, values in request.GET.lists() for text in (key, *values)):
            raise BadRequest("The address holds a character that cannot be searched for.")
        return self.get_response(request)
