"""Checking passwords: one attempt at a time for each person, each failure on record, locked after too many."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.http import HttpRequest

from ims.people.middleware import address_of
from ims.people.models import User
from ims.sign_in import attempts


class PasswordBackend(AuthenticationBackend):
    """allauth's, with our lock-out. People of a directory have no password here, so none can be right."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> AbstractBaseUser | None:
        """The person, or None: for a wrong password, a name nobody has, and a locked account alike."""
        username = credentials.get("username")
        address = address_of(request) if request is not None else ""
        with transaction.atomic():
            person = User.objects.select_for_update().filter(username=username).first() if username else None
            if person is None:
                if username:
                    attempts.failed_unknown(str(username), address=address)
                return super().authenticate(request, **credentials)  # takes as long as a wrong password
            if attempts.is_locked(person):
                return None
            found = super().authenticate(request, **credentials)
            if found is None:
                attempts.failed(person, "sign_in_failed", address=address, active=person.is_active)
            return found
