"""Make a link with which a person chooses a password. It works once, and only until it expires or the next is made."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from ims.command_line.answer import Answer

_MOST_HOURS = 24 * 31


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("username", metavar="USERNAME", help="whose link it is")
    parser.add_argument(
        "--remove-second-factors",
        action="store_true",
        help="also take their second factors away: they add another when they use the link",
    )
    add_link_options(parser)


def add_link_options(parser: ArgumentParser) -> None:
    """What every command that makes a link takes."""
    parser.add_argument("--hours", type=_hours, metavar="N", help="how long it works (default IMS_ONE_TIME_LINK_HOURS)")
    parser.add_argument(
        "--address", metavar="URL", help="where IMS is reached (default https:// and the first IMS_ALLOWED_HOSTS)"
    )


def run(arguments: Namespace) -> Answer:
    """Make the link and print it: it is shown only now."""
    from ims.audit.actors import command
    from ims.common.errors import NotFound
    from ims.people.models import User
    from ims.sign_in.services.accounts import remove_second_factors

    person = User.objects.filter(username=arguments.username).first()
    if person is None:
        raise NotFound(f"Nobody has the username “{arguments.username}”.")
    if arguments.remove_second_factors:
        remove_second_factors(actor=command("one-time-link"), person=person, reason="On the server, with a new link")
    data = link_for(person, command_name="one-time-link", hours=arguments.hours, address=arguments.address)
    return Answer(data, link_text(data))


def link_for(person: Any, *, command_name: str, hours: int | None, address: str | None) -> dict[str, Any]:
    """A new link for `person`, as data."""
    from ims.audit.actors import command
    from ims.sign_in.services.links import make_link

    made = make_link(actor=command(command_name), person=person, hours=hours, reason="Made on the server")
    return {
        "username": person.username,
        "link": (address or _address()).rstrip("/") + _path(made.secret),
        "expires_at": made.expires_at,
    }


def link_text(data: dict[str, Any]) -> str:
    """The link, for people."""
    from django.utils.timezone import localtime

    until = localtime(data["expires_at"])
    return (
        f"Send this to {data['username']} by a way only they read. It works once, until {until:%-d %b %Y %H:%M}:\n"
        f"{data['link']}"
    )


def _path(secret: str) -> str:
    from django.urls import reverse

    return reverse("account:link", args=[secret])


def _address() -> str:
    from django.conf import settings

    host = next((name for name in settings.ALLOWED_HOSTS if not name.startswith((".", "*"))), "localhost")
    return f"https://{host}"


def _hours(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _MOST_HOURS:
        raise ArgumentTypeError(f"“{text}” is not a number of hours from 1 to {_MOST_HOURS}")
    return int(text)
