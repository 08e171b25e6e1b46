"""A real OpenID provider, as a Django project of its own: allauth's, with a directory's claims and a tester's faults.

Run as a process by `openid_provider.py`. A JSON file (PROVIDER_STATE) names who is signed in and what the next ID token
says; the tests write it, this process reads it for every request.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

FOLDER = Path(os.environ["PROVIDER_FOLDER"])
STATE = FOLDER / "state.json"
CLIENT, SECRET = "ims-client", "ims-client-secret"


def state() -> dict:
    return json.loads(STATE.read_text())


def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


settings.configure(
    DEBUG=False,
    SECRET_KEY="the-provider",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "provider.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "allauth",
        "allauth.account",
        "allauth.idp.oidc",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    SESSION_COOKIE_NAME="provider",
    LOGIN_URL="account_login",
    USE_TZ=True,
    IDP_OIDC_PRIVATE_KEY=private_key(),
    IDP_OIDC_ADAPTER=f"{__name__}.Adapter",
)
django.setup()

from allauth.idp.oidc.adapter import DefaultOIDCAdapter  # noqa: E402
from django.contrib.auth import get_user_model, login  # noqa: E402
from django.http import HttpResponse, HttpResponseRedirect  # noqa: E402
from django.urls import include, path  # noqa: E402


class Adapter(DefaultOIDCAdapter):
    """The claims of a directory. `claims` are added to the ID token and overrule it, `drop` takes claims away."""

    def get_user_sub(self, client, user):
        return f"subject-of-{user.username}"

    def get_user_by_sub(self, client, sub):
        return get_user_model().objects.filter(username=sub.removeprefix("subject-of-")).first()

    def populate_id_token(self, id_token, client, scopes, **kwargs):
        now = state()
        if "expired_by" in now:
            id_token["exp"] = int(time.time()) - now["expired_by"]
        id_token.update(now.get("claims", {}))
        for name in now.get("drop", []):
            id_token.pop(name, None)

    def get_claims(self, purpose, user, client, scopes, email=None, **kwargs):
        claims = super().get_claims(purpose, user, client, scopes, email=email, **kwargs)
        return {**claims, **(state().get("userinfo", {}) if purpose == "userinfo" else {})}


def sign_in(request):
    """The provider's own page: one button, or straight through when the state says so."""
    now = state()
    if request.method == "GET" and now.get("asks"):
        return HttpResponse(
            "<!DOCTYPE html><html lang=en><title>Directory</title><form method=post><button>Go on</button></form>"
        )
    user, _ = get_user_model().objects.get_or_create(username=now["user"], defaults={"first_name": now["user"].title()})
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return HttpResponseRedirect(request.GET["next"])


def accept(request):
    """Register one more address to send browsers back to."""
    from allauth.idp.oidc.models import Client

    client = Client.objects.get(id=CLIENT)
    client.set_redirect_uris([*client.get_redirect_uris(), request.GET["uri"]])
    client.save()
    return HttpResponse("accepted")


urlpatterns = [
    path("accept/", accept),
    path("login/", sign_in, name="account_login"),
    path("again/", sign_in, name="account_reauthenticate"),
    path("", include("allauth.idp.urls")),
]


def main(port: int, redirect_uris: list[str]) -> None:
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer, make_server

    from allauth.idp.oidc.models import Client
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True

    call_command("migrate", verbosity=0)
    Client.objects.create(
        id=CLIENT,
        name="IMS",
        secret=make_password(SECRET),
        scopes="openid\nprofile\nemail",
        redirect_uris="\n".join(redirect_uris),
        skip_consent=True,
    )
    make_server("127.0.0.1", port, get_wsgi_application(), server_class=Server).serve_forever()


if __name__ == "__main__":
    sys.modules["provider_site"] = sys.modules["__main__"]
    main(int(sys.argv[1]), sys.argv[2:])
