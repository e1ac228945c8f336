"""Pages of lists whose rows are created by transactions that do not wait for each other."""

from __future__ import annotations

from typing import Any

from django.db.models import Subquery
from rest_framework.request import Request

from iocash.http.pages import LAST, NEXT, OLDEST_FIRST, Pages
from users.models import Barrier
from users.models.barrier import advance


class ReleasedPages(Pages):
    """Pages that show new rows at once from new to old, and when they are released the other way.

    From old to new, no row appears behind a reader: the list ends at the barrier.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        if view.query["sort"] != OLDEST_FIRST:
            return super().paginate_queryset(queryset, request, view)
        released_at = Subquery(Barrier.objects.values("released_at"))
        queryset = queryset.filter(created_at__lt=released_at)
        rows = super().paginate_queryset(queryset, request, view)
        if self.is_at_the_end and advance():
            return super().paginate_queryset(queryset, request, view)
        return rows

    @property
    def is_at_the_end(self) -> bool:
        where = self.cursor.where if self.cursor else NEXT
        return where == LAST or (where == NEXT and not self.more)
