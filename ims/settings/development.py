"""The demonstration and a developer's machine: embedded PostgreSQL, plain HTTP on the loopback address."""

from ims.settings.base import *
from ims.settings.databases import configured, embedded

DATABASES = {"default": configured() or embedded(DATA_DIRECTORY / "postgres", "ims", throw_away=False)}
SECRET_KEY = setting("IMS_SECRET_KEY") or "demonstration-only-not-a-secret"
ALLOWED_HOSTS = setting("IMS_ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
OUTWARD_PLAIN_HTTP = OUTWARD_PRIVATE_NETWORKS = True
PRACTICE_PROVIDER_BOOKS = DATA_DIRECTORY / "practice-provider" / "books.sqlite3"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
# Said on every sign-in page of the demonstration. IMS_REQUIRE_SECOND_FACTOR=True shows it as councils have it.
SECOND_FACTOR_REQUIRED = setting("IMS_REQUIRE_SECOND_FACTOR") is True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
