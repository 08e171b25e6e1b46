"""What this room refuses."""

from __future__ import annotations

from ims.common.errors import ImsError


class AccountsRefusal(ImsError):
    """A file of account holders, or a line for an account, that cannot be accepted. Nothing was written."""

    code = "accounts_refused"
