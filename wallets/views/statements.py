"""The endpoints of past balances and statements."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q
from rest_framework.request import Request

from iocash import errors
from iocash.db import clock
from iocash.http import pages
from iocash.http.operations import operation
from iocash.http.rendering import Response
from iocash.times import moment
from wallets import statements
from wallets.models import Wallet
from wallets.models.querysets import to_millisecond
from wallets.serializers.statements import (
    BalanceAnswer,
    BalanceQuery,
    StatementAnswer,
    StatementQuery,
)
from wallets.views.base import OrderView
from wallets.views.movements import MovementView


def come(instant: datetime, now: datetime, public: str) -> datetime:
    """The time of a parameter, truncated to milliseconds.

    Raises:
        errors.InvalidParameters: it is in the future.
    """
    if instant > now:
        words = "Must not be in the future."
        raise errors.InvalidParameters(errors.FieldError(public, "in_the_future", words))
    return to_millisecond(instant)


class BalanceView(OrderView):
    """The settled balance of a wallet at an instant, with its hash-chain proof."""

    scope = "wallets"
    model = Wallet
    serializer_class = BalanceAnswer

    @operation(name="get_balance", query=BalanceQuery, spends_proof=True)
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """Get the balance at an instant.

        The settled balance of the wallet, now or at a time in the past, with the head of its hash
        chain. It does not lock the wallet.
        """
        wallet = self.wallet(wallet_id)
        now = clock.now()
        instant = come(self.query.get("at", now), now, "at")
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
    """Pages in the order of settlement, each with the summary."""

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
        return Response(StatementAnswer(self.view.statement, context=context).data)


class StatementView(MovementView):
    """The statement of a wallet over a period, with its hash-chain proof."""

    collection = "movements"
    pagination_class = StatementPages
    statement: statements.Statement

    @operation(
        name="get_statement",
        query=StatementQuery,
        answers=StatementAnswer,
        spends_proof=True,
    )
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """Get a statement of a wallet.

        Opening and closing balance, the totals and the movements of a period, in the order of
        settlement. The digests prove that no movement was changed or left out.
        """
        wallet = self.wallet(wallet_id)
        now = clock.now()
        end = come(self.query.get("end_date", now), now, "endDate")
        opened = min(wallet.created_at, end)
        start = come(self.query.get("start_date", opened), now, "startDate")
        self.statement = statements.over(wallet, start, end)
        return self.page(self.statement.movements)
