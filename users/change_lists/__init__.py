"""Lists of the back office that are fast for tables of any size.

They don't count rows, sort by columns or offer filters with a column's values. Searches use an
index, or look at the newest rows only.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, SEARCH_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from users.change_lists import exports

LAST_PAGE = 100
"""The last page; for older rows, search or filter."""

RECENT = 100_000
"""Number of newest rows to search for a value without an index."""


class Uncounted(ChangeList):
    """One page of rows, without a count of all rows.

    A page is a place in the list, not a key: its address has a number. The order is total, so two
    pages of the same rows have each row once. Rows that come meanwhile are in front, so the next
    page repeats the last ones of this page; it skips none. Where a row may not be missed, pages are
    by key: CSV (`exports.parts`) and the queue of payments out (`wallets.admin.queue`).
    """

    has_next = False
    is_cut = False
    """Whether the search finds so much that the pages may lack some of it."""
    model_admin: Any

    def get_ordering(self, request: HttpRequest, queryset: Any) -> Any:
        self.params.pop(ORDER_VAR, None)
        return super().get_ordering(request, queryset)

    def get_results(self, request: HttpRequest) -> None:
        """Read a page and one more row, to know whether there is a next page.

        Raises:
            IncorrectLookupParameters: the page does not exist.
        """
        if not 1 <= self.page_num <= LAST_PAGE:
            raise IncorrectLookupParameters
        first = (self.page_num - 1) * self.list_per_page
        rows = list(self.queryset[first : first + self.list_per_page + 1])
        self.has_next = len(rows) > self.list_per_page
        self.result_list = rows[: self.list_per_page]
        may_be_cut = self.has_next or self.has_active_filters  # filters apply to what was found
        self.is_cut = may_be_cut and exports.is_cut(self.model_admin, request, self.query)
        self.model_admin.prepare(self.result_list)
        self.first, self.last = first + 1, first + len(self.result_list)
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.show_admin_actions = False
        self.can_show_all = self.multi_page = False

    @property
    def is_last_shown(self) -> bool:
        return self.has_next and self.page_num == LAST_PAGE

    @property
    def next_link(self) -> str:
        is_open = self.has_next and not self.is_last_shown
        return self.get_query_string({PAGE_VAR: self.page_num + 1}) if is_open else ""

    @property
    def previous_link(self) -> str:
        return self.get_query_string({PAGE_VAR: self.page_num - 1}) if self.page_num > 1 else ""

    @property
    def unsearched_link(self) -> str:
        """The list with its filters, without the search."""
        return self.get_query_string(remove=[SEARCH_VAR, PAGE_VAR])

    @property
    def csv_link(self) -> str:
        """The list with its filters and its search, as CSV."""
        if not self.model_admin.csv_columns:
            return ""
        names = [self.opts.app_label, self.opts.model_name]
        query = self.get_query_string(remove=[PAGE_VAR])
        return reverse("admin:export", args=names) + ("" if query == "?" else query)

    @property
    def first_link(self) -> str:
        return self.get_query_string(remove=[PAGE_VAR]) if self.page_num > 1 else ""


def recent(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """The newest rows of a table with increasing integer ids."""
    newest = queryset.model._default_manager.order_by("-pk").first()
    return queryset.filter(pk__gt=newest.pk - RECENT) if newest else queryset
