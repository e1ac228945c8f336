from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from iocash.db.backend import safety
from iocash.db.model_names import translate_names


class Wallets(AppConfig):
    name = "wallets"
    verbose_name = _("Wallets and movements")
    default = True

    def ready(self) -> None:
        """Name the models. Refuse to start if settings of limits, IBANs or anchors are wrong."""
        from wallets.anchors.settings import wrong_anchor_settings  # noqa: PLC0415 (imports models)
        from wallets.books import ibans, limits  # noqa: PLC0415 (imports models)
        from wallets.models.currencies import unknown_currencies  # noqa: PLC0415 (the same)

        translate_names(self)
        safety.ASKED_ONCE.append(unknown_currencies)
        if wrong := [*limits.wrong_settings(settings.KYC_LIMITS), *wrong_anchor_settings()]:
            raise ImproperlyConfigured(" ".join(wrong))
        try:
            ibans.make(1)
        except ValueError as error:
            names = "IBAN_COUNTRY, IBAN_BANK_CODE and IBAN_BRANCH_CODE"
            raise ImproperlyConfigured(f"{names} make no IBAN: {error}.") from error


class BackOfficeConfig(admin.AdminConfig):
    """Django's admin with the dashboard as its first page."""

    default = False
    default_site = "wallets.dashboard.BackOffice"
