from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured


class Users(AppConfig):
    name = "users"
    verbose_name = "Users and clients"

    def ready(self) -> None:
        """Register the checks. Refuse to start if the settings of the provider are wrong."""
        from users import checks  # noqa: F401, PLC0415 (registers them)
        from users.kyc import providers  # noqa: PLC0415 (imports models)

        if wrong := list(providers.wrong_identity_settings()):
            raise ImproperlyConfigured(" ".join(wrong))
