"""The endpoints of movements."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iocash import errors, money
from iocash.db.transactions import read_back
from iocash.http.links import location
from iocash.http.operations import operation
from iocash.http.pages import ScanningPages
from iocash.http.rendering import Response
from iocash.http.views import Accepted, Created
from wallets.models import Movement, MovementQuerySet, Wallet
from wallets.orders.base import MoneyOrder, Outcome
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CancelCashOut, CashOut
from wallets.orders.payments import CashIn, Reverse, Transfer
from wallets.serializers.movements import (
    BatchAnswer,
    BatchBody,
    BatchMade,
    MovementAnswer,
    MovementBody,
    MovementChange,
    MovementQuery,
    ReversalBody,
)
from wallets.views.base import OrderView


class MovementView(OrderView):
    scope = "movements"
    model = Movement
    serializer_class = MovementAnswer

    def movements(self, wallet_id: UUID) -> MovementQuerySet:
        return Movement.objects.owned_by(self.caller.client_id).filter(wallet=wallet_id).seen()

    def movement(self, wallet_id: UUID, movement_id: UUID) -> Movement:
        return get_object_or_404(self.movements(wallet_id), id=movement_id)

    def order(self, common: dict[str, Any], values: dict[str, Any]) -> MoneyOrder:
        """Build the order for a body or for an item of a batch."""
        kind = values.pop("type")
        target_id = values.pop("target_wallet_id", None)
        bank_account = values.pop("iban", {})
        account_id = values.pop("external_account_id", None)
        about = values | common
        if kind == Movement.Type.TRANSFER:
            return Transfer(target_id=target_id, **about)
        if kind == Movement.Type.CASH_OUT:
            iban = bank_account.get("account_number", "")
            return CashOut(iban=iban, account_id=account_id, **about)
        self.caller.require("cash-in:write")
        return CashIn(**about)

    def create(
        self, wallet_id: UUID, values: dict[str, Any], status: HTTPStatus | None = None
    ) -> Response:
        """Submit the order that these values of a body ask for; answer `status`, or the order's."""
        order = self.order({**self.common(wallet_id), "key": self.key}, values)
        return self.moved(self.submit(order), status)

    def moved(self, outcome: Outcome, status: HTTPStatus | None = None) -> Response:
        movement = outcome.legs[0] if outcome.legs else self.made_before(outcome.id)
        shown = self.show(movement) | {"idempotencyKey": self.key}
        is_accepted = (status or outcome.status) == HTTPStatus.ACCEPTED
        answer = Accepted if is_accepted else Created
        return answer(shown, shown["_links"]["self"]["href"], headers=self.replayed(outcome))

    def made_before(self, movement_id: UUID) -> Movement:
        movements = Movement.objects.owned_by(self.caller.client_id).seen()
        return read_back(partial(movements.get, id=movement_id))


class MovementListView(MovementView):
    """The movements of a wallet."""

    collection = "movements"
    pagination_class = ScanningPages
    scanned: MovementQuerySet | None = None
    """What is walked to find what other filters leave; None: an index finds it."""

    @operation(query=MovementQuery, spends_proof=True)
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """List the movements of a wallet."""
        wallet = self.wallet(wallet_id)
        return self.page(self.matching(wallet, self.filters()))

    def matching(self, wallet: Wallet, filters: dict[str, Any]) -> MovementQuerySet:
        dates = filters.pop("start_date", None), filters.pop("end_date", None)
        if filters and not filters.keys() & FOUND_AT_ONCE:
            of_wallet = self.movements(wallet.id).within(*dates)
            self.scanned = of_wallet.filter(**indexed(filters))
        found = self.movements(wallet.id).within(*dates)
        if direction := filters.pop("direction", None):
            found = found.directed(direction)
        if key := filters.pop("idempotency_key", None):
            found = found.made_with(wallet.client_id, key)
        if (least := minor(filters, "min_amount", wallet)) is not None:
            found = found.at_least(least)
        if (most := minor(filters, "max_amount", wallet)) is not None:
            found = found.at_most(most)
        return found.filter(**filters)

    @operation(
        body=MovementBody,
        keyed=True,
        statuses=(HTTPStatus.CREATED, HTTPStatus.ACCEPTED),
        refuses=(*Transfer.refuses, *CashOut.refuses, *CashIn.refuses, errors.Overloaded),
        spends_proof=True,
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Create a cash-in, cash-out or transfer."""
        return self.create(wallet_id, self.body())


FOUND_AT_ONCE = frozenset({"operation_id", "hold_id", "idempotency_key"})
"""Filters with few matches, each with its own index."""


def indexed(filters: dict[str, Any]) -> dict[str, Any]:
    """The filter whose movements an index has in order, if there is one."""
    if filters.get("status", Movement.Status.SUCCESS) != Movement.Status.SUCCESS:
        return {"status": filters["status"]}
    if filters.get("type", Movement.Type.TRANSFER) != Movement.Type.TRANSFER:
        return {"type": filters["type"]}
    return {}


def minor(filters: dict[str, Any], name: str, wallet: Wallet) -> int | None:
    """Remove an amount from the filters. Returns it in the wallet's minor units."""
    amount = filters.pop(name, None)
    if amount is None:
        return None
    try:
        return money.to_minor(amount, wallet.currency)
    except money.WrongAmount as wrong:
        public = "minAmount" if name == "min_amount" else "maxAmount"
        error = errors.FieldError(public, wrong.code, str(wrong))
        raise errors.InvalidParameters(error) from None


class MovementDetailView(MovementView):
    """One movement."""

    @operation()
    def get(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        """Get one movement."""
        return Response(self.show(self.movement(wallet_id, movement_id)))

    @operation(body=MovementChange, refuses=(*CancelCashOut.refuses, errors.Overloaded))
    def patch(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        """Cancel a cash-out that has not been sent to the bank."""
        self.body(partial=False)
        order = CancelCashOut(**self.common(wallet_id), movement_id=movement_id)
        self.submit(order)
        return Response(self.show(read_back(partial(self.movement, wallet_id, movement_id))))


class BatchView(MovementView):
    """Execute up to 1,000 movements of one wallet together: all or none."""

    @operation(
        body=BatchBody,
        max_body_bytes=8_000_000,
        keyed=True,
        answers=BatchAnswer,
        refuses=(*Batch.refuses, errors.Overloaded),
        spends_proof=True,
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        items = self.body()["movements"]
        common = self.common(wallet_id)
        orders = tuple(self.order(common, values) for values in items)
        outcome = self.submit(Batch(**common, key=self.key, items=orders))
        made: Any = outcome.legs or read_back(
            partial(list, self.movements(wallet_id).made_by(outcome.id))
        )
        address = location(self.request, "movements", wallet_id=wallet_id)
        where = f"{address}?operationId={outcome.id}"
        shown = BatchAnswer(
            BatchMade(outcome.id, made, where, self.key), context={"request": request}
        )
        return Created(shown.data, where, headers=self.replayed(outcome))


class ReversalView(MovementView):
    """Reverse a transfer, the execution of a hold, or a cash-in, in full or in part."""

    @operation(
        body=ReversalBody,
        body_optional=True,
        keyed=True,
        refuses=(*Reverse.refuses, errors.Overloaded),
        staff_permissions=("wallets.reverse_movement",),
    )
    def post(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        values = self.body()
        movement = self.movement(wallet_id, movement_id)
        if movement.type == Movement.Type.CASH_IN:
            self.caller.require("cash-in:write")
        about = self.common(wallet_id) | movement.reversible
        order = Reverse(**about, key=self.key, **values)
        return self.moved(self.submit(order))
