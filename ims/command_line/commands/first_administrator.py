"""Add the first person of a new installation, as Administrator. Refused once anybody active has that role.

They choose their own password: with --one-time-link the link for it is made and printed at once; without it, make one
later with `ims one-time-link`.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ims.command_line.answer import Answer
from ims.command_line.commands.one_time_link import add_link_options, link_for, link_text


def configure(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--username", required=True, metavar="NAME", help="what they sign in as")
    parser.add_argument("--name", required=True, metavar="NAME", help="as colleagues and the audit trail know them")
    parser.add_argument("--email", default="", metavar="ADDRESS", help="their e-mail address")
    parser.add_argument("--one-time-link", action="store_true", help="print a link to choose a password with")
    add_link_options(parser)


def run(arguments: Namespace) -> Answer:
    """Add them, and make the link when asked: both or neither."""
    from django.db import transaction

    from ims.audit.actors import command
    from ims.people.services import first_administrator

    with transaction.atomic():
        person = first_administrator(
            actor=command("first-administrator"),
            username=arguments.username,
            display_name=arguments.name,
            email=arguments.email,
        )
        text = f"{person} ({person.username}) is the first administrator."
        if not arguments.one_time_link:
            text = f"{text} Next: ims one-time-link {person.username}"
            return Answer({"username": person.username, "link": None, "expires_at": None}, text)
        data = link_for(person, command_name="first-administrator", hours=arguments.hours, address=arguments.address)
    return Answer(data, f"{text}\n{link_text(data)}")
