"""The pages of members of staff. No page shows the secret of a second factor.

All pages are read-only; actions make the changes. So no crafted form can set a permission.
"""

from __future__ import annotations

from typing import Any

import django.contrib.auth.admin  # noqa: F401 (registers Staff and Group, unregistered below)
import django_otp
import django_otp.plugins.otp_totp.admin  # registers TOTPDevice, which is unregistered below
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice

from users import pages
from users.actions import Action, Facts, WithActions, address_of
from users.admin import approved_staff
from users.admin.approved_staff import about_member
from users.admin.staff_forms import NamesForm, NewMemberForm, RolesForm
from users.models.approvals import ApprovalKind
from users.staff import members, roles, second_factor, sessions
from users.staff.permissions import sentences_of
from users.staff.records import recorded_words

Staff = get_user_model()
LAST_CHANGES = 20
NOT_ON_ONESELF = frozenset(
    {"roles", "single-permissions", "deactivate", "log-out", "password-link", "reset-second-factor"}
)
"""Actions that nobody takes on themselves. The own account has pages that ask for a token."""

admin.site.unregister([Staff, Group, TOTPDevice])


def ask_others(request: HttpRequest, person: Any, values: dict[str, Any]) -> str:
    """
    Raises:
        ApprovalRequired: always.
    """
    approved_staff.require_approved()
    return ""


def deactivate(request: HttpRequest, person: Any, values: dict[str, Any]) -> str:
    members.set_active(person, is_active=False, by=request.user)
    return gettext("%(person)s deactivated.") % {"person": person}


def log_out(request: HttpRequest, person: Any, values: dict[str, Any]) -> str:
    number = sessions.log_out_everywhere(person, by=request.user)
    return ngettext(
        "%(number)s session of %(person)s closed.",
        "%(number)s sessions of %(person)s closed.",
        number,
    ) % {"number": number, "person": person}


def change_roles(request: HttpRequest, person: Any, values: dict[str, Any]) -> str:
    """Replace the roles; more roles than before need an approval.

    Raises:
        ApprovalRequired: there are more.
        PermissionDenied: as `give_roles`.
    """
    roles.give_roles(person, values["roles"], by=request.user, is_alone=True)
    return gettext("Roles of %(person)s changed.") % {"person": person}


def remove_single_permissions(request: HttpRequest, person: Any, values: dict[str, Any]) -> str:
    members.remove_permissions(person, by=request.user)
    return gettext("%(person)s now has the roles alone.") % {"person": person}


def change_names(request: HttpRequest, person: Any, values: dict[str, Any]) -> str:
    values = {name: values[name] for name in ("first_name", "last_name", "email")}
    members.change_member(person, values, by=request.user)
    return gettext("%(person)s changed.") % {"person": person}


def show_link(request: HttpRequest, person: Any, values: dict[str, Any]) -> HttpResponse:
    """Make a link to set a password, and show it once.

    Raises:
        ApprovalRequired: it was not approved.
    """
    if not approved_staff.may_make_link(person, request.user):
        approved_staff.require_approved()
    uid, token = members.new_link(person, by=request.user)
    address = reverse("admin:set-password", args=[uid, token])
    return pages.render(
        request,
        "admin/password_link.html",
        title=gettext("Link for %(person)s") % {"person": person},
        object=person,
        link=request.build_absolute_uri(address),
        back=address_of(person),
    )


ADD = Action(
    name="add",
    label=_("Add a member of staff"),
    permission="auth.add_user",
    form=NewMemberForm,
    do=ask_others,
    asks=approved_staff.ask_for_member,
    warning=_("After the approval you can make a link with which the new member sets a password."),
)


class RoleFilter(admin.SimpleListFilter):
    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(role.name, role.label) for role in roles.every_role()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(groups__name=self.value()) if self.value() else queryset


@admin.register(Staff)
class StaffAdmin(WithActions):
    list_display = ("user_name", "full_name", "roles", "is_in", "has_second_factor", "last_login")
    list_filter = (RoleFilter, "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    fields = ("user_name", "full_name", "email", "is_in", "last_login", "date_joined")
    change_list_template = "admin/staff_list.html"
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
            name="roles",
            label=_("Change roles"),
            permission=roles.CHANGE_STAFF,
            form=RolesForm,
            do=change_roles,
            asks=about_member(ApprovalKind.CHANGE_ROLES),
        ),
        Action(
            name="single-permissions",
            label=_("Remove single permissions"),
            permission=roles.CHANGE_STAFF,
            do=remove_single_permissions,
            is_available=lambda person: person.user_permissions.exists(),
            warning=_("Permissions given beside the roles are removed. The roles stay."),
        ),
        Action(
            name="names",
            label=_("Change name and e-mail"),
            permission=roles.CHANGE_STAFF,
            form=NamesForm,
            do=change_names,
        ),
        Action(
            name="password-link",
            label=_("New link to set a password"),
            permission=roles.CHANGE_STAFF,
            do=show_link,
            asks=about_member(ApprovalKind.RESET_PASSWORD),
            is_available=lambda person: person.is_active,
            warning=_(
                "Verify the identity of the person who asks for this. The password stops working, "
                "and all sessions are closed."
            ),
        ),
        Action(
            name="reset-second-factor",
            label=_("Reset the second factor"),
            permission=roles.CHANGE_STAFF,
            do=ask_others,
            asks=about_member(ApprovalKind.RESET_SECOND_FACTOR),
            is_available=django_otp.user_has_device,
            warning=_(
                "Verify the identity of the person who asks for this. All sessions are closed. "
                "Where a second factor is required, the next log-in sets up a new one; elsewhere "
                "the password is enough."
            ),
        ),
        Action(
            name="log-out",
            label=_("Log out everywhere"),
            permission=roles.CHANGE_STAFF,
            do=log_out,
            warning=_("All sessions of this person are closed."),
        ),
        Action(
            name="deactivate",
            label=_("Deactivate"),
            permission=roles.CHANGE_STAFF,
            do=deactivate,
            is_available=lambda person: person.is_active,
            warning=_("This person can't log in anymore. All sessions are closed."),
        ),
        Action(
            name="activate",
            label=_("Activate"),
            permission=roles.CHANGE_STAFF,
            do=ask_others,
            asks=about_member(ApprovalKind.ACTIVATE_MEMBER),
            is_available=lambda person: not person.is_active,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        factor = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        return (
            super()
            .get_queryset(request)
            .prefetch_related("groups")
            .annotate(has_factor=Exists(factor))
        )

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Only the filters: a lookup of `password` would find out its digest."""
        return lookup in {RoleFilter.parameter_name, "is_active", "is_active__exact"}

    @admin.display(description=_("user name"))
    def user_name(self, person: Any) -> str:
        return str(person.get_username())

    @admin.display(description=_("active"), boolean=True)
    def is_in(self, person: Any) -> bool:
        return bool(person.is_active)

    @admin.display(description=_("name"))
    def full_name(self, person: Any) -> str:
        return str(person.get_full_name())

    @admin.display(description=_("roles"))
    def roles(self, person: Any) -> str:
        names = roles.labels_of(group.name for group in person.groups.all())
        return ", ".join([gettext("Superuser"), *names] if person.is_superuser else names)

    @admin.display(description=_("second factor"), boolean=True)
    def has_second_factor(self, person: Any) -> bool:
        return bool(person.has_factor)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"title": gettext("Members of staff"), **(extra_context or {})}
        return super().changelist_view(request, context)

    def page(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        entries = LogEntry.objects.filter(
            content_type__app_label="auth", content_type__model="user", object_id=str(obj.pk)
        )
        return {
            "page_actions": self.available_actions(request, obj),
            "given": [role for role in roles.every_role() if role.name in names_of_groups(obj)],
            "sentences": sentences_of(roles.permissions_of(obj)),
            "has_single_permissions": obj.user_permissions.exists(),
            "sessions": sessions.open_sessions(obj, request.session.session_key),
            "codes_left": second_factor.codes_left(obj),
            "entries": [
                (entry, recorded_words(entry))
                for entry in entries.select_related("user").order_by("-pk")[:LAST_CHANGES]
            ],
        }

    def facts(self, obj: Any) -> Facts:
        return [
            (gettext("Name"), obj.get_full_name() or obj.username),
            (gettext("Roles"), self.roles(obj) or gettext("None")),
        ]

    def available_actions(self, request: HttpRequest, obj: Any) -> list[Action]:
        if not roles.may_manage(request.user, obj):
            return []
        found = super().available_actions(request, obj)
        own = obj.pk == request.user.pk
        return [action for action in found if not (own and action.name in NOT_ON_ONESELF)]

    def run_action(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        person = self.get_object(request, unquote(object_id))
        if person is not None and request.user.has_perm(roles.CHANGE_STAFF):
            own = person.pk == request.user.pk
            if own and name in NOT_ON_ONESELF:
                return self.forbidden(
                    request, person, gettext("You can't do this to yourself. Ask a colleague.")
                )
            if not roles.may_manage(request.user, person):
                words = gettext("You don't have permission to change %(person)s.")
                return self.forbidden(request, person, words % {"person": person})
        return super().run_action(request, object_id, name)

    def forbidden(self, request: HttpRequest, person: Any, words: str) -> HttpResponse:
        messages.error(request, words)
        return HttpResponseRedirect(address_of(person))

    # How they are added and deleted

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ADD.permission)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Add a member of staff with roles, and show the link to set a password."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = NewMemberForm(request.POST or None, user=request.user)
        answer = self.answer(request, ADD, None, form)
        return answer or self.action_page(request, ADD, None, form)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not request.user.has_perm("auth.delete_user"):
            return False
        if obj is None:
            return True
        return obj.pk != request.user.pk and roles.may_manage(request.user, obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Delete staff without a history. Staff with a history can only be deactivated."""
        person = self.get_object(request, unquote(object_id))
        if (
            person is None
            or not self.has_delete_permission(request, person)
            or not members.has_history(person)
        ):
            return super().delete_view(request, object_id, extra_context)
        words = gettext(
            "%(person)s can't be deleted because the log refers to them. Deactivate them instead."
        )
        messages.warning(request, words % {"person": person})
        return HttpResponseRedirect(
            f"{address_of(person).removesuffix('change/')}action/deactivate/"
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        members.delete(obj)


def names_of_groups(person: Any) -> set[str]:
    return {group.name for group in person.groups.all()}
