from django.apps import AppConfig


class Wallets(AppConfig):
    name = "wallets"
    verbose_name = "Wallets and movements"
