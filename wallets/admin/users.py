"""The page of a user: how it stands, what happened, and the actions that change it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.actions import Action, Facts
from users.admin import users
from users.models import User
from wallets.admin import cases, closings, notes, profile, tabs, tasks
from wallets.admin.approvals.customers import (
    ask_to_erase,
    ask_to_unblock_user,
    erase_personal_data,
)
from wallets.admin.facts import user_facts
from wallets.admin.forms import BlockForm, EraseForm
from wallets.admin.person_exports import EXPORT_PERSON
from wallets.admin.submit import Submission, user_order
from wallets.orders.users import BlockUser, UnblockUser

BLOCK = "users.block_user"
"""The permission to block and unblock users."""

admin.site.unregister(User)


def user_effect(text: Any) -> Any:
    """A sentence about a user, with its `%(name)s`."""
    return lambda user: str(text) % {"name": user.display_name}


def details(user: User) -> Iterator[tuple[str, Any]]:
    """The labels and values of what is known of a user."""
    yield gettext("User name"), user.user_name
    yield gettext("Phone"), user.mobile_phone
    yield gettext("New phone, not verified"), user.unverified_phone
    yield gettext("E-mail"), user.email
    yield gettext("DLT address"), user.dlt_address
    yield gettext("DLT network"), user.dlt_network
    yield from (user.metadata or {}).items()


@admin.register(User)
class UserWithWalletsAdmin(users.UserAdmin):
    """The page of a user, with its wallets, and the actions that submit orders."""

    page_actions = (
        Action(
            name="block",
            label=_("Block"),
            permission=BLOCK,
            form=BlockForm,
            do=Submission(user_order(BlockUser), _("User blocked.")),
            is_available=lambda user: user.status == User.Status.ACTIVATED,
            effect=user_effect(
                _("The wallets of %(name)s can't pay or receive until you unblock.")
            ),
            is_harmful=True,
        ),
        Action(
            name="unblock",
            label=_("Unblock"),
            permission=BLOCK,
            form=BlockForm,
            do=Submission(user_order(UnblockUser), _("User unblocked.")),
            asks=ask_to_unblock_user,
            is_available=lambda user: user.status == User.Status.BLOCKED,
            effect=user_effect(_("The wallets of %(name)s can pay and receive again.")),
        ),
        Action(
            name="erase",
            label=_("Erase"),
            permission="users.erase_user",
            form=EraseForm,
            do=erase_personal_data,
            asks=ask_to_erase,
            is_available=lambda user: (
                user.status == User.Status.UNSUBSCRIBED and user.erased_at is None
            ),
            effect=user_effect(
                _(
                    "Name, phone number, documents and texts of %(name)s are deleted permanently. "
                    "Movements are kept."
                )
            ),
            is_harmful=True,
        ),
        closings.PAY_OUT,
        EXPORT_PERSON,
        notes.ADD,
        tasks.ADD,
        cases.OPEN,
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

    def name_of(self, obj: Any) -> str:
        return str(obj.display_name)

    def facts(self, obj: Any) -> Facts:
        return user_facts(obj)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        found = profile.read_profile(request, obj)
        shown = tabs.open_tabs(request)
        tab = tabs.chosen_tab(request, shown)
        return {
            "title": obj.display_name,
            "original": obj,
            "opts": self.opts,
            "page_actions": self.available_actions(request, obj),
            "closing": closings.closing_under_way(obj),
            "profile": found,
            "details": [(name, value) for name, value in details(obj) if value],
            "tabs": shown,
            "tab": tab,
            **tab.read(request, found),
        }
