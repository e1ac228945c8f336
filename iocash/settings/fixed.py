"""The settings that no environment changes."""

from __future__ import annotations

from datetime import timedelta

INSTALLED_APPS = [
    "users",
    "wallets",
    "wallets.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "iocash.http.middleware.RequestMiddleware",
    "iocash.http.middleware.Sessions",
    "iocash.http.middleware.Common",
    "django.middleware.csrf.CsrfViewMiddleware",
    "iocash.http.middleware.Authentication",
    "iocash.http.middleware.SecondFactor",
    "iocash.http.middleware.Messages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "users.preferences.Localization",
    "users.chosen_groups.ChosenGroup",
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
    for name in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword")
]

AXES_HANDLER = "users.log_ins.Attempts"
AXES_FAILURE_LIMIT = 5  # per name and address; the handler has further limits
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "users.unauthenticated.network_of"
AXES_LOCKOUT_TEMPLATE = "locked.html"
AXES_RESET_ON_SUCCESS = AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # attempts during a lock-out do not extend it
AXES_VERBOSE = AXES_ENABLE_ADMIN = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "token"]  # not in the record of a failure

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

API_PREFIXES = ("/api/", "/livez", "/readyz", "/metrics")
PUBLISHED_PREFIXES = ("/api/v1/public/", "/api/v2/public/")
MAX_BODY_BYTES = 1_000_000
MAX_DOCUMENT_BODY_BYTES = 8_000_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000_000
MAX_WALLETS_PER_USER = 5

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": [
        "iocash.http.rendering.JSONRenderer",
        "iocash.http.rendering.BrowsableAPI",
    ],
    "DEFAULT_PARSER_CLASSES": ["iocash.http.parsing.JSONObjectParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "users.authentication.BearerAuthentication",
        "users.authentication.StaffAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["users.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["users.throttling.ClientThrottle"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "iocash.http.rendering.Negotiation",
    "DEFAULT_PAGINATION_CLASS": "iocash.http.pages.Pages",
    "DEFAULT_SCHEMA_CLASS": "iocash.http.openapi.operations.AutoSchema",
    "EXCEPTION_HANDLER": "iocash.http.problems.exception_handler",
    "NON_FIELD_ERRORS_KEY": "",
    "URL_FORMAT_OVERRIDE": None,
    "FORMAT_SUFFIX_KWARG": None,
    "TEST_REQUEST_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "ioCash",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SORT_OPERATION_PARAMETERS": False,
    "COMPONENT_SPLIT_PATCH": False,
    "COMPONENT_SPLIT_REQUEST": False,
    "POSTPROCESSING_HOOKS": [
        "iocash.http.openapi.whole.complete",
        "iocash.http.chapters.list_chapters",
        "iocash.docs.examples.illustrate",
        "iocash.http.openapi.whole.set_dry_runs_apart",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": dict.fromkeys(
        ("deepLinking", "persistAuthorization", "displayRequestDuration"), True
    ),
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
}
