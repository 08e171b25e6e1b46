"""The test suite: real PostgreSQL, thrown away afterwards. Nothing of our own is replaced by a double."""

import os
import tempfile
from pathlib import Path

from ims.settings.base import *
from ims.settings.databases import configured, embedded

DATABASES = {
    "default": configured()
    or embedded(
        Path(os.environ.get("IMS_TEST_POSTGRES", BASE_DIRECTORY / "var" / "test-postgres")),
        "ims",
        throw_away=True,
        user="postgres",
    )
}
DATABASES["default"]["CONN_MAX_AGE"] = 0
# Lets Django empty the tables between tests; the guard obeys it in databases called test_… only.
DATABASES["default"]["OPTIONS"]["options"] += " -c ims.test_flush=on"
SECRET_KEY = "tests-only"
ALLOWED_HOSTS = ["*"]
DATA_DIRECTORY = Path(tempfile.mkdtemp(prefix="ims-test-"))
SEALS_DIRECTORY = DATA_DIRECTORY / "published-seals"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
OUTWARD_PLAIN_HTTP = OUTWARD_PRIVATE_NETWORKS = True
PRACTICE_PROVIDER_BOOKS = DATA_DIRECTORY / "practice-provider" / "books.sqlite3"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
# Most tests are about what comes after signing in; those of sign-in itself turn it on.
SECOND_FACTOR_REQUIRED = False
