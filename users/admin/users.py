"""The pages of users and their one-time passwords."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from users.actions import ReadOnly, Searched, WithActions
from users.models import Otp, User

MOST_USERS = 100


@admin.register(User)
class UserAdmin(Searched, WithActions):
    list_display = ("user_name", "kind", "status", "client", "created_at")
    list_filter = ("status", "kind", "client")
    list_select_related = ("client",)
    search_fields = ("id",)
    search_help_text = "An id, phone number, e-mail address, or the beginning of a user name."
    ordering = ("-id",)
    exclude = ("client",)


@admin.register(Otp)
class OtpAdmin(Searched, ReadOnly):
    list_display = ("user", "mobile_phone", "tries", "sent_at", "expires_at")
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = "A user's id, phone number, e-mail address, or the beginning of its name."
    ordering = ("-id",)
    fields = ("user", "mobile_phone", "tries", "sent_at", "expires_at")

    def named(self, queryset: Any, words: str) -> Any:
        return queryset.filter(user__in=list(User.objects.named(words)[:MOST_USERS]))
