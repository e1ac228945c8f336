"""The pages of what was done, and of what was looked at."""

from __future__ import annotations

from django.contrib import admin

from users.acts import ReadOnly
from users.models import Access, Event


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("created_at", "kind", "subject_id", "actor", "request_id")
    list_filter = ("subject",)
    search_fields = ("subject_id", "wallet_id", "actor", "request_id")
    fields = (
        "client",
        "kind",
        "subject",
        "subject_id",
        "wallet_id",
        "actor",
        "request_id",
        "created_at",
        "data",
    )
    ordering = ("-position",)


@admin.register(Access)
class AccessAdmin(ReadOnly):
    list_display = ("created_at", "what", "kind", "user_id", "actor", "request_id")
    list_filter = ("what",)
    search_fields = ("user__id", "actor", "request_id")
    fields = ("client", "user", "what", "kind", "actor", "request_id", "created_at")
    ordering = ("-id",)
