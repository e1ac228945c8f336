"""The lists of who is assigned to reviews, and of the reasons for rejections."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from users import menu
from users.actions import ReadOnly, Searched
from users.history import actor_name, name_actors
from users.manual import MANUAL
from users.models import RejectionReason, ReviewAssignment
from users.models.ids import as_id


@admin.register(ReviewAssignment)
class ReviewAssignmentAdmin(Searched, ReadOnly):
    list_display = ("created_at", "person", "assigned_to", "who")
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = _("The id of a user.")
    fields = ("client", "user", "assigned_to", "who", "created_at")
    ordering = ("-id",)
    csv_columns = (
        ("created_at", "created_at"),
        ("user_id", "user_id"),
        ("user", "user.display_name"),
        ("assigned_to", lambda row: actor_name(row, row.member)),
        ("who", lambda row: actor_name(row, row.actor)),
    )

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows, "actor", "member")

    @admin.display(description=_("assigned to"))
    def assigned_to(self, assignment: ReviewAssignment) -> str:
        return actor_name(assignment, assignment.member)

    @admin.display(description=_("who"))
    def who(self, assignment: ReviewAssignment) -> str:
        return actor_name(assignment, assignment.actor)

    def named(self, queryset: Any, words: str) -> Any:
        found = as_id(words)
        return queryset.filter(user=found) if found else queryset.none()


@admin.register(RejectionReason)
class RejectionReasonAdmin(admin.ModelAdmin):
    """The reasons can be changed and withdrawn; they are not deleted."""

    list_display = ("text", "is_offered")
    list_filter = ("is_offered",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


for section, label, model in (
    ("Customers", _("Notes"), "note"),
    ("Reviews", _("Assigned reviews"), "reviewassignment"),
    ("Settings", _("Reasons for rejection"), "rejectionreason"),
):
    menu.add(section, label, f"users_{model}_changelist", permission=f"users.view_{model}")
menu.describe(
    {
        "users_note_changelist": _(
            "What members of staff have written about users, wallets and movements. "
            "Add a note on the page of one of them."
        ),
        "users_reviewassignment_changelist": _(
            "Who is assigned to which review, and who assigned it. Assign a review on its page."
        ),
        "users_rejectionreason_changelist": _(
            "Reasons that reviewers can choose when they reject a document. Add one here."
        ),
    }
)
MANUAL.add(
    "customers",
    _("Customers"),
    _("The page of a user, notes, and dormant wallets."),
    covers=("users_user", "users_note", "dormant_wallets"),
)
MANUAL.add(
    "reviews",
    _("Reviews"),
    _("Deciding about documents, alone and with others."),
    covers=("users_review", "users_rejectionreason"),
)
