from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from iocash.db.model_names import translate_names


class Users(AppConfig):
    name = "users"
    verbose_name = _("Users and clients")

    def ready(self) -> None:
        """Register the checks and the bodies of events of all apps, and name the models.

        Refuse to start if the settings of the provider are wrong.
        """
        from iocash.db.content_types import (  # noqa: PLC0415 (imports models)
            keep_content_types_by_group,
        )
        from users import checks  # noqa: F401, PLC0415 (registers them)
        from users.kyc import providers  # noqa: PLC0415 (imports models)

        translate_names(self)
        keep_content_types_by_group()
        autodiscover_modules("serializers.event_bodies", "serializers.event_kinds")
        if wrong := list(providers.wrong_identity_settings()):
            raise ImproperlyConfigured(" ".join(wrong))
