"""What allauth asks us: who is calling, who may come in, what is told to whom. Kept thin; services decide."""

from __future__ import annotations

import base64
import logging
import secrets
from typing import Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from ims.people.middleware import address_of
from ims.people.models import User
from ims.sign_in import attempts
from ims.sign_in.directories import Directory, directories, directory_called
from ims.sign_in.errors import SignInRefusal
from ims.sign_in.openid import DirectoryUnusable, claims_of
from ims.sign_in.recent import is_recent
from ims.sign_in.selectors import directory_of_session
from ims.sign_in.services.directory import admit

logger = logging.getLogger(__name__)

_MESSAGES = {
    "mfa/messages/totp_activated.txt": "Your authenticator app was added.",
    "mfa/messages/totp_deactivated.txt": "Your authenticator app was removed.",
    "mfa/messages/webauthn_added.txt": "Your passkey was added.",
    "mfa/messages/webauthn_removed.txt": "Your passkey was removed.",
}


class AccountAdapter(DefaultAccountAdapter):
    """Local accounts."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": "The username or the password is not right. Check both and try again.",
        "incorrect_password": "The password is not right.",
    }

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.error_messages = {**self.error_messages, "too_many_login_attempts": attempts.sentence()}

    def get_client_ip(self, request: HttpRequest) -> str:
        """As the audit trail has it; a nowhere when there is none (the machine itself, over the socket)."""
        return address_of(request) or "0.0.0.0"  # noqa: S104 - no address is bound: this is a value

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody adds themselves."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse addresses that fail too often, names nobody has that are tried too often, and locked accounts.

        All with the same sentence: it does not tell which names exist.
        """
        username = str(credentials.get("username", ""))
        person = User.objects.filter(username=username).first()
        if person is not None and attempts.is_locked(person):
            raise self.validation_error("too_many_login_attempts")
        rates = settings.ACCOUNT_RATE_LIMITS["login_failed"].split(",")
        # People's own failures are counted in the audit trail, where a colleague can clear them.
        config = {"login_failed": rates[0] if person is not None else ",".join(rates)}
        self._login_failed_rl_usage = ratelimit.consume(
            request, app="allauth.account", action="login_failed", config=config, key=username.lower()
        )
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """allauth's messages in our words; those that say only what the page shows anyway are left out."""
        said = message or _MESSAGES.get(message_template or "", "")
        if said:
            messages.add_message(request, level, said, extra_tags=extra_tags)

    def get_login_stages(self) -> list[str]:
        """After the password or the directory: the second factor, where it is ours to ask for."""
        return ["ims.sign_in.stages.SecondFactorStage"]

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Changing one's second factors needs a recent sign-in, like every dangerous act."""
        return not is_recent(self.request)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """How this person may confirm who they are: as they came in, above all."""
        if not user.is_authenticated:
            return []
        identifier = directory_of_session(self.request)
        if identifier:
            name = directory_called(identifier).name
            return [{"id": "directory", "description": f"Use {name}", "url": reverse("account:confirm_directory")}]
        words = {
            "reauthenticate": "Use your password",
            "mfa_reauthenticate": "Use a code from your app",
            "mfa_reauthenticate:webauthn": "Use a passkey",
        }
        return [
            {**method, "description": words.get(method["id"], method["description"])}
            for method in super().get_reauthentication_methods(user)
        ]


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors of local accounts. Their secrets are encrypted with a key made from the council's secret key."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "The code is not right, or was used already. Wait for the next one and try again.",
    }

    def get_totp_label(self, user: Any) -> str:
        """Usernames, never e-mail addresses."""
        return user.username

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The name a browser shows when it makes or uses a passkey."""
        return {**super().get_public_key_credential_rp_entity(), "name": settings.MFA_TOTP_ISSUER}

    def get_public_key_credential_user_entity(self, user: Any) -> dict[str, Any]:
        """What a passkey is kept under on the person's device."""
        return {**super().get_public_key_credential_user_entity(user), "name": user.username}

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        """What a passkey is called until its owner names it."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"

    def encrypt(self, text: str) -> str:
        """`text`, so that the database alone does not give it away."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What `encrypt` was given, also under a former secret key.

        When the key is gone, something nobody knows: then no code is right, and the person adds a second factor anew.
        """
        try:
            return _cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            logger.error("A second factor was encrypted with a secret key that is not known any more.")
            return base64.b32encode(secrets.token_bytes(20)).decode()


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> bytes:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"ims second factors").derive(secret.encode())
    return base64.urlsafe_b64encode(derived)


class DirectoryAdapter(DefaultSocialAccountAdapter):
    """Directories. allauth keeps no account of them: `DirectoryIdentity` says who is who."""

    def list_apps(self, request: HttpRequest, provider: str | None = None, client_id: str | None = None) -> list[Any]:
        """The directories of the settings, and none from the database."""
        return [
            _as_app(directory)
            for directory in directories()
            if provider in (None, directory.id, "openid_connect") and client_id in (None, directory.client_id)
        ]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Nobody adds themselves: `pre_social_login` has found or refused them."""
        return False

    def authenticate_by_email(self, sociallogin: Any) -> None:
        """Never."""

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Who the directory says it is, as one of our people; or a page that says why not."""
        claims = claims_of(sociallogin)
        try:
            sociallogin.user = admit(
                directory=directory_called(claims.directory), claims=claims, address=address_of(request)
            )
        except SignInRefusal as refusal:
            raise ImmediateHttpResponse(refused(request, str(refusal))) from refusal

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> NoReturn:
        """Say in a sentence that it did not work; why, is for the log and the audit trail."""
        name = provider.app.name
        if isinstance(exception, DirectoryUnusable):
            sentence = str(exception)
        elif str(error) == "cancelled":
            sentence = f"Signing in with {name} was cancelled. Nothing was changed."
        else:
            sentence = f"What {name} answered could not be accepted. Start again from the sign-in page."
        from ims.sign_in.events import directory_failed

        directory_failed(request, provider.app.provider_id, exception or error)
        raise ImmediateHttpResponse(refused(request, sentence))


def refused(request: HttpRequest, sentence: str) -> HttpResponse:
    """The page that says why a directory did not let somebody in, and what else they may do."""
    context = {"title": "You are not signed in", "sentence": sentence}
    return render(request, "console/account/refused.html", context, status=403)


def _as_app(directory: Directory) -> SocialApp:
    return SocialApp(
        provider="openid_connect",
        provider_id=directory.id,
        name=directory.name,
        client_id=directory.client_id,
        secret=directory.client_secret,
        settings={
            "server_url": directory.discovery,
            "scope": list(directory.scopes),
            "uid_field": directory.subject_claim,
            "fetch_userinfo": directory.userinfo,
            "oauth_pkce_enabled": True,
        },
    )
