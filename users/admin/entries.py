"""The entries of the menu that lead to the pages of this package."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from users import menu
from users.menu import MenuSection
from users.models import KycDocument, User


def users_to_review() -> Any:
    waiting = KycDocument.objects.waiting().values("user")
    return User.objects.filter(id__in=waiting).exclude(status=User.Status.UNSUBSCRIBED)


menu.add(MenuSection.TODAY, _("Overview"), "index", permission=None, order=10)
for section, label, model in (
    (MenuSection.CUSTOMERS, _("Users"), "user"),
    (MenuSection.REVIEWS, _("Identity verifications"), "identityverification"),
    (MenuSection.REVIEWS, _("Signed terms"), "termssignature"),
    (MenuSection.REVIEWS, _("Who has seen documents"), "access"),
    (MenuSection.ACCESS, _("Clients"), "client"),
    (MenuSection.ACCESS, _("API keys"), "apikey"),
    (MenuSection.ACCESS, _("Public keys"), "signingkey"),
    (MenuSection.ACCESS, _("One-time passwords"), "otp"),
    (MenuSection.LEDGER, _("Changes"), "event"),
    (MenuSection.SETTINGS, _("Terms"), "terms"),
):
    menu.add(section, label, f"users_{model}_changelist", permission=f"users.view_{model}")
menu.add(
    MenuSection.REVIEWS,
    _("Documents to review"),
    "users_review_changelist",
    permission="users.view_review",
    waiting=users_to_review,
    order=10,
)
menu.add(
    MenuSection.ACCESS, _("Staff"), "auth_user_changelist", permission="auth.view_user", order=10
)
menu.add(
    MenuSection.ACCESS,
    _("Groups of staff"),
    "auth_group_changelist",
    permission="auth.view_group",
    order=20,
)
