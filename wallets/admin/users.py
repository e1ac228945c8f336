"""The page of a user, with its wallets and the actions that change them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from users.actions import Action, by
from users.admin import users
from users.models import KycDocument, User
from wallets import erasure
from wallets.admin.forms import BlockForm, EraseForm
from wallets.admin.submit import submitted, user_order
from wallets.models import Wallet
from wallets.orders.users import BlockUser, UnblockUser

BLOCK = "users.block_user"
"""The permission to block and unblock users."""

admin.site.unregister(User)


def erase_personal_data(request: HttpRequest, user: User, values: dict[str, Any]) -> str:
    erasure.erase(user_id=user.id, by=by(request), reason=values["reason"])
    return "Personal data erased. Ids, amounts and times are kept."


@admin.register(User)
class UserWithWalletsAdmin(users.UserAdmin):
    """Adds the wallets, and the actions that submit orders, to the user's page."""

    change_form_template = "admin/user.html"
    page_actions = (
        Action(
            name="block",
            label="Block",
            permission=BLOCK,
            form=BlockForm,
            do=submitted(user_order(BlockUser), "User blocked."),
            is_available=lambda user: user.status == User.Status.ACTIVATED,
            warning="The user's wallets can't pay or receive.",
        ),
        Action(
            name="unblock",
            label="Unblock",
            permission=BLOCK,
            form=BlockForm,
            do=submitted(user_order(UnblockUser), "User unblocked."),
            is_available=lambda user: user.status == User.Status.BLOCKED,
        ),
        Action(
            name="erase",
            label="Erase",
            permission="users.erase_user",
            form=EraseForm,
            do=erase_personal_data,
            is_available=lambda user: (
                user.status == User.Status.UNSUBSCRIBED and user.erased_at is None
            ),
            warning=(
                "Name, phone, documents and texts are deleted permanently. Movements are kept."
            ),
        ),
    )

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        wallets = Wallet.objects.filter(user=obj).order_by("created_at")
        return super().page(request, obj) | {
            "wallets": wallets,
            "has_documents": KycDocument.objects.of(obj).exists(),
        }
