"""The page of a user: how it stands, what happened, and the actions that change it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as text

from users.actions import Action, by
from users.admin import users
from users.models import User
from wallets import erasure
from wallets.admin import notes, profile, tabs
from wallets.admin.forms import BlockForm, EraseForm
from wallets.admin.submit import submitted, user_order
from wallets.orders.users import BlockUser, UnblockUser

BLOCK = "users.block_user"
"""The permission to block and unblock users."""

admin.site.unregister(User)


def erase_personal_data(request: HttpRequest, user: User, values: dict[str, Any]) -> str:
    erasure.erase(user_id=user.id, by=by(request), reason=values["reason"])
    return "Personal data erased. Ids, amounts and times are kept."


def details(user: User) -> Iterator[tuple[str, Any]]:
    """The labels and values of what is known of a user."""
    yield text("User name"), user.user_name
    yield text("Phone"), user.mobile_phone
    yield text("New phone, not verified"), user.unverified_phone
    yield text("E-mail"), user.email
    yield text("DLT address"), user.dlt_address
    yield text("DLT network"), user.dlt_network
    yield from (user.metadata or {}).items()


@admin.register(User)
class UserWithWalletsAdmin(users.UserAdmin):
    """The page of a user, with its wallets, and the actions that submit orders."""

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
        notes.ADD,
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("client")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page: its head, and the tab that the address names."""
        user = self.get_object(request, object_id)
        if request.method == "POST" or not self.has_view_permission(request, user):
            raise PermissionDenied
        if user is None:  # the admin's own view redirects to the first page, with a message
            return super().change_view(request, object_id, form_url, extra_context)
        context = self.admin_site.each_context(request) | self.page(request, user)
        return TemplateResponse(request, "admin/user.html", context | (extra_context or {}))

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        found = profile.read_profile(request, obj)
        shown = tabs.open_tabs(request)
        tab = tabs.chosen_tab(request, shown)
        return {
            "title": obj.display_name,
            "original": obj,
            "opts": self.opts,
            "page_actions": self.available_actions(request, obj),
            "profile": found,
            "details": [(name, value) for name, value in details(obj) if value],
            "tabs": shown,
            "tab": tab,
            **tab.read(request, found),
        }
