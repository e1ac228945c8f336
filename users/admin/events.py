"""The pages of events and of the access log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q

from users.actions import ReadOnly, Searched
from users.change_lists import RECENT, recent
from users.models import Access, Event
from users.models.ids import as_id


@admin.register(Event)
class EventAdmin(Searched, ReadOnly):
    list_display = ("created_at", "kind", "subject_id", "actor", "request_id")
    search_fields = ("id",)
    search_help_text = (
        f"The id of what changed, or an actor or request id of the last {RECENT:,} events."
    )
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

    def named(self, queryset: Any, words: str) -> Any:
        if found := as_id(words):
            return queryset.filter(subject_id=found)
        return recent(queryset).filter(Q(actor=words) | Q(request_id=words))


@admin.register(Access)
class AccessAdmin(Searched, ReadOnly):
    list_display = ("created_at", "what", "kind", "user_id", "actor", "request_id")
    list_filter = ("what",)
    search_fields = ("id",)
    search_help_text = f"A user's id, or an actor or request id of the last {RECENT:,} entries."
    fields = ("client", "user", "what", "kind", "actor", "request_id", "created_at")
    ordering = ("-id",)

    def named(self, queryset: Any, words: str) -> Any:
        if found := as_id(words):
            return queryset.filter(user=found)
        return recent(queryset).filter(Q(actor=words) | Q(request_id=words))
