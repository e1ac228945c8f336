"""The settings. Those that depend on the environment are read in one block.

What no environment changes is in `fixed`.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from iocash.settings.fixed import *  # noqa: F403 (all of them)
from iocash.settings.groups import HOME, databases_of_groups, group_urls, own_group

BASE_DIR = Path(__file__).resolve().parent.parent.parent
STATE = BASE_DIR / ".iocash"  # private: the demo's log-in, the embedded database; mode 0700

# --- Environment -----------------------------------------------------------------------------


def flag(name: str) -> bool:
    return os.environ.get(name, "").lower() in {"1", "true", "yes", "on"}


def as_list(name: str, default: str = "") -> list[str]:
    return [word for word in os.environ.get(name, default).replace(",", " ").split() if word]


def parsed(name: str, parse: Callable[[str], Any], form: str, default: str = "") -> Any:
    text = os.environ.get(name) or default
    try:
        return parse(text) if text else None
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be {form}, not {text!r}.") from error


def number(name: str, default: str, kind: type[Any] = int) -> Any:
    return parsed(name, kind, "a whole number" if kind is int else "a number", default)


DEBUG = flag("DEBUG")
SECRET_KEY = os.environ.get("SECRET_KEY", "")
SECRET_KEY_FALLBACKS = as_list("SECRET_KEY_FALLBACKS")  # former ones, while sessions of theirs live
ALLOWED_HOSTS = as_list("ALLOWED_HOSTS", "localhost 127.0.0.1 [::1]" if DEBUG else "")
CSRF_TRUSTED_ORIGINS = as_list("CSRF_TRUSTED_ORIGINS")
DATABASE_URL = os.environ.get("DATABASE_URL", "")
DATABASE_REPLICA_URL = os.environ.get("DATABASE_REPLICA_URL", "")  # lists are read from it
DATABASE_REPLICA_LAG = number("DATABASE_REPLICA_LAG", "5", float)  # seconds; later ones are not
DATABASE_OWNER_URL = os.environ.get("DATABASE_OWNER_URL", "")  # for migrate, and audit --as-owner
DATABASE_GROUPS = group_urls(os.environ.get("DATABASE_GROUPS", ""))  # databases of more clients
DATABASE_OWNER_GROUPS = group_urls(os.environ.get("DATABASE_OWNER_GROUPS", ""))
GROUP = os.environ.get("GROUP", HOME)  # whose database is the default one of this process
PREPARED_STATEMENTS = os.environ.get("PREPARED_STATEMENTS", "auto")  # auto: unless a pooler answers
TRUSTED_PROXIES = number("TRUSTED_PROXIES", "0")  # in front; each adds whom it serves
REQUIRE_SECOND_FACTOR = flag("REQUIRE_SECOND_FACTOR")  # of staff, in the back office
TOKEN_AUDIENCE = as_list("TOKEN_AUDIENCE")  # what `aud` may say; blank: "iocash", or the origin
IBAN_COUNTRY = os.environ.get("IBAN_COUNTRY", "ES")  # the institution whose IBANs are given
IBAN_BANK_CODE = os.environ.get("IBAN_BANK_CODE", "9999")
IBAN_BRANCH_CODE = os.environ.get("IBAN_BRANCH_CODE", "0001")
OTP_BACKEND = os.environ.get("OTP_BACKEND", "console" if DEBUG else "")  # or email, sms
OTP_SMS_URL = os.environ.get("OTP_SMS_URL", "")  # the gateway; it gets {"to", "text"}
HAS_MAIL_SERVER = bool(os.environ.get("EMAIL_HOST"))  # else no digests are sent to staff
PUBLIC_URL = os.environ.get("PUBLIC_URL", "").rstrip("/")  # of this server, for links in e-mails
SMTP = {
    "host": os.environ.get("EMAIL_HOST", "localhost"),
    "port": number("EMAIL_PORT", "25"),
    "username": os.environ.get("EMAIL_HOST_USER", ""),
    "password": os.environ.get("EMAIL_HOST_PASSWORD", ""),
    "use_tls": flag("EMAIL_USE_TLS"),
    "timeout": 5,
}
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "iocash@localhost")
RATE_LIMIT = number("RATE_LIMIT", "1000")  # requests a second, per client and process
DATABASE_PATIENCE = number("DATABASE_PATIENCE", "12", float)  # seconds to wait for an answer
RATE_LIMIT_REFUSED = number("RATE_LIMIT_REFUSED", "50")  # 401s a second, per address and process
GROUP_COMMIT = os.environ.get("GROUP_COMMIT", "on") == "on"  # concurrent orders commit together
CLOCK_TOLERANCE = number("CLOCK_TOLERANCE", "60", float)  # seconds, database against server
DOCUMENTS_DIR = os.environ.get("DOCUMENTS_DIR", str(STATE / "documents") if DEBUG else "")
ANCHORS_DIR = os.environ.get("ANCHORS_DIR", "")  # where the worker writes anchors; blank: nowhere
BANK_FILES_DIR = os.environ.get("BANK_FILES_DIR", "")  # where the bank takes approved files
ANCHORS_URL = os.environ.get("ANCHORS_URL", "")  # where it sends them; blank: nowhere
ANCHOR_MINUTES = number("ANCHOR_MINUTES", "5")  # between two anchors; 0: one a night
ANCHORS_SECRET = os.environ.get("ANCHORS_SECRET", "")  # signs them
RETENTION_YEARS = number("RETENTION_YEARS", "5")  # of an ended user's personal data
BANK_FILE_YEARS = number("BANK_FILE_YEARS", "10")  # of what banks have sent
DORMANT_DAYS = number("DORMANT_DAYS", "365")  # without a movement: the back office lists the wallet
SCHEDULE_ZONE = os.environ.get("SCHEDULE_ZONE", "Europe/Madrid")  # of schedules that name none
SCHEDULE_HOUR = number("SCHEDULE_HOUR", "6")  # at which runs are due, in the schedule's zone
KYC_LIMITS: dict[str, Any] = parsed("KYC_LIMITS", json.loads, "JSON") or {
    "EUR": {  # and so on for other currencies: where none are set, only level 2 may have money
        "0": {"balance": "150", "cashIn": "150", "cashOut": "150"},
        "1": {"balance": "2500", "cashIn": "2500", "cashOut": "1000"},
    }
}
IDENTITY_PROVIDER = os.environ.get("IDENTITY_PROVIDER", "demo" if DEBUG else "")  # or http
IDENTITY_URL = os.environ.get("IDENTITY_URL", "")  # where the provider begins verifications
IDENTITY_SECRET = as_list("IDENTITY_SECRET")  # the first signs; each is accepted in callbacks
WEBHOOK_NETWORKS = as_list("WEBHOOK_NETWORKS")  # private ones that webhooks may be sent to
WEBHOOK_LOOPBACK = DEBUG  # webhooks may be sent to this machine, also without TLS
SESSION_HOURS = number("SESSION_HOURS", "12")  # of staff, from the log-in on
SESSION_IDLE_MINUTES = number("SESSION_IDLE_MINUTES", "60")  # without a request
SECURITY_CONTACT = as_list("SECURITY_CONTACT")  # URIs of the operator, in security.txt
SECURITY_EXPIRES: date | None = parsed("SECURITY_EXPIRES", date.fromisoformat, "like 2027-06-30")
SECURITY_POLICY = os.environ.get("SECURITY_POLICY", "")
SECURITY_LANGUAGES = as_list("SECURITY_LANGUAGES", "en")
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")  # blank: private networks read /metrics
SPANS = flag("SPANS")  # of OpenTelemetry, which the variables OTEL_* configure
METRICS_DIR = os.environ.get("METRICS_DIR", "")  # of the processes' counts; blank: a private one
HTTPS = not DEBUG and not flag("INSECURE_HTTP")


def development_secret() -> str:
    """Create the secret of this checkout, once; all its processes read the same file."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    file = STATE / "secret_key"
    if not file.exists():
        draft = STATE / f"secret_key.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(f"development-{secrets.token_hex(32)}")
        with suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return file.read_text()


if not SECRET_KEY and DEBUG:
    SECRET_KEY = development_secret()
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY (50 random characters), or DEBUG=1 in development.")
if not DATABASE_URL and not DEBUG:
    raise ImproperlyConfigured("Set DATABASE_URL, or set DEBUG=1 to use the embedded PostgreSQL.")

# --- Database ----------------------------------------------------------------------------------


def database(url: str) -> dict[str, Any]:
    """Parse a PostgreSQL URL as libpq does, also with several hosts."""
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except ProgrammingError:  # its text quotes the URL, which contains a password
        form = "must be like postgresql://role@host/name"
        names = "DATABASE_URL and the URLs of owner, replica and groups"
        raise ImproperlyConfigured(f"{names} {form}.") from None
    return {
        "ENGINE": "iocash.db.backend",
        "NAME": parts.pop("dbname", "iocash"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "OPTIONS": parts,
    }


def embedded(role: str, name: str = "iocash") -> dict[str, Any]:
    return {"ENGINE": "iocash.postgres", "NAME": name, "USER": role, "OPTIONS": {}}


def of_group(url: str, role: str) -> dict[str, Any]:
    """Parse the URL of a group; `embedded:NAME` is a database of the embedded server."""
    scheme, _, name = url.partition(":")
    return embedded(role, name) if scheme == "embedded" and DEBUG else database(url)


DATABASES: dict[str, dict[str, Any]] = {
    "default": database(DATABASE_URL) if DATABASE_URL else embedded("iocash_app"),
    "owner": (
        database(DATABASE_OWNER_URL or DATABASE_URL) if DATABASE_URL else embedded("iocash_owner")
    ),
}
GROUPS = databases_of_groups(DATABASES, DATABASE_GROUPS, DATABASE_OWNER_GROUPS, of_group)
"""The databases of each group of clients; the first one is `home`."""
if GROUP != HOME:
    DATABASE_REPLICA_URL = ""  # it is a standby of home
DATABASES = {**own_group(GROUPS, GROUP)}

REPLICA_OPTIONS = {
    "connect_timeout": 2,
    "options": "-c default_transaction_isolation=repeatable\\ read"
    " -c default_transaction_read_only=on",
}
"""What one trip reads from the replica is one snapshot. The replica is not waited for."""
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = database(DATABASE_REPLICA_URL)
    DATABASES["replica"]["TEST"] = {"MIRROR": "default"}
    DATABASES["replica"]["OPTIONS"] = {**REPLICA_OPTIONS, **DATABASES["replica"]["OPTIONS"]}
    DATABASE_ROUTERS = ["users.models.replica.Router"]


def connect_timeout(hosts: str) -> int:
    """Return the seconds for each host: all together stay within DATABASE_PATIENCE."""
    return max(2, min(5, int(DATABASE_PATIENCE / (hosts.count(",") + 1))))


TCP_LIMITS = {
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
"""A connection to a silent server is closed within half a minute."""
for alias in [*DATABASES.values(), *(each for own in GROUPS.values() for each in own.values())]:
    alias["CONN_MAX_AGE"] = None
    alias["CONN_HEALTH_CHECKS"] = True
    alias["DISABLE_SERVER_SIDE_CURSORS"] = PREPARED_STATEMENTS == "off"
    alias["OPTIONS"].setdefault("application_name", "iocash")
    for name, limit in TCP_LIMITS.items():
        alias["OPTIONS"].setdefault(name, limit)
    alias["OPTIONS"].setdefault("connect_timeout", connect_timeout(alias.get("HOST", "")))
    alias["OPTIONS"].setdefault("prepare_threshold", None if PREPARED_STATEMENTS == "off" else 5)
DATABASES["owner"]["TEST"] = {"MIRROR": "default"}
DATABASE_ROLE = DATABASES["default"]["USER"]
"""The role that serves requests. It owns no tables; migrations grant its privileges."""

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Application -------------------------------------------------------------------------------

ROOT_URLCONF = "iocash.urls"
WSGI_APPLICATION = "iocash.wsgi.application"
APPEND_SLASH = False
LOGIN_URL = "admin:login"
DEFAULT_EXCEPTION_REPORTER = "iocash.http.problems.Reporter"
CSRF_FAILURE_VIEW = "iocash.http.problems.csrf_failure"
BACK_OFFICE_REFUSAL = "users.backoffice.refusal_page"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "iocash.docs.guides.navigation",
            ],
            "builtins": ["iocash.docs.tags"],
        },
    },
]

LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en", "English"), ("es", "Spanish")]  # of errors and the back office
LOCALE_PATHS = [BASE_DIR / "iocash" / "locale"]
FORMAT_MODULE_PATH = "users.formats"  # of the back office
TIME_ZONE = "UTC"

STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "documents": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": DOCUMENTS_DIR,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
}

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "iocash" / "static"]
WHITENOISE_USE_FINDERS = True  # serves without collectstatic

if django.VERSION >= (6, 1):
    MAILERS = {
        "default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": SMTP}
    }
else:
    EMAIL_HOST, EMAIL_PORT = SMTP["host"], SMTP["port"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = SMTP["username"], SMTP["password"]
    EMAIL_USE_TLS, EMAIL_TIMEOUT = SMTP["use_tls"], SMTP["timeout"]

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "users.log_ins.Passwords"]
SESSION_ENGINE = "iocash.http.sessions"
SESSION_COOKIE_AGE = SESSION_HOURS * 3600
PASSWORD_RESET_TIMEOUT = 86_400  # of the link with which a member of staff sets a password
OTP_TOTP_ISSUER = "ioCash"

# --- Safety ------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^(?!$|admin|static|identity/|\.well-known/security\.txt$)"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS and flag("HSTS_INCLUDE_SUBDOMAINS")
SECURE_HSTS_PRELOAD = HTTPS and flag("HSTS_PRELOAD")
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # the operator decides about HSTS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
X_FRAME_OPTIONS = "DENY"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {"format": "{levelname} {name} {message}", "style": "{"},
        "json": {
            "()": "iocash.logs.Lines",
            "fmt": "{asctime}{levelname}{name}{message}",
            "style": "{",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "lines" if DEBUG else "json",
            "filters": ["unquoted"],
        }
    },
    "filters": {
        "unquoted": {"()": "iocash.logs.Unquoted"},
        "first_error": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: "error ignored terminating" not in record.msg,
        },
    },
    # An error in a pipeline is raised; the failing end of the pipeline needs no second line.
    "loggers": {"psycopg": {"filters": ["first_error"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
