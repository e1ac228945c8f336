from django.apps import AppConfig


class Users(AppConfig):
    name = "users"
    verbose_name = "Users and clients"

    def ready(self) -> None:
        from users import checks  # noqa: F401, PLC0415 (registers them)
