"""The page of a user, with what touches its wallets."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from users.actions import Action, by
from users.admin import users
from users.models import KycDocument, User
from wallets import erasure
from wallets.admin.forms import BlockForm, EraseForm
from wallets.admin.orders import about_user, submitted
from wallets.models import Wallet
from wallets.orders import BlockUser, UnblockUser

admin.site.unregister(User)


def erase(request: HttpRequest, user: User, values: dict[str, Any]) -> str:
    erasure.erase(user_id=user.id, by=by(request), reason=values["reason"])
    return "Personal data erased. Ids, amounts and times are kept."


@admin.register(User)
class UserWithWalletsAdmin(users.UserAdmin):
    """The user's page, with what touches its wallets."""

    change_form_template = "admin/user.html"
    page_actions = (
        Action(
            name="block",
            label="Block",
            permission="users.block_user",
            form=BlockForm,
            do=submitted(about_user(BlockUser), "User blocked."),
            is_available=lambda user: user.status == User.Status.ACTIVATED,
            warning="The user's wallets can't pay or receive.",
        ),
        Action(
            name="unblock",
            label="Unblock",
            permission="users.block_user",
            form=BlockForm,
            do=submitted(about_user(UnblockUser), "User unblocked."),
            is_available=lambda user: user.status == User.Status.BLOCKED,
        ),
        Action(
            name="erase",
            label="Erase",
            permission="users.erase_user",
            form=EraseForm,
            do=erase,
            is_available=lambda user: (
                user.status == User.Status.UNSUBSCRIBED and user.erased_at is None
            ),
            warning=(
                "Name, phone, documents and texts are deleted permanently. Movements are kept."
            ),
        ),
    )

    def page(self, request: HttpRequest, thing: Any) -> dict[str, Any]:
        wallets = Wallet.objects.filter(user=thing).order_by("created_at")
        return super().page(request, thing) | {
            "wallets": wallets,
            "has_documents": KycDocument.objects.of(thing).exists(),
        }
