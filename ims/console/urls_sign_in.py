"""The way in. The names are allauth's, which it looks up itself; only the views we want are here."""

from __future__ import annotations

from allauth.account import views as account_views
from allauth.mfa.base import views as factor_views
from allauth.mfa.recovery_codes import views as code_views
from allauth.mfa.totp import views as app_views
from allauth.mfa.webauthn import views as passkey_views
from django.urls import path

from ims.console.views import account, sign_in

urlpatterns = [
    path("sign-in/", sign_in.sign_in, name="account_login"),
    path("sign-in/second-factor/", factor_views.authenticate, name="mfa_authenticate"),
    path("sign-in/passkey/", passkey_views.login_webauthn, name="mfa_login_webauthn"),
    path("sign-in/directory/cancelled/", sign_in.cancelled, name="socialaccount_login_cancelled"),
    path("sign-in/directory/<slug:provider_id>/", sign_in.directory_login, name="openid_connect_login"),
    path("sign-in/directory/<slug:provider_id>/back/", sign_in.directory_callback, name="openid_connect_callback"),
    path("not-active/", account_views.account_inactive, name="account_inactive"),
    path("confirm/", account_views.reauthenticate, name="account_reauthenticate"),
    path("confirm/code/", factor_views.reauthenticate, name="mfa_reauthenticate"),
    path("confirm/passkey/", passkey_views.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("", account.home, name="mfa_index"),
    path("app/", app_views.activate_totp, name="mfa_activate_totp"),
    path("app/remove/", app_views.deactivate_totp, name="mfa_deactivate_totp"),
    path("recovery-codes/", code_views.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("recovery-codes/new/", code_views.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("passkeys/", passkey_views.list_webauthn, name="mfa_list_webauthn"),
    path("passkeys/add/", passkey_views.add_webauthn, name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/remove/", passkey_views.remove_webauthn, name="mfa_remove_webauthn"),
    path("passkeys/<int:pk>/rename/", passkey_views.edit_webauthn, name="mfa_edit_webauthn"),
]
