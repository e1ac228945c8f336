"""Today: the first page of the back office.

It takes a constant number of statements. None reads a whole table of movements: what waits has
partial indexes, and the charts read what entered and left within twice their period.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from iocash.db import clock
from users.backoffice import Site
from users.change_lists.replica import note_change, shown_from_replica
from wallets.dashboard import limits, money, waiting
from wallets.dashboard.groups import context_of_groups
from wallets.dashboard.periods import PERIODS, ShownPeriod


def context(request: HttpRequest) -> dict[str, Any]:
    """The data of the first page that this member of staff has permission to see."""
    user, now = request.user, clock.now()
    period = ShownPeriod.of(request.GET.get("days", ""), now)
    tiles = waiting.tiles(user, now)
    data: dict[str, Any] = {
        "now": now,
        "period": period,
        "periods": PERIODS,
        "tiles": tiles,
        "covered": {tile.address.partition("?")[0] for tile in tiles},
    }
    if user.has_perm("wallets.view_movement"):
        data["reports"], data["others"] = money.currency_reports(period)
    if user.has_perm("users.view_user") and user.has_perm("wallets.view_movement"):
        data["near_limits"] = limits.nearly_used()
        data["recent_movements"] = limits.RECENT
    return data | context_of_groups(user)


class BackOffice(Site):
    """The back office, with its first page."""

    index_template = "admin/dashboard.html"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Note that a page has changed something, for what the browser reads next."""

        @wraps(view)
        def noted(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            response = view(request, *args, **kwargs)
            note_change(request, response)
            return response

        return super().admin_view(noted, cacheable)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return shown_from_replica(request, partial(self.overview, request, extra_context or {}))

    def overview(self, request: HttpRequest, more: dict[str, Any]) -> HttpResponse:
        return super().index(request, context(request) | more)
