"""The pages of users and their one-time passwords."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from users.actions import ReadOnly, Searched, WithActions
from users.admin.searched import SEARCHED
from users.models import Otp, User

MOST_USERS = 100
USER_CSV = (
    ("id", "id"),
    ("client", "client.name"),
    ("kind", "kind"),
    ("status", "status"),
    ("user_name", "user_name"),
    ("first_name", "first_name"),
    ("last_name", "last_name"),
    ("company_name", "company_name"),
    ("email", "email"),
    ("mobile_phone", "mobile_phone"),
    ("kyc_level", "kyc_level"),
    ("kyc_until", "kyc_until"),
    ("created_at", "created_at"),
    ("unsubscribed_at", "unsubscribed_at"),
    ("erased_at", "erased_at"),
)
"""The columns of users as CSV."""


@admin.register(User)
class UserAdmin(Searched, WithActions):
    list_display = (
        "full_name",
        "user_name",
        "kind_in_words",
        "state",
        "client",
        "created_at",
        "short",
    )
    list_filter = ("status", "kind", "client")
    list_select_related = ("client",)
    search_fields = ("id",)
    search_help_text = SEARCHED
    ordering = ("-id",)
    exclude = ("client",)
    csv_columns = USER_CSV

    @admin.display(description=_("name"))
    def full_name(self, user: User) -> str:
        return user.display_name


@admin.register(Otp)
class OtpAdmin(Searched, ReadOnly):
    list_display = ("sent_at", "person", "mobile_phone", "tries", "expires_at")
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = SEARCHED
    ordering = ("-id",)
    fields = ("user", "mobile_phone", "tries", "sent_at", "expires_at")
    csv_columns = (
        ("user_id", "user_id"),
        ("user", "user.display_name"),
        ("mobile_phone", "mobile_phone"),
        ("tries", "tries"),
        ("sent_at", "sent_at"),
        ("expires_at", "expires_at"),
    )

    def named(self, queryset: Any, words: str) -> Any:
        return queryset.filter(user__in=list(User.objects.named(words)[:MOST_USERS]))
