"""OpenID Connect, stricter than allauth by itself: a nonce, signatures always checked, and our directories only."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Any

import jwt
import requests
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest, HttpResponse

from ims.sign_in.directories import directory_called

_SIGNED_WITH = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures a directory alone can make. Never HMAC, whose secret both sides know, and never none."""
_LEEWAY = 60
"""Seconds two clocks may differ."""


class DirectoryUnusable(OAuth2Error):
    """The directory does not answer, or not as a directory should. The message is for the person."""


@dataclass(frozen=True)
class Claims:
    """What a directory says of who has just signed in with it.

    `subject` is the name the issuer never changes or reuses. `roles` is None when the directory left the claim out,
    `too_many` when it says that there were more groups than it sends.
    """

    directory: str
    issuer: str
    subject: str
    name: str = ""
    username: str = ""
    email: str = ""
    roles: frozenset[str] | None = None
    too_many: bool = False


class DirectoryOAuth2Adapter(OpenIDConnectOAuth2Adapter):
    """Talks to the provider. Whatever goes wrong on the way is a `DirectoryUnusable` with a sentence."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """What the provider publishes of itself, read once for each step; its issuer must be the one configured."""
        if not hasattr(self, "_openid_config"):
            directory = directory_called(self.provider_id)
            described = self._read(directory.discovery)
            needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
            if not all(isinstance(described.get(name), str) for name in needed):
                raise DirectoryUnusable(f"{directory.name} does not describe itself as a directory should.")
            if described["issuer"] != directory.issuer:
                raise DirectoryUnusable(f"{directory.name} says it is another directory than the one configured.")
            self._openid_config = described
        return self._openid_config

    def get_access_token_data(self, request: HttpRequest, app: Any, client: Any, pkce_code_verifier: Any = None) -> Any:
        """The tokens for the code the browser brought."""
        try:
            return super().get_access_token_data(request, app, client, pkce_code_verifier=pkce_code_verifier)
        except (requests.RequestException, ValueError) as error:
            raise self._down() from error

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        """Who signed in. An ID token is needed: an access token alone says nothing about a person."""
        if not kwargs["response"].get("id_token"):
            raise OAuth2Error("The provider sent no ID token")
        return super().complete_login(request, app, token, **kwargs)

    def _fetch_user_info(self, access_token: str) -> dict[str, Any]:
        return self._read(self.openid_config.get("userinfo_endpoint", ""), Authorization=f"Bearer {access_token}")

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        """The claims of the ID token: signed by the directory, meant for us, not expired, seen for the first time."""
        directory = directory_called(self.provider_id)
        try:
            kid = jwt.get_unverified_header(id_token).get("kid")
            keys = jwt.PyJWKSet.from_dict(self._read(self.openid_config["jwks_uri"])).keys
            fitting = [key for key in keys if key.key_id == kid or (kid is None and len(keys) == 1)]
            if not fitting:
                raise OAuth2Error("The ID token is signed with a key the directory does not publish")
            claims = jwt.decode(
                id_token,
                key=fitting[0],
                algorithms=_SIGNED_WITH,
                audience=directory.client_id,
                issuer=directory.issuer,
                leeway=_LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise OAuth2Error(f"The ID token is not valid: {error}") from error
        if claims.get("azp", directory.client_id) != directory.client_id:
            raise OAuth2Error("The ID token was made for another application")
        jwtkit.verify_jti(claims)
        return claims

    def _read(self, address: str, **headers: str) -> dict[str, Any]:
        try:
            with get_adapter().get_requests_session() as session:
                answer = session.get(address, headers=headers)
                answer.raise_for_status()
                read = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise self._down() from error
        if not isinstance(read, dict):
            raise self._down()
        return read

    def _down(self) -> DirectoryUnusable:
        name = directory_called(self.provider_id).name
        return DirectoryUnusable(
            f"{name} does not answer just now. Try again in a few minutes. "
            "If you have a local account, sign in with its username and password."
        )


class DirectoryProvider(OpenIDConnectProvider):
    """A directory. The browser decides nothing about the request but where to return to afterwards."""

    oauth2_adapter_class = DirectoryOAuth2Adapter

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """Always a sign-in, with our own scopes and parameters."""
        kwargs = super().get_redirect_from_request_kwargs(request)
        kwargs["process"] = AuthProcess.LOGIN
        return kwargs

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        """The scopes of the settings."""
        return self.get_scope()

    def get_auth_params_from_request(self, request: HttpRequest, action: str) -> dict[str, str]:
        """None but those we add ourselves: a fresh sign-in at the directory, where the person is to confirm."""
        return {"prompt": "login", "max_age": "0"} if getattr(request, "confirm_with_directory", False) else {}

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """Send the browser to the directory, with a nonce that its answer must repeat."""
        nonce = secrets.token_urlsafe(24)
        kwargs["auth_params"] = {**(kwargs.get("auth_params") or {}), "nonce": nonce}
        return super().redirect(request, process, next_url=next_url, data=data, nonce=nonce, **kwargs)

    def extract_uid(self, data: dict[str, Any]) -> str:
        """The directory's name for the person; `claims_of` reads and checks it."""
        claims = data.get("id_token", {})
        subject = claims.get(directory_called(self.app.provider_id).subject_claim)
        if not isinstance(subject, str) or not subject:
            raise OAuth2Error("The directory did not say who signed in")
        return subject

    def extract_email_addresses(self, data: dict[str, Any]) -> list[Any]:
        """None: addresses identify nobody here."""
        return []


def claims_of(sociallogin: Any) -> Claims:
    """What the directory said, once the nonce has been compared. Raises `OAuth2Error`."""
    directory = directory_called(sociallogin.provider.app.provider_id)
    token = sociallogin.account.extra_data.get("id_token", {})
    more = sociallogin.account.extra_data.get("userinfo") or {}
    if not hmac.compare_digest(str(token.get("nonce", "")), str(sociallogin.state.get("nonce") or secrets.token_hex())):
        raise OAuth2Error("The ID token answers another request: its nonce is not ours")
    if more and more.get("sub") != token["sub"]:
        raise OAuth2Error("The user information is about somebody else")
    if "tid" in token and f"/{token['tid']}/" not in f"{directory.issuer}/":
        raise OAuth2Error("The ID token is from another tenant")
    said = {**more, **token}
    return Claims(
        directory=directory.id,
        issuer=directory.issuer,
        subject=sociallogin.account.uid,
        name=_text(said, "name"),
        username=_text(said, "preferred_username") or _text(said, "upn"),
        email=_text(said, "email"),
        roles=_roles(said.get(directory.roles_claim)),
        too_many=directory.roles_claim in (said.get("_claim_names") or {}) or bool(said.get("hasgroups")),
    )


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    return value.strip()[:150] if isinstance(value, str) else ""


def _roles(value: Any) -> frozenset[str] | None:
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list):
        return frozenset(each for each in value if isinstance(each, str))
    return None
