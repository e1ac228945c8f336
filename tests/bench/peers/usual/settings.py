"""What `startproject` makes, with DRF; connections are kept, as the product keeps them."""

from iocash.settings import (
    ALLOWED_HOSTS,
    DATABASE_ROLE,
    DATABASES,
    DEBUG,
    DEFAULT_AUTO_FIELD,
    IBAN_BANK_CODE,
    IBAN_BRANCH_CODE,
    IBAN_COUNTRY,
    IDENTITY_PROVIDER,
    IDENTITY_SECRET,
    IDENTITY_URL,
    KYC_LIMITS,
    PREPARED_STATEMENTS,
    SECRET_KEY,
    STORAGES,
)

__all__ = [
    "ALLOWED_HOSTS",
    "DATABASES",
    "DATABASE_ROLE",
    "DEBUG",
    "DEFAULT_AUTO_FIELD",
    "IBAN_BANK_CODE",
    "IBAN_BRANCH_CODE",
    "IBAN_COUNTRY",
    "IDENTITY_PROVIDER",
    "IDENTITY_SECRET",
    "IDENTITY_URL",
    "KYC_LIMITS",
    "PREPARED_STATEMENTS",
    "SECRET_KEY",
    "STORAGES",
]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
    "users",
    "wallets",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "tests.bench.peers.usual.urls"
USE_TZ = True
TIME_ZONE = "UTC"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tests.bench.peers.usual.authentication.ApiKeyAuthentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
