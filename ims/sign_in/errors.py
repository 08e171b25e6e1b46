"""What this room refuses."""

from __future__ import annotations

from ims.common.errors import ImsError


class SignInRefusal(ImsError):
    """A way of signing in that is not open, and what to do instead."""

    code = "sign_in_refused"
