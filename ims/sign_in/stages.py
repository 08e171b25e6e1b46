"""What stands between a right password and being signed in."""

from __future__ import annotations

from allauth.account.authentication import get_authentication_records
from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest


class SecondFactorStage(AuthenticateStage):
    """Asks for the second factor of a local account. A directory asks for its own."""

    def _should_handle(self, request: HttpRequest) -> bool:
        records = get_authentication_records(request, self.login.user)
        if records and records[-1]["method"] == "socialaccount":
            return False
        return super()._should_handle(request)
