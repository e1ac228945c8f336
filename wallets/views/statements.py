"""The endpoints that look back: a balance at an instant, and a statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from iocash import errors, pages
from iocash.rendering import moment
from wallets import serializers, statements
from wallets.models import Wallet
from wallets.views.movements import MovementView
from wallets.views.orders import OrderView


def come(given: dict[str, Any], name: str, public: str) -> datetime:
    """The instant that a parameter names, or now; to the millisecond, as it is shown.

    Raises:
        errors.InvalidParameters: it is in the future.
    """
    now = statements.now()
    instant: datetime = given.get(name) or now
    if instant > now:
        words = "This time has not come yet."
        raise errors.InvalidParameters(errors.FieldError(public, "in_the_future", words))
    return to_millisecond(instant)


def to_millisecond(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


class BalanceAt(OrderView):
    """The settled balance of a wallet as it was at an instant."""

    scope = "wallets"
    model = Wallet
    query_class = serializers.BalanceQuery
    serializer_class = serializers.BalanceAnswer

    def get(self, request: Request, wallet_id: UUID) -> Response:
        wallet = self.wallet(wallet_id)
        instant = come(self.query, "at", "at")
        point = statements.balance_at(wallet, instant)
        balance = {
            "wallet_id": wallet.id,
            "at": instant,
            "balance": point.balance,
            "currency": wallet.currency,
            "count": point.seq,
            "digest": point.hex,
        }
        return Response(self.show(balance))


class StatementPages(pages.Pages):
    """Pages in the order in which movements settled, with the summary on each of them."""

    columns: ClassVar[tuple[str, ...]] = ("seq",)

    def place(self, row: Any) -> tuple[int, str]:
        return row.seq, ""

    def beyond(self, cursor: pages.Cursor, descending: bool) -> Q:
        return Q((f"seq__{'lt' if descending else 'gt'}", cursor.place))

    def settled(self) -> dict[str, str]:
        statement = self.view.statement
        return {"startDate": moment(statement.start), "endDate": moment(statement.end)}

    def get_paginated_response(self, data: Any) -> Response:
        page = super().get_paginated_response(data)
        context = {"page": page.data}
        return Response(serializers.StatementAnswer(self.view.statement, context=context).data)


class StatementView(MovementView):
    """The statement of a wallet over a period, tied to the chain of its movements."""

    collection = "movements"
    query_class = serializers.StatementQuery
    answer_classes = {"GET": serializers.StatementAnswer}
    pagination_class = StatementPages
    statement: statements.Statement

    def get(self, request: Request, wallet_id: UUID) -> Response:
        wallet = self.wallet(wallet_id)
        end = come(self.query, "end_date", "endDate")
        start = to_millisecond(self.query.get("start_date", min(wallet.created_at, end)))
        if start > end:
            words = "This time has not come yet."
            raise errors.InvalidParameters(errors.FieldError("startDate", "in_the_future", words))
        self.statement = statements.over(wallet, start, end)
        return self.page(self.statement.movements)
