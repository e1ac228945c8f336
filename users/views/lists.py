"""Pages of lists whose rows are created by transactions that do not wait for each other."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, Subquery
from rest_framework.request import Request

from iocash.db import replica
from iocash.http.pages import LAST, NEXT, OLDEST_FIRST, Pages, ScanningPages
from users.models import Barrier
from users.models.barrier import advance


class ReleasedPages(Pages):
    """Pages that show new rows at once from new to old, and when they are released the other way.

    From old to new, no row appears behind a reader: the list ends at the barrier.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        rows = super().paginate_queryset(queryset, request, view)
        if replica.is_read() or self.sort != OLDEST_FIRST or not self.is_at_the_end:
            return rows
        if advance():
            return super().paginate_queryset(queryset, request, view)
        return rows

    def visible(self, part: QuerySet[Any]) -> QuerySet[Any]:
        if self.is_released or self.sort != OLDEST_FIRST:
            return super().visible(part)
        return part.filter(created_at__lt=Subquery(Barrier.objects.values("released_at")))

    @property
    def is_at_the_end(self) -> bool:
        where = self.cursor.where if self.cursor else NEXT
        return where == LAST or (where == NEXT and not self.more and not self._further())


class ReleasedScanningPages(ReleasedPages, ScanningPages):
    """Such pages of a list whose filters may match rarely; no page scans beyond the barrier."""
