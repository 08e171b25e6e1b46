"""Every environment variable IMS reads, declared once: name, type, default and meaning.

`docs/architecture/configuration.md` is generated from this list. Secrets may be given as a file: for a variable
``IMS_X``, set ``IMS_X_FILE`` to a path and leave ``IMS_X`` unset; or have systemd hand the service a credential called
``IMS_X``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from ims.settings.addresses import read_own_address
from ims.settings.directories import read_directories, read_secrets


@dataclass(frozen=True)
class Variable:
    """One environment variable. `secret` ones may come from a file and are never printed."""

    name: str
    read: Callable[[str], Any]
    default: Any
    meaning: str
    secret: bool = False

    def value(self) -> Any:
        """The value set, read from the environment or from its file; the default when neither is set.

        Raises `ImproperlyConfigured`, naming the variable, when the value cannot be read.
        """
        text = os.environ.get(self.name)
        path = os.environ.get(f"{self.name}_FILE") or _credential(self.name)
        if text is None and path:
            text = Path(path).read_text(encoding="utf-8").strip()
        if text is None or text == "":
            return self.default
        try:
            return self.read(text)
        except ValueError as error:
            if self.secret:
                # What the reader says quotes the value, here and in a chained error.
                raise ImproperlyConfigured(f"{self.name}: the value given cannot be read") from None
            raise ImproperlyConfigured(f"{self.name}: {text!r} cannot be read: {error}") from error


def _credential(name: str) -> Path | None:
    """The file systemd made for this process alone (LoadCredential=), when it was given one of this name."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder, name) if folder else None
    return path if path and path.is_file() else None


def truth(text: str) -> bool:
    """`True` or `False`, spelled exactly so: anything else is refused rather than guessed."""
    if text not in ("True", "False"):
        raise ValueError("write True or False")
    return text == "True"


def words(text: str) -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text.split(",") if word.strip()]


VARIABLES = {
    variable.name: variable
    for variable in (
        Variable("IMS_COUNCIL_NAME", str, "Model Council", "The council's name, as every page and receipt shows it."),
        Variable(
            "IMS_DATABASE_URL",
            str,
            "",
            "postgres://… for the application role. Empty: the embedded PostgreSQL of the demonstration.",
            secret=True,
        ),
        Variable(
            "IMS_DATABASE_OWNER_URL",
            str,
            "",
            "postgres://… for the role that owns the tables and migrates them. Empty: the same as IMS_DATABASE_URL.",
            secret=True,
        ),
        Variable("IMS_CONNECT_AS", str, "application", "`application` or `owner`; set by the commands that need it."),
        Variable("IMS_SECRET_KEY", str, "", "Signs sessions and forms. Required in production.", secret=True),
        Variable(
            "IMS_PUBLIC_ADDRESS",
            read_own_address,
            "",
            "https://… as payers reach the payment pages, without a path: stands in receipts and payment links. "
            "Empty: IMS_ADDRESS.",
        ),
        Variable(
            "IMS_SECRET_KEY_FALLBACKS",
            words,
            [],
            "Former secret keys, comma-separated: what they signed or encrypted is still read.",
            secret=True,
        ),
        Variable("IMS_ALLOWED_HOSTS", words, [], "Comma-separated host names the web server answers to."),
        Variable(
            "IMS_SECRETS_DIRECTORY",
            Path,
            None,
            "A directory of files, one secret each, by name: the keys and signing secrets of payment services.",
        ),
        Variable("IMS_DATA_DIRECTORY", Path, None, "Where files the system keeps outside the database live."),
        Variable(
            "IMS_SEALS_DIRECTORY",
            Path,
            None,
            "Where each day's last seals are published, outside the database; best on another machine's disk. "
            "Empty: `published-seals` in the data directory.",
        ),
        Variable("IMS_SEALS_EMAIL", words, [], "Comma-separated addresses that each day's last seals are sent to."),
        Variable(
            "IMS_NOTIFY_PRIVATE_NETWORKS",
            truth,
            False,
            "Whether other systems may be notified at addresses inside the council's own network.",
        ),
        Variable("IMS_LARGEST_UPLOAD_MB", int, 100, "The largest file a person may upload, in megabytes."),
        Variable("IMS_APPROVAL_DAYS", int, 14, "How many days a request for approval waits before it expires."),
        Variable("IMS_DORMANT_DAYS", int, 90, "An account nobody signs in to for this many days closes by itself."),
        Variable(
            "IMS_ADDRESS",
            read_own_address,
            "",
            "https://… as people reach IMS, without a path: for the links in e-mails.",
        ),
        Variable(
            "IMS_EMAIL_URL",
            str,
            "",
            "smtp+tls://user:password@host:587 of the server that sends e-mails. Empty: none are sent.",
            secret=True,
        ),
        Variable("IMS_EMAIL_FROM", str, "ims@localhost", "The address e-mails come from."),
        Variable("IMS_HTTPS", truth, True, "Production: cookies and redirects insist on HTTPS."),
        Variable(
            "IMS_DIRECTORIES",
            read_directories,
            [],
            "The directories people sign in with, as JSON; see [sign-in with your directory](sign-in-directory.md).",
        ),
        Variable(
            "IMS_DIRECTORY_SECRETS",
            read_secrets,
            {},
            "The directories' client secrets: a JSON object of directory id and secret.",
            secret=True,
        ),
        Variable(
            "IMS_REQUIRE_SECOND_FACTOR",
            truth,
            None,
            "True: a local account opens nothing without a second factor. Only the demonstration does without, "
            "unless told; production refuses False.",
        ),
        Variable("IMS_SESSION_IDLE_MINUTES", int, 30, "A session nobody uses ends after so many minutes."),
        Variable("IMS_SESSION_HOURS", int, 10, "A session ends after so many hours, however busy it is."),
        Variable(
            "IMS_CONFIRM_MINUTES", int, 30, "Dangerous acts need a sign-in or confirmation within so many minutes."
        ),
        Variable("IMS_LOCKOUT_FAILURES", int, 10, "So many failed attempts lock a local account."),
        Variable("IMS_LOCKOUT_MINUTES", int, 30, "Failed attempts count, and lock, for so many minutes."),
        Variable("IMS_ONE_TIME_LINK_HOURS", int, 72, "How long a one-time link to choose a password works, in hours."),
        Variable(
            "IMS_BREAK_GLASS_EMAILS",
            words,
            [],
            "Comma-separated addresses told when a break-glass account is used.",
        ),
        Variable("IMS_TIME_ZONE", str, "Europe/London", "The time zone of screens, days and cut-offs."),
        Variable("IMS_LOG_LEVEL", str, "INFO", "How much the process logs: DEBUG, INFO, WARNING or ERROR."),
    )
}


def setting(name: str) -> Any:
    """The value of the variable called `name`. Raises `KeyError` for a name not declared above."""
    return VARIABLES[name].value()


_NAME_OF_A_SECRET = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


def named_secret(name: str) -> str:
    """The secret called `name`: what the file of that name in IMS_SECRETS_DIRECTORY holds; empty when there is none.

    Without that directory, systemd's credential ``secret_NAME``. Read anew each time, so that a secret can be changed
    without a restart. Raises `ValueError` for a name that could leave the directory.
    """
    if not _NAME_OF_A_SECRET.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a secret")
    directory = setting("IMS_SECRETS_DIRECTORY")
    path = directory / name if directory else _credential(f"secret_{name}")
    return path.read_text(encoding="utf-8").strip() if path is not None and path.is_file() else ""
