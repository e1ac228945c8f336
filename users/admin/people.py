"""The pages of users and of what was sent to them."""

from __future__ import annotations

from django.contrib import admin

from users.acts import Acting, ReadOnly
from users.models import Otp, User


@admin.register(User)
class UserAdmin(Acting):
    list_display = ("user_name", "kind", "status", "client", "created_at")
    list_filter = ("status", "kind", "client")
    list_select_related = ("client",)
    search_fields = ("id", "user_name", "mobile_phone", "email")
    exclude = ("client",)


@admin.register(Otp)
class OtpAdmin(ReadOnly):
    list_display = ("user", "mobile_phone", "tries", "sent_at", "expires_at")
    list_select_related = ("user",)
    search_fields = ("user__id", "mobile_phone")
    fields = ("user", "mobile_phone", "tries", "sent_at", "expires_at")
