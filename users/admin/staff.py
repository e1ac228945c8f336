"""The pages of staff. No page shows the secret of a second factor."""

from __future__ import annotations

from typing import Any

import django_otp
import django_otp.plugins.otp_totp.admin  # registers TOTPDevice, which is unregistered below
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django_otp.plugins.otp_totp.models import TOTPDevice

from users import staff
from users.actions import Action, WithActions, address_of

CHANGE = "auth.change_user"
Staff = get_user_model()
admin.site.unregister([Staff, TOTPDevice])


def reset(request: HttpRequest, person: Any, values: dict[str, Any]) -> str:
    staff.reset_second_factor(person, by=request.user)
    return f"Second factor of {person} reset. All sessions of {person} are closed."


def activate(request: HttpRequest, person: Any, values: dict[str, Any]) -> str:
    staff.set_active(person, is_active=True, by=request.user)
    return f"{person} activated."


def deactivate(request: HttpRequest, person: Any, values: dict[str, Any]) -> str:
    staff.set_active(person, is_active=False, by=request.user)
    return f"{person} deactivated."


@admin.register(Staff)
class StaffAdmin(WithActions, UserAdmin):
    list_display = ("username", "first_name", "last_name", "is_active", "last_login")
    change_form_template = "admin/staff.html"
    csv_columns = (
        ("username", "username"),
        ("first_name", "first_name"),
        ("last_name", "last_name"),
        ("email", "email"),
        ("is_active", "is_active"),
        ("is_superuser", "is_superuser"),
        ("last_login", "last_login"),
        ("date_joined", "date_joined"),
    )
    actions = None
    page_actions = (
        Action(
            name="reset-second-factor",
            label="Reset the second factor",
            permission=CHANGE,
            do=reset,
            is_available=django_otp.user_has_device,
            warning=(
                "Verify the identity of the person who asks for this. All sessions are closed. The "
                "next log-in with the password sets up a new second factor."
            ),
        ),
        Action(
            name="deactivate",
            label="Deactivate",
            permission=CHANGE,
            do=deactivate,
            is_available=lambda person: person.is_active,
            warning="This person can't log in anymore. All sessions are closed.",
        ),
        Action(
            name="activate",
            label="Activate",
            permission=CHANGE,
            do=activate,
            is_available=lambda person: not person.is_active,
        ),
    )

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        may = self.has_change_permission(request, obj)
        return {"page_actions": self.available_actions(request, obj) if may else []}

    def run_action(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        person = self.get_object(request, unquote(object_id))
        if person is not None and not self.has_change_permission(request, person):
            return self.forbidden(request, person)
        return super().run_action(request, object_id, name)

    def forbidden(self, request: HttpRequest, person: Any) -> HttpResponse:
        messages.error(request, f"You don't have permission to change {person}.")
        return HttpResponseRedirect(address_of(person))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a superuser changes a superuser."""
        may = admin.ModelAdmin.has_change_permission(self, request, obj)
        return may and not (obj and obj.is_superuser and not request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = admin.ModelAdmin.has_delete_permission(self, request, obj)
        return may and not (obj and obj.is_superuser and not request.user.is_superuser)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Delete staff without a history. Staff with a history can only be deactivated."""
        person = self.get_object(request, unquote(object_id))
        if (
            person is None
            or not self.has_delete_permission(request, person)
            or not staff.has_history(person)
        ):
            return super().delete_view(request, object_id, extra_context)
        messages.warning(
            request,
            f"{person} can't be deleted because the log refers to them. Deactivate them instead.",
        )
        return HttpResponseRedirect(f"{address_of(person).removesuffix('change/')}act/deactivate/")

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        staff.delete(obj)
