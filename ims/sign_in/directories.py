"""The council's directories, as the settings name them. Their secrets stay in the settings and go nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from ims.common.errors import NotFound


@dataclass(frozen=True)
class Directory:
    """One OpenID Connect provider the council signs in with.

    `subject_claim` holds the name the issuer never changes or reuses; `roles_claim` holds the groups or app roles.
    `creates_people` lets somebody unknown in when a mapped role says so. `userinfo` asks the provider for claims
    that its ID token leaves out.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str
    discovery: str
    subject_claim: str
    roles_claim: str
    scopes: tuple[str, ...]
    creates_people: bool
    userinfo: bool

    def __repr__(self) -> str:
        return f"Directory({self.id!r})"


def directories() -> list[Directory]:
    """Every directory, in the order the sign-in page offers them."""
    return [Directory(**described) for described in settings.DIRECTORIES]


def directory_called(identifier: str) -> Directory:
    """The directory with this id. Raises `NotFound`."""
    for directory in directories():
        if directory.id == identifier:
            return directory
    raise NotFound(f"The council has no directory called “{identifier}”.")
