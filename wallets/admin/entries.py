"""The entries of the menu that lead to the pages of this package."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from users import menu
from users.manual import MANUAL
from users.menu import MenuSection

for section, label, model in (
    (MenuSection.CUSTOMERS, _("Wallets"), "wallet"),
    (MenuSection.CUSTOMERS, _("Bank accounts"), "externalaccount"),
    (MenuSection.LEDGER, _("Movements"), "movement"),
    (MenuSection.LEDGER, _("Holds"), "hold"),
    (MenuSection.LEDGER, _("Scheduled operations"), "scheduledoperation"),
    (MenuSection.LEDGER, _("Scheduled runs"), "scheduledrun"),
    (MenuSection.LEDGER, _("Audits"), "audit"),
):
    menu.add(
        section, label, f"wallets_{model}_changelist", permission=f"wallets.view_{model}", order=20
    )

MANUAL.add(
    "today",
    _("Today"),
    _("What waits, the audit, and the money."),
    covers=("index",),
)
