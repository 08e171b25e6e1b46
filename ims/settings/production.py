"""Production: everything that must be set is checked at start-up, by name."""

from django.core.exceptions import ImproperlyConfigured

from ims.settings.base import *
from ims.settings.databases import configured

for required in ("IMS_SECRET_KEY", "IMS_DATABASE_URL", "IMS_ALLOWED_HOSTS"):
    if not setting(required):
        raise ImproperlyConfigured(f"{required} is not set. See docs/architecture/configuration.md.")

if setting("IMS_REQUIRE_SECOND_FACTOR") is False:
    raise ImproperlyConfigured("IMS_REQUIRE_SECOND_FACTOR may be False in the demonstration only.")

DATABASES = {"default": configured()}
SECRET_KEY = setting("IMS_SECRET_KEY")
ALLOWED_HOSTS = setting("IMS_ALLOWED_HOSTS")
HTTPS = setting("IMS_HTTPS")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = HTTPS
# Watchers on the machine itself ask over the socket, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    SESSION_COOKIE_NAME = "__Host-ims-session"
    CSRF_COOKIE_NAME = "__Host-ims-csrf"
