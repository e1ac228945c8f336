"""The page of a user, with what touches its wallets."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from users import admin as users
from users.acts import Act
from users.models import User
from wallets import life
from wallets.admin.forms import BlockForm
from wallets.admin.orders import about_user, submitted
from wallets.models import Wallet

admin.site.unregister(User)


@admin.register(User)
class UserAdmin(users.UserAdmin):
    """The user's page, with what touches its wallets."""

    change_form_template = "admin/user.html"
    acts = (
        Act(
            name="block",
            label="Block",
            permission="users.block_user",
            form=BlockForm,
            do=submitted(about_user(life.BlockUser), "The user is blocked."),
            is_available=lambda user: user.status == User.Status.ACTIVATED,
            warning="None of the user's wallets will pay or receive.",
        ),
        Act(
            name="unblock",
            label="Unblock",
            permission="users.block_user",
            form=BlockForm,
            do=submitted(about_user(life.UnblockUser), "The user may go on."),
            is_available=lambda user: user.status == User.Status.BLOCKED,
        ),
    )

    def page(self, request: HttpRequest, thing: Any) -> dict[str, Any]:
        wallets = Wallet.objects.filter(user=thing).order_by("created_at")
        return super().page(request, thing) | {"wallets": wallets}
