from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin
from django.core.exceptions import ImproperlyConfigured


class Wallets(AppConfig):
    name = "wallets"
    verbose_name = "Wallets and movements"
    default = True

    def ready(self) -> None:
        """Refuse to start with limits that would not be those that somebody meant."""
        from wallets.books import limits  # noqa: PLC0415 (it needs the models)

        if wrong := list(limits.wrong_settings(settings.KYC_LIMITS)):
            raise ImproperlyConfigured(" ".join(wrong))


class BackOfficeConfig(admin.AdminConfig):
    """Django's admin, whose site is the one with the dashboard."""

    default = False
    default_site = "wallets.dashboard.BackOffice"
