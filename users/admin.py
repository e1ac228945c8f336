"""The back office of clients, users and what they did."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from users.models import ApiKey, Client, Event, Otp, User

admin.site.site_header = "ioCash"
admin.site.site_title = "ioCash"
admin.site.index_title = "Back office"


class ReadOnly(admin.ModelAdmin):
    """Shown and searched, never changed here."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Kept(admin.ModelAdmin):
    """Made and changed, never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Client)
class ClientAdmin(Kept):
    list_display = ("name", "status", "id", "created_at")
    list_filter = ("status",)
    search_fields = ("name", "id")
    readonly_fields = ("id", "created_at")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly):
    """Keys are issued where their secret can be shown once: `manage.py issue_key`."""

    list_display = ("prefix", "client", "label", "created_at", "expires_at", "revoked_at")
    list_filter = ("client",)
    list_select_related = ("client",)
    search_fields = ("prefix", "label")
    fields = ("client", "label", "prefix", "scopes", "created_at", "expires_at", "revoked_at")


@admin.register(User)
class UserAdmin(ReadOnly):
    list_display = ("user_name", "kind", "status", "client", "created_at")
    list_filter = ("status", "kind", "client")
    list_select_related = ("client",)
    search_fields = ("id", "user_name", "mobile_phone", "email")


@admin.register(Otp)
class OtpAdmin(ReadOnly):
    list_display = ("user", "mobile_phone", "tries", "sent_at", "expires_at")
    list_select_related = ("user",)
    search_fields = ("user__id", "mobile_phone")
    fields = ("user", "mobile_phone", "tries", "sent_at", "expires_at")


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
    ordering = ("-id",)
