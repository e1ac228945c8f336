"""The endpoints of past balances and statements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import Q
from rest_framework.request import Request

from iocash import errors
from iocash.db import clock, replica
from iocash.http import pages
from iocash.http.cursors import Cursor
from iocash.http.naming import camel
from iocash.http.operations import operation
from iocash.http.rendering import Response
from iocash.times import MILLISECOND, moment, to_millisecond
from wallets import statements
from wallets.models import Wallet
from wallets.serializers.statements import (
    BalanceAnswer,
    BalanceQuery,
    StatementAnswer,
    StatementQuery,
)
from wallets.views.base import OrderView
from wallets.views.movements import MovementView

EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + MILLISECOND


def past(query: dict[str, Any], name: str, now: datetime) -> datetime | None:
    """The time of a parameter; None if it was left out.

    Raises:
        errors.InvalidParameters: it is in the future.
    """
    instant: datetime | None = query.get(name)
    if instant and instant > now:
        words = errors.Message("Must not be in the future.")
        raise errors.InvalidParameters(errors.FieldError(camel(name), "in_the_future", words))
    return instant


def following_millisecond(now: datetime) -> datetime:
    """The end of the present millisecond, so that all that was settled until now counts.

    On the replica, where now is its horizon, the beginning: it may lack what was settled later.
    """
    return to_millisecond(now) + (timedelta(0) if replica.is_read() else MILLISECOND)


def opening_of(wallet: Wallet, end: datetime) -> datetime:
    """When the wallet was opened; the last millisecond before `end` if that was later."""
    return min(to_millisecond(wallet.created_at), max(end, EARLIEST) - MILLISECOND)


class BalanceView(OrderView):
    """The settled balance of a wallet at an instant, with its hash-chain proof."""

    title = "Balance of a wallet"
    scope = "wallets"
    model = Wallet
    serializer_class = BalanceAnswer

    @operation(name="get_balance", query=BalanceQuery, spends_proof=True, reads_replica=True)
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """Get the balance at an instant.

        The settled balance of the wallet, now or at a time in the past, with the head of its hash
        chain. It does not lock the wallet.
        """
        wallet = self.wallet(wallet_id)
        now = clock.now()
        instant = past(self.query, "at", now) or following_millisecond(now)
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

    def key(self, cursor: Cursor) -> list[Any]:
        return [cursor.place]

    def beyond(self, key: list[Any], descending: bool) -> Q:
        return Q((f"seq__{'lt' if descending else 'gt'}", *key))

    def settled(self) -> dict[str, str]:
        statement = self.view.statement
        return {"startDate": moment(statement.start), "endDate": moment(statement.end)}

    def get_paginated_response(self, data: Any) -> Response:
        page = super().get_paginated_response(data)
        context = {"page": page.data}
        return Response(StatementAnswer(self.view.statement, context=context).data)


class StatementView(MovementView):
    """The statement of a wallet over a period, with its hash-chain proof."""

    title = "Statement of a wallet"
    collection = "movements"
    pagination_class = StatementPages
    statement: statements.Statement

    @operation(
        name="get_statement",
        query=StatementQuery,
        answers=StatementAnswer,
        spends_proof=True,
        reads_replica=True,
    )
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """Get a statement of a wallet.

        Opening and closing balance, the totals and the movements of a period, in the order of
        settlement. The digests prove that no movement was changed or left out.
        """
        wallet = self.wallet(wallet_id)
        now = clock.now()
        end = past(self.query, "end_date", now) or following_millisecond(now)
        start = past(self.query, "start_date", now) or opening_of(wallet, end)
        self.statement = statements.over(wallet, start, end)
        return self.page(self.statement.movements)
