"""The page of audit runs."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.actions import ReadOnly
from wallets.models import Audit


@admin.register(Audit)
class AuditAdmin(ReadOnly):
    list_display = ("finished_at", "result", "proved_since")
    ordering = ("-id",)
    csv_columns = (
        ("finished_at", "finished_at"),
        ("movements", "movements"),
        ("finding", "finding"),
    )
    fields = ("result", "proved_since", "started_at", "finished_at", "movements", "finding")

    @admin.display(description=_("result"))
    def result(self, audit: Audit) -> str:
        """What was proved, when, and for how many movements."""
        values = {
            "time": date_format(timezone.localtime(audit.finished_at), "DATETIME_FORMAT"),
            "movements": number_format(audit.movements, force_grouping=True),
        }
        if audit.finding:
            return gettext("Wrong on %(time)s, found in %(movements)s movements.") % values
        return (
            gettext("Right on %(time)s: all equations hold for %(movements)s movements.") % values
        )

    @admin.display(description=_("everything verified since"))
    def proved_since(self, audit: Audit) -> str:
        """Since when every row was verified; new rows were in the last audit."""
        oldest = audit.everything_since
        return date_format(timezone.localtime(oldest), "DATETIME_FORMAT") if oldest else "-"
