"""The endpoints of movements."""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iocash import errors
from iocash.db.transactions import read_back
from iocash.http.links import location
from iocash.http.operations import operation
from iocash.http.pages import ScanningPages
from iocash.http.rendering import Response
from iocash.http.views import Accepted, Created
from wallets.models import Movement, MovementQuerySet
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
    MovementsQuery,
    OneMovementQuery,
    ReversalBody,
)
from wallets.views.base import OrderView, minor, of_wallets, product
from wallets.views.counterparties import show_counterparties


class MovementView(OrderView):
    scope = "movements"
    model = Movement
    serializer_class = MovementAnswer

    def movements(self, wallet_id: UUID) -> MovementQuerySet:
        return Movement.objects.owned_by(self.caller.client_id).filter(wallet=wallet_id).seen()

    def movement(self, wallet_id: UUID, movement_id: UUID) -> Movement:
        return get_object_or_404(self.movements(wallet_id), id=movement_id)

    def matching(
        self,
        filters: dict[str, Any],
        wallets: list[UUID] | None,
        client_id: UUID | None,
        currency: str,
    ) -> Response:
        """Answer a page of the movements of these wallets (None: of all) that the filters leave.

        `currency` is that of the amounts.
        """
        dates = filters.pop("start_date", None), filters.pop("end_date", None)
        filters.pop("expand", None)
        every = Movement.objects.owned_by(self.caller.client_id).within(*dates)
        if wallets is not None:
            filters["wallet__in"] = wallets
        parts, indexed = leading(filters, wallets)
        found = every.seen()
        walked = None if filters.keys() <= indexed else every
        if direction := filters.pop("direction", None):
            found = found.directed(direction)
        if key := filters.pop("idempotency_key", None):
            found = found.made_with(client_id, key)
        if (least := minor(filters, "min_amount", currency)) is not None:
            found = found.at_least(least)
        if (most := minor(filters, "max_amount", currency)) is not None:
            found = found.at_most(most)
        lookups = {LOOKUPS.get(name, name): value for name, value in filters.items()}
        return self.listed(found.filter(**lookups), parts, walked)

    def one(self, movement: Movement) -> Response:
        return Response(self.show(*self.expanded([movement])))

    def paginate_queryset(self, queryset: Any) -> Any:
        return self.expanded(super().paginate_queryset(queryset) or [])

    def expanded(self, movements: list[Movement]) -> list[Movement]:
        """The movements, with what the query wants expanded.

        Raises:
            InsufficientScope, PermissionDenied: the caller may not read users.
        """
        if "counterparty" in self.query.get("expand", ()):
            self.caller.require("users:read")
            self.require_of_staff("users.view_user")
            show_counterparties(movements)
        return movements

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


class EveryMovementView(MovementView):
    """The movements of all wallets of the client."""

    collection = "movements"
    pagination_class = ScanningPages

    @operation(query=MovementsQuery)
    def get(self, request: Request) -> Response:
        """List the movements of all wallets, with filters."""
        filters = self.filters()
        currency = filters.get("currency", "")
        return self.matching(filters, self.asked_wallets(filters), self.caller.client_id, currency)


class MovementListView(MovementView):
    """The movements of a wallet."""

    collection = "movements"
    pagination_class = ScanningPages

    @operation(query=MovementQuery, spends_proof=True)
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """List the movements of a wallet."""
        wallet = self.wallet(wallet_id)
        return self.matching(self.filters(), [wallet.id], wallet.client_id, wallet.currency)

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


LOOKUPS = {
    "status": "status__in",
    "type": "type__in",
    "iban": "iban__in",
    "counterparty_wallet_id": "counterparty__in",
}
"""The lookups of filters that are no columns of the same name."""

FOUND_AT_ONCE = frozenset({"operation_id", "hold_id", "reversal_of", "idempotency_key"})
"""Filters with few matches, each with its own index."""


def leading(filters: dict[str, Any], wallets: Sequence[UUID] | None) -> tuple[list[Q], Set[str]]:
    """Divide the movements into parts that an index has in order, by one of the filters.

    Returns the parts, and the filters that no rows are scanned for.
    """
    if filters.keys() & FOUND_AT_ONCE:
        return [Q()], filters.keys()
    if reference := filters.get("reference"):
        return [Q(reference=reference)], {"reference"}
    if ibans := filters.get("iban"):
        return product([Q()], "iban", ibans), {"iban"}
    parts, by_wallet = of_wallets(wallets), {"wallet__in"}
    statuses, types = filters.get("status", [SUCCESS]), filters.get("type", [TRANSFER])
    if SUCCESS not in statuses:
        return product(parts, "status", statuses), by_wallet | {"status"}
    if TRANSFER not in types:
        return product(parts, "type", types), by_wallet | {"type"}
    return parts, by_wallet


SUCCESS, TRANSFER = Movement.Status.SUCCESS, Movement.Type.TRANSFER


class AnyMovementView(MovementView):
    """One movement, in any wallet of the client."""

    @operation(query=OneMovementQuery)
    def get(self, request: Request, movement_id: UUID) -> Response:
        """Get one movement by its id alone."""
        movements = Movement.objects.owned_by(self.caller.client_id).seen()
        return self.one(get_object_or_404(movements, id=movement_id))


class MovementDetailView(MovementView):
    """One movement."""

    @operation(query=OneMovementQuery)
    def get(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        """Get one movement."""
        return self.one(self.movement(wallet_id, movement_id))

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
