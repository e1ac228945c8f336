"""Today: the first page of the back office.

It takes a constant number of statements. None reads a whole table of movements: what waits has
partial indexes, and the charts read what entered and left within twice their period.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from iocash.db import clock
from users.backoffice import Site
from wallets.dashboard import limits, money, waiting
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
    return data


class BackOffice(Site):
    """The back office, with its first page."""

    index_template = "admin/dashboard.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().index(request, context(request) | (extra_context or {}))
