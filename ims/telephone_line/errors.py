"""What this room refuses."""

from __future__ import annotations

from ims.common.errors import Conflict, ImsError


class TelephoneRefusal(ImsError):
    """A call's payment that cannot be announced or confirmed as it is told."""

    code = "telephone_refused"


class ToldOtherwise(Conflict):
    """The same call or the same payment was told before, with other words."""

    code = "told_otherwise"
