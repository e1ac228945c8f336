"""The page of audit runs."""

from __future__ import annotations

from django.contrib import admin

from users.actions import ReadOnly
from wallets.models import Audit


@admin.register(Audit)
class AuditAdmin(ReadOnly):
    list_display = ("finished_at", "movements", "finding")
    ordering = ("-id",)
    csv_columns = (
        ("finished_at", "finished_at"),
        ("movements", "movements"),
        ("finding", "finding"),
    )
