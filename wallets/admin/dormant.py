"""The page of dormant wallets: open wallets without a settled movement for long.

An index on the time of the last movement would cost each transfer more than the page is worth.
Therefore a page reads a limited number of wallets, in the order of their ids, and the next page
goes on where it ended. It costs the same for any number of wallets.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash.db import clock
from users import menu, pages
from users.models.ids import as_id
from wallets.models import Wallet

ROWS: Final = 50
MOST_READ: Final = 20_000
"""The most wallets that one page reads."""

BEGINNING: Final = UUID(int=0)
FIND: Final = """
    SELECT id FROM (
        SELECT id, status, coalesce(settled_at, created_at) AS last_at FROM wallets_wallet
        WHERE id > %s ORDER BY id LIMIT %s
    ) AS wallet
    WHERE status <> 'UNSUBSCRIBED' AND last_at < %s
    ORDER BY id LIMIT %s
"""
FIND_LAST_READ: Final = """
    SELECT id FROM wallets_wallet WHERE id > %s ORDER BY id OFFSET %s LIMIT 1
"""


class DormantPage(NamedTuple):
    """The dormant wallets of a page, and where the next page begins; None: this is the last."""

    wallets: QuerySet[Wallet]
    next_after: UUID | None


def dormant_wallets(after: UUID, now: datetime) -> DormantPage:
    """Read a page of dormant wallets, in at most three statements."""
    last_at = now - timedelta(days=settings.DORMANT_DAYS)
    found = found_ids(FIND, [after, MOST_READ, last_at, ROWS + 1])
    shown = found[:ROWS]
    if len(found) > ROWS:
        next_after: UUID | None = shown[-1]
    else:
        next_after = next(iter(found_ids(FIND_LAST_READ, [after, MOST_READ - 1])), None)
    wallets = Wallet.objects.seen().select_related("user", "client").filter(id__in=shown)
    return DormantPage(wallets.order_by("id"), next_after)


def found_ids(statement: str, values: Sequence[Any]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


@pages.page("dormant-wallets/", name="dormant_wallets", permission="wallets.view_wallet")
def show_dormant_wallets(request: HttpRequest) -> HttpResponseBase:
    after = as_id(request.GET.get("after", "")) or BEGINNING
    now = clock.now()
    found = dormant_wallets(after, now)
    rows = [
        {"wallet": each, "at": last_at, "days": (now - last_at).days}
        for each in found.wallets
        for last_at in [each.settled_at or each.created_at]
    ]
    return pages.render(
        request,
        "admin/dormant.html",
        title=gettext("Dormant wallets"),
        rows=rows,
        next_after=found.next_after,
        is_first=after == BEGINNING,
        days=settings.DORMANT_DAYS,
    )


menu.add(
    "Customers",
    _("Dormant wallets"),
    "dormant_wallets",
    permission="wallets.view_wallet",
    order=60,
)
