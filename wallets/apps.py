from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin
from django.core.exceptions import ImproperlyConfigured


class Wallets(AppConfig):
    name = "wallets"
    verbose_name = "Wallets and movements"
    default = True

    def ready(self) -> None:
        """Refuse to start if KYC_LIMITS is wrong."""
        from wallets.books import limits  # noqa: PLC0415 (imports models)

        if wrong := list(limits.wrong_settings(settings.KYC_LIMITS)):
            raise ImproperlyConfigured(" ".join(wrong))


class BackOfficeConfig(admin.AdminConfig):
    """Django's admin with the dashboard as its first page."""

    default = False
    default_site = "wallets.dashboard.BackOffice"
