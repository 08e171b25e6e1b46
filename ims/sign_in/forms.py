"""allauth's forms in our words, with our lock-out."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import LoginForm, ReauthenticateForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateCodeForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, AuthenticateWebAuthnForm, EditWebAuthnForm
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.core.exceptions import ValidationError
from django.db import transaction

from ims.audit.actors import Actor
from ims.people.middleware import address_of
from ims.people.models import User
from ims.sign_in import attempts
from ims.sign_in.services import accounts


class SignInForm(LoginForm):
    """Username and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["login"].widget.attrs.update({"id": "id_username", "autocapitalize": "none", "spellcheck": "false"})
        self.fields["password"].help_text = ""


class OwnPasswordForm(AdminPasswordChangeForm):
    """One's own password, the old and the new."""

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._actor = actor

    def save(self, commit: bool = True) -> User:
        """Change it through the service, which keeps it in the audit trail."""
        self.user = accounts.change_own_password(actor=self._actor, password=self.cleaned_data["new_password1"])
        return self.user


class ConfirmForm(ReauthenticateForm):
    """One's password once more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)


class _Code:
    """A code from the app, or a recovery code, tried with the person's row locked and refused once locked out."""

    user: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["code"].label = "Code"
        self.fields["code"].widget.attrs.update({"inputmode": "numeric", "size": 12})

    def clean_code(self) -> str:
        """The code, when it is right. A wrong one is on record before it is refused."""
        code, refusal = "", None
        with transaction.atomic():
            person = User.objects.select_for_update().get(pk=self.user.pk)
            if attempts.is_locked(person):
                raise get_adapter().validation_error("too_many_login_attempts")
            try:
                code = super().clean_code()
            except ValidationError as error:
                attempts.failed(person, "second_factor_failed", address=address_of(context.request), factor="code")
                refusal = error
        if refusal is not None:
            raise refusal
        return code


class CodeForm(_Code, AuthenticateForm):
    """The second factor at sign-in."""


class ConfirmCodeForm(_Code, ReauthenticateCodeForm):
    """A code, to confirm who one is."""


class AddAppForm(ActivateTOTPForm):
    """The first code of a new authenticator app."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["code"].label = "The code the app shows now"
        self.fields["code"].widget.attrs.update({"inputmode": "numeric", "size": 12})


class PasskeyForm(AuthenticateWebAuthnForm):
    """A passkey as second factor."""

    def clean_credential(self) -> Authenticator:
        """The passkey that answered; one that is not this person's is a failed attempt."""
        refusal = None
        with transaction.atomic():
            person = User.objects.select_for_update().get(pk=self.user.pk)
            if attempts.is_locked(person):
                raise get_adapter().validation_error("too_many_login_attempts")
            try:
                return super().clean_credential()
            except ValidationError as error:
                attempts.failed(person, "second_factor_failed", address=address_of(context.request), factor="passkey")
                refusal = error
        raise refusal


class AddPasskeyForm(AddWebAuthnForm):
    """A new passkey. One that asks for a fingerprint, face or PIN can also sign in by itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "What you call it"
        self.fields["name"].help_text = "So that you know it again: “Work laptop”, “Blue key”."
        self.fields["name"].required = True
        self.fields["name"].max_length = 60
        self.fields["passwordless"].label = "Also sign in with it without a password"
        self.fields["passwordless"].initial = True
        self.fields["passwordless"].help_text = "It must then ask for a fingerprint, a face or a PIN."


class RenamePasskeyForm(EditWebAuthnForm):
    """What a passkey is called."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "What you call it"


def _plain(form: Any) -> None:
    """Labels say what a field is; a placeholder saying it again would vanish while one types."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
