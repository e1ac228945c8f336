"""The pages about access: what each role may do, and failed log-ins."""

from __future__ import annotations

from typing import Any

from axes.models import AccessFailureLog
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users import menu, pages
from users.manual import MANUAL
from users.menu import MenuSection
from users.staff import roles

VIEW_STAFF = "auth.view_user"
ROWS = 100


@pages.page("roles/", name="roles", permission=VIEW_STAFF)
def list_roles(request: HttpRequest) -> HttpResponse:
    """What each role may do, in words."""
    return pages.render(
        request, "admin/roles.html", title=gettext("Roles"), roles=roles.every_role()
    )


@pages.page("failed-log-ins/", name="failed-log-ins", permission=VIEW_STAFF)
def list_failed_log_ins(request: HttpRequest) -> HttpResponse:
    """The last failed log-ins, newest first.

    A name that no member of staff has is not shown: some people type their password there.
    """
    before = request.GET.get("before", "")
    failures = AccessFailureLog.objects.order_by("-pk")
    if before.isascii() and before.isdigit() and len(before) < 19:
        failures = failures.filter(pk__lt=int(before))
    rows = list(failures[: ROWS + 1])
    members = members_named(rows)
    return pages.render(
        request,
        "admin/failed_log_ins.html",
        title=gettext("Failed log-ins"),
        rows=[(each, members.get(each.username)) for each in rows[:ROWS]],
        before=rows[ROWS - 1].pk if len(rows) > ROWS else None,
        is_first=not before,
    )


def members_named(failures: list[Any]) -> dict[str, Any]:
    """The members of staff whose names were typed, by name."""
    names = {each.username for each in failures}
    return {
        person.username: person for person in get_user_model().objects.filter(username__in=names)
    }


menu.add(MenuSection.ACCESS, _("Roles"), "roles", permission=VIEW_STAFF, order=20)
menu.add(MenuSection.ACCESS, _("Failed log-ins"), "failed-log-ins", permission=VIEW_STAFF, order=30)
MANUAL.add(
    "roles-and-access",
    _("Roles and access"),
    _("What each role may do, members of staff, second factors, recovery codes and sessions."),
    covers=(
        "auth_user",
        "failed-log-ins",
        "log-out-everywhere",
        "recovery-codes",
        "replace-second-factor",
        "roles",
        "second-factor",
        "staff-activity",
    ),
)
