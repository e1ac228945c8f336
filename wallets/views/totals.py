"""The endpoint of totals."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import Exists, OuterRef
from rest_framework.request import Request

from iocash import errors
from iocash.db import clock
from iocash.http.operations import operation
from iocash.http.rendering import Response
from iocash.times import add_months, moment
from users.models import Client, User
from users.models.users import UserQuerySet
from users.views.lists import ReleasedPages
from wallets import statements
from wallets.models import Movement, Wallet, totals
from wallets.serializers.totals import TotalAnswer, TotalsAnswer, TotalsQuery
from wallets.views.base import OrderView
from wallets.views.statements import following_millisecond, past

MOST_MONTHS: Final = 13


class Shown(NamedTuple):
    """The balances of all wallets at the ends of a period."""

    currency: str
    start: datetime
    end: datetime
    opening: int
    closing: int


class TotalsPages(ReleasedPages):
    """Pages of users, each with the sums of all wallets."""

    def settled(self) -> dict[str, str]:
        period = self.view.period
        if period.start == period.end:
            return {"at": moment(period.end)}
        return {"startDate": moment(period.start), "endDate": moment(period.end)}

    def get_paginated_response(self, data: Any) -> Response:
        page = super().get_paginated_response(data).data
        return Response(TotalsAnswer(self.view.sums(), context={"page": page}).data)


class TotalsView(OrderView):
    """The sums of the client's money in one currency."""

    title = "Totals"
    scope = "movements"
    model = Movement
    collection = "totals"
    serializer_class = TotalAnswer
    pagination_class = TotalsPages
    period: totals.Period

    @operation(name="get_totals", query=TotalsQuery, answers=TotalsAnswer, reads_replica=True)
    def get(self, request: Request) -> Response:
        """Get the sums of all wallets.

        In one currency, at an instant or over a period of at most 13 months; with `groupBy` also by
        type, by day (UTC) or by user. A payment between two of the wallets counts twice, as money
        in and as money out.
        """
        self.period = self.asked_period()
        statements.wait_until(self.period.end)
        group = self.query.get("group_by")
        if group == "user":
            return self.page(self.owners())
        flows = totals.flows(self.period, group) if group else []
        rows = [self.show(self.row(group, flow._asdict())) for flow in flows]
        here = {"self": {"href": request.build_absolute_uri()}}
        page = {"_links": here, "_embedded": {"totals": rows}}
        return Response(TotalsAnswer(self.sums(), context={"page": page}).data)

    def asked_period(self) -> totals.Period:
        """The period of the query. An instant is an empty period.

        Raises:
            errors.InvalidParameters: it ends in the future, or is longer than 13 months.
        """
        now, query = clock.now(), self.query
        if start := past(query, "start_date", now):
            end = past(query, "end_date", now) or following_millisecond(now)
        else:
            start = end = past(query, "at", now) or following_millisecond(now)
        if start < add_months(end, -MOST_MONTHS):
            words = errors.Message(
                "Must be at most {months} months before endDate.", months=MOST_MONTHS
            )
            raise errors.InvalidParameters(errors.FieldError("startDate", "max_period", words))
        own = self.caller.client_id
        clients = [own] if own else list(Client.objects.values_list("id", flat=True))
        return totals.Period(clients, query["currency"], start, end)

    def sums(self) -> Shown:
        """The balances of all wallets at the ends of the period."""
        period = self.period
        opening, closing = (
            totals.balance_before(period, instant) for instant in (period.start, period.end)
        )
        return Shown(period.currency, period.start, period.end, opening, closing)

    def owners(self) -> UserQuerySet:
        """The users with a wallet in the currency."""
        wallets = Wallet.objects.filter(
            client=OuterRef("client"), user=OuterRef("pk"), currency=self.period.currency
        )
        return User.objects.owned_by(self.caller.client_id).filter(Exists(wallets))

    def paginate_queryset(self, queryset: Any) -> Any:
        """The positions of the users on the page."""
        users = [user.id for user in super().paginate_queryset(queryset) or ()]
        found = totals.positions(self.period, users)
        return [found.get(each, totals.Position(each)) for each in users]

    def page_row(self, row: totals.Position) -> Any:
        return self.row(
            "user_id", {**row._asdict(), "total_out": row.total_out, "key": row.user_id}
        )

    def row(self, group: str | None, values: dict[str, Any]) -> dict[str, Any]:
        """The values of a group, as the serializer reads them."""
        keys = dict.fromkeys(("type", "day", "user_id", "opening", "closing"))
        return {**keys, "currency": self.period.currency, **values, str(group): values["key"]}
