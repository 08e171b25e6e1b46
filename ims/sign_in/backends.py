"""Checking passwords: one attempt at a time for each person, each failure on record, locked after too many."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q
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

    def get_all_permissions(self, user_obj: AbstractBaseUser, obj: Any = None) -> set[str]:
        """Django's answer, the person's own permissions and those of their groups, in one question instead of two."""
        if user_obj.is_superuser or not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            own, of_groups = (
                Permission.objects.filter(condition).order_by().values_list("content_type__app_label", "codename")
                for condition in (Q(user=user_obj), Q(group__user=user_obj))
            )
            user_obj._perm_cache = {f"{room}.{codename}" for room, codename in own.union(of_groups)}
        return user_obj._perm_cache
