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
from iocash.http import fields
from iocash.http.links import location
from iocash.http.operations import operation
from iocash.http.pages import Listing, Parts, ScanningPages
from iocash.http.rendering import Response
from iocash.http.views import Accepted, Created
from users.views.lists import ReleasedScanningPages
from wallets.bank import simulated
from wallets.models import Movement, MovementQuerySet
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
    MovementsQuery,
    OneMovementQuery,
    ReversalBody,
)
from wallets.statements.counterparties import show_counterparties
from wallets.views.base import OrderView, of_wallets, parts_of, product


class MovementView(OrderView):
    scope = "movements"
    model = Movement
    serializer_class = MovementAnswer

    def movements(self, wallet_id: UUID) -> MovementQuerySet:
        return Movement.objects.owned_by(self.caller.client_id).filter(wallet=wallet_id).seen()

    def movement(self, wallet_id: UUID, movement_id: UUID) -> Movement:
        return get_object_or_404(self.movements(wallet_id), id=movement_id)

    def listed(self, filters: dict[str, Any]) -> Response:
        """Answer a page of the movements that the filters leave; amounts are in minor units."""
        filters.pop("expand", None)
        if direction := filters.pop("direction", None):
            filters["is_outgoing"] = direction == "OUT"
        values = {"client_id": self.listed_client, "filters": filters}
        return self.page(Listing(rows_of_movements, values, "idempotency_key" not in filters))

    def one(self, movement: Movement) -> Response:
        return Response(self.show(*self.expanded([movement])), headers=self.tag(movement))

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
        outcome = self.submit(order)
        if isinstance(order, CashOut) and not outcome.is_predicted:
            simulated.end_if_asked(order, outcome.id)
        return self.moved(outcome, status)

    def moved(self, outcome: Outcome, status: HTTPStatus | None = None) -> Response:
        if outcome.is_predicted:
            return self.show_dry_run(outcome.legs[0])
        movement = outcome.legs[0] if outcome.legs else self.made_before(outcome.id)
        shown = self.show(movement) | {"idempotencyKey": self.key}
        is_accepted = (status or outcome.status) == HTTPStatus.ACCEPTED
        answer = Accepted if is_accepted else Created
        return answer(shown, shown["_links"]["self"]["href"], headers=self.replayed(outcome))

    def made_before(self, movement_id: UUID) -> Movement:
        movements = Movement.objects.owned_by(self.caller.client_id).seen()
        return read_back(partial(movements.get, id=movement_id))


def rows_of_movements(client_id: UUID | None, filters: dict[str, Any]) -> Parts:
    """The movements of a client that the filters leave; amounts are in minor units."""
    filters = {**filters}
    dates = filters.pop("start_date", None), filters.pop("end_date", None)
    every = Movement.objects.owned_by(client_id).within(*dates)
    parts, indexed = leading(filters, filters.get("wallet__in"))
    found = every.seen()
    scanned = None if filters.keys() <= indexed else every
    if "is_outgoing" in filters:
        found = found.directed(is_outgoing=filters.pop("is_outgoing"))
    if key := filters.pop("idempotency_key", None):
        found = found.made_with(client_id, key)
    if pairs := filters.pop("metadata", None):
        found = found.with_pairs(pairs)
    if "min_amount" in filters:
        found = found.at_least(filters.pop("min_amount"))
    if "max_amount" in filters:
        found = found.at_most(filters.pop("max_amount"))
    lookups = {LOOKUPS.get(name, name): value for name, value in filters.items()}
    return parts_of(found.filter(**lookups), parts, scanned)


class EveryMovementView(MovementView):
    """The movements of all wallets of the client."""

    title = "Movements"
    collection = "movements"
    pagination_class = ReleasedScanningPages

    @operation(
        name="list_all_movements", query=MovementsQuery, spends_proof=True, reads_replica=True
    )
    def get(self, request: Request) -> Response:
        """List the movements of all wallets.

        Filters can be combined, and most take several values, separated by commas. A page can be
        short, or even empty, and still have a `next`.
        """
        return self.listed(self.filters_of_wallets())


class MovementListView(MovementView):
    """The movements of a wallet."""

    title = "Movements of a wallet"
    collection = "movements"
    pagination_class = ScanningPages

    @operation(name="list_movements", query=MovementQuery, spends_proof=True, reads_replica=True)
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """List the movements of a wallet.

        A page of a filtered list can be short, or even empty, and still have a `next`: the list
        ends where there is no `next`. Filters can be combined.
        """
        return self.listed(self.filters_of_wallet(wallet_id))

    @operation(
        name="create_movement",
        body=MovementBody,
        keyed=True,
        statuses=(HTTPStatus.CREATED, HTTPStatus.ACCEPTED),
        dry_run=MovementDryRun,
        refuses=(
            *Transfer.refuses,
            *CashOut.refuses,
            *CashIn.refuses,
            errors.Overloaded,
        ),
        spends_proof=True,
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Create a cash-in, cash-out or transfer.

        The `type` says which. Cash-ins and transfers are settled at once (201). A cash-out is
        accepted (202): its amount is held until the bank has paid it; GET shows its status.
        A CASH_IN requires the scope `cash-in:write` too, and a client that orders its cash-ins.
        """
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

    title = "Movement"
    versioned = True
    path_fields = {"movement_id": fields.Id(help_text="The id of the movement.")}

    @operation(name="find_movement", query=OneMovementQuery)
    def get(self, request: Request, movement_id: UUID) -> Response:
        """Get a movement by its id alone.

        The same movement as below its wallet, for those who know its id only.
        """
        movements = Movement.objects.owned_by(self.caller.client_id).seen()
        return self.one(get_object_or_404(movements, id=movement_id))


class MovementDetailView(MovementView):
    """One movement."""

    title = "Movement"
    versioned = True

    @operation(name="get_movement", query=OneMovementQuery)
    def get(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        """Get a movement.

        One change of the wallet's money: of a transfer, this wallet's side.
        """
        return self.one(self.movement(wallet_id, movement_id))

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
        self.submit(CancelCashOut(**about, movement_id=movement_id))
        return self.one(read_back(partial(self.movement, wallet_id, movement_id)))


class BatchView(MovementView):
    """Execute up to 1,000 movements of one wallet together: all or none."""

    title = "Batch of movements"

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
        shown = BatchAnswer(
            BatchMade(outcome.id, made, where, self.key), context={"request": request}
        )
        return Created(shown.data, where, headers=self.replayed(outcome))


class ReversalView(MovementView):
    """Reverse a transfer, the execution of a hold, or a cash-in, in full or in part."""

    title = "Reversal of a movement"

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
