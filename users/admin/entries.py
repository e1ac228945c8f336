"""The entries of the menu that lead to the pages of this package."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from users import menu
from users.menu import MenuSection
from users.models import KycDocument, User


def users_to_review(member: Any) -> Any:
    waiting = KycDocument.objects.waiting().values("user")
    return User.objects.filter(id__in=waiting).exclude(status=User.Status.UNSUBSCRIBED)


menu.add(MenuSection.TODAY, _("Overview"), "index", permission=None, order=10)
for order, section, label, model in (
    (10, MenuSection.CUSTOMERS, _("Users"), "user"),
    (30, MenuSection.REVIEWS, _("Identity verifications"), "identityverification"),
    (30, MenuSection.REVIEWS, _("Signed terms"), "termssignature"),
    (30, MenuSection.REVIEWS, _("Who has seen documents"), "access"),
    (30, MenuSection.ACCESS, _("Clients"), "client"),
    (30, MenuSection.ACCESS, _("API keys"), "apikey"),
    (30, MenuSection.ACCESS, _("Public keys"), "signingkey"),
    (30, MenuSection.ACCESS, _("One-time passwords"), "otp"),
    (40, MenuSection.ACCESS, _("Webhook endpoints"), "webhookendpoint"),
    (40, MenuSection.ACCESS, _("Webhook deliveries"), "webhookdelivery"),
    (40, MenuSection.ACCESS, _("Webhook attempts"), "webhookattempt"),
    (60, MenuSection.LEDGER, _("Changes"), "event"),
    (30, MenuSection.SETTINGS, _("Terms"), "terms"),
):
    url_name, permission = f"users_{model}_changelist", f"users.view_{model}"
    menu.add(section, label, url_name, permission=permission, order=order)
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
