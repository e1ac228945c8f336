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
    BatchDryRun,
    BatchMade,
    MovementAnswer,
    MovementBody,
    MovementChange,
    MovementDryRun,
    MovementQuery,
    ReversalBody,
)
from wallets.views.base import OrderView


class MovementView(OrderView):
    scope = "movements"
    model = Movement
    serializer_class = MovementAnswer

    def movements(self, wallet_id: UUID) -> MovementQuerySet:
        return Movement.objects.owned_by(self.caller.client_id).filter(wallet=wallet_id)

    def movement(self, wallet_id: UUID, movement_id: UUID) -> Movement:
        return get_object_or_404(self.movements(wallet_id), id=movement_id)

    def order(self, common: dict[str, Any], values: dict[str, Any]) -> MoneyOrder:
        """Build the order for a body or for an item of a batch."""
        kind = values.pop("type")
        target_id = values.pop("target_wallet_id", None)
        bank = {"iban": values.pop("iban", ""), "holder_name": values.pop("holder_name", None)}
        account_id = values.pop("external_account_id", None)
        about = values | common
        if kind == Movement.Type.TRANSFER:
            return Transfer(target_id=target_id, **about)
        if kind == Movement.Type.CASH_OUT:
            return CashOut(account_id=account_id, **bank, **about)
        self.caller.require("cash-in:write")
        return CashIn(**about)

    def create(
        self, wallet_id: UUID, values: dict[str, Any], status: HTTPStatus | None = None
    ) -> Response:
        """Submit the order that these values of a body ask for; answer `status`, or the order's."""
        order = self.order({**self.common(wallet_id), "key": self.key}, values)
        return self.moved(self.submit(order), status)

    def moved(self, outcome: Outcome, status: HTTPStatus | None = None) -> Response:
        if outcome.is_predicted:
            return self.show_dry_run(outcome.legs[0])
        movement = outcome.legs[0] if outcome.legs else self.made_before(outcome.id)
        is_accepted = (status or outcome.status) == HTTPStatus.ACCEPTED
        answer = Accepted if is_accepted else Created
        shown = self.show(movement)
        return answer(shown, shown["_links"]["self"]["href"], headers=self.replayed(outcome))

    def made_before(self, movement_id: UUID) -> Movement:
        movements = Movement.objects.owned_by(self.caller.client_id)
        return read_back(partial(movements.get, id=movement_id))


class MovementListView(MovementView):
    """The movements of a wallet."""

    collection = "movements"
    pagination_class = ScanningPages
    scanned: MovementQuerySet | None = None
    """What is walked to find what other filters leave; None: an index finds it."""

    @operation(name="list_movements", query=MovementQuery, spends_proof=True)
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """List the movements of a wallet.

        A page of a filtered list can be short, or even empty, and still have a `next`: the list
        ends where there is no `next`. Filters can be combined.
        """
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
        name="create_movement",
        body=MovementBody,
        keyed=True,
        statuses=(HTTPStatus.CREATED, HTTPStatus.ACCEPTED),
        dry_run=MovementDryRun,
        refuses=(*Transfer.refuses, *CashOut.refuses, *CashIn.refuses, errors.Overloaded),
        spends_proof=True,
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Create a cash-in, cash-out or transfer.

        The `type` says which. Cash-ins and transfers are settled at once (201). A cash-out is
        accepted (202): its amount is held until the bank has paid it; GET shows its status.
        A CASH_IN requires the scope `cash-in:write` too.
        """
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
        words = errors.Message(wrong.template, **wrong.values)
        error = errors.FieldError(public, wrong.code, words)
        raise errors.InvalidParameters(error) from None


class MovementDetailView(MovementView):
    """One movement."""

    versioned = True

    @operation(name="get_movement")
    def get(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        """Get a movement.

        One change of the wallet's money: of a transfer, this wallet's side.
        """
        movement = self.movement(wallet_id, movement_id)
        return Response(self.show(movement), headers=self.tag(movement))

    @operation(
        name="update_movement",
        body=MovementChange,
        refuses=(*CancelCashOut.refuses, errors.Overloaded),
    )
    def patch(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        """Cancel a cash-out.

        Send `{"status": "CANCELLED"}`. Only a pending cash-out that has not been sent to the bank
        can be cancelled; its amount becomes available again.
        """
        self.body(partial=False)
        about = {**self.common(wallet_id), "if_match": self.if_match}
        (leg,) = self.submit(CancelCashOut(**about, movement_id=movement_id)).legs
        return Response(self.show(leg), headers=self.tag(leg))


class BatchView(MovementView):
    """Execute up to 1,000 movements of one wallet together: all or none."""

    @operation(
        name="create_batch",
        body=BatchBody,
        max_body_bytes=8_000_000,
        keyed=True,
        answers=BatchAnswer,
        dry_run=BatchDryRun,
        refuses=(*Batch.refuses, errors.Overloaded),
        spends_proof=True,
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Create up to 1,000 movements together.

        All of them or none. They are checked in their order, each against the balance that those
        before it leave. If some are refused, none is executed, and `conflict.items` of 409
        `batch_refused` names them all.
        """
        items = self.body()["movements"]
        common = self.common(wallet_id)
        orders = tuple(self.order(common, values) for values in items)
        outcome = self.submit(Batch(**common, key=self.key, items=orders))
        if outcome.is_predicted:
            return self.show_dry_run(outcome.legs)
        made: Any = outcome.legs or read_back(
            partial(list, self.movements(wallet_id).made_by(outcome.id))
        )
        address = location(self.request, "movements", wallet_id=wallet_id)
        where = f"{address}?operationId={outcome.id}"
        shown = BatchAnswer(BatchMade(outcome.id, made, where), context={"request": request})
        return Created(shown.data, where, headers=self.replayed(outcome))


class ReversalView(MovementView):
    """Reverse a transfer, the execution of a hold, or a cash-in, in full or in part."""

    @operation(
        name="reverse_movement",
        body=ReversalBody,
        body_optional=True,
        keyed=True,
        dry_run=MovementDryRun,
        refuses=(*Reverse.refuses, errors.Overloaded),
        staff_permissions=("wallets.reverse_movement",),
    )
    def post(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        """Reverse a movement, in full or in part.

        A transfer, the execution of a hold, or a cash-in. The money returns to its payer; without
        `amount`, all that is not yet reversed. To reverse a cash-in requires the scope `cash-
        in:write` too.
        """
        values = self.body()
        movement = self.movement(wallet_id, movement_id)
        if movement.type == Movement.Type.CASH_IN:
            self.caller.require("cash-in:write")
        about = self.common(wallet_id) | movement.reversible
        order = Reverse(**about, key=self.key, **values)
        return self.moved(self.submit(order))
