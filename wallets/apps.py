from django.apps import AppConfig
from django.contrib.admin import apps as admin


class Wallets(AppConfig):
    name = "wallets"
    verbose_name = "Wallets and movements"
    default = True


class BackOffice(admin.AdminConfig):
    """Django's admin, whose site is the one with the dashboard."""

    default = False
    default_site = "wallets.dashboard.BackOffice"
