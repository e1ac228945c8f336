"""The endpoints of holds."""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iocash import errors
from iocash.db.transactions import read_back
from iocash.http import fields
from iocash.http.operations import operation
from iocash.http.pages import Listing, Parts, ScanningPages
from iocash.http.rendering import Response
from iocash.http.views import Created
from users.views.lists import ReleasedScanningPages
from wallets.models import Hold, HoldQuerySet
from wallets.orders.holds import ExecuteHold, PlaceHold, ReleaseHold, RenewHold
from wallets.serializers.holds import (
    ExecutionBody,
    HoldAnswer,
    HoldBody,
    HoldChange,
    HoldDryRun,
    HoldQuery,
    HoldsQuery,
)
from wallets.serializers.movements import MovementDryRun
from wallets.views.base import OrderView, of_wallets, parts_of, product
from wallets.views.movements import MovementView

RELEASE_HOLD, CHANGE_HOLD = "wallets.release_hold", "wallets.change_hold"
"""The permissions of staff."""


def holds_of(client_id: UUID | None, wallet_id: UUID) -> HoldQuerySet:
    """The holds of a wallet of this client, or, for staff, of any; without freezes."""
    return Hold.objects.promised().owned_by(client_id).filter(wallet=wallet_id).seen()


class HoldView(OrderView):
    scope = "movements"
    model = Hold
    versioned = True
    serializer_class = HoldAnswer

    def holds(self, wallet_id: UUID) -> HoldQuerySet:
        return holds_of(self.caller.client_id, wallet_id)

    def hold(self, wallet_id: UUID, hold_id: UUID) -> Hold:
        return get_object_or_404(self.holds(wallet_id), id=hold_id)

    def listed(self, filters: dict[str, Any]) -> Response:
        values = {"client_id": self.listed_client, "filters": filters}
        return self.page(Listing(rows_of_holds, values))

    def change(self, wallet_id: UUID, hold_id: UUID) -> Response:
        """Renew a hold if the body has an expiration, and release it otherwise."""
        change = self.body()
        is_renewal = "expiration" in change
        self.require_of_staff(CHANGE_HOLD if is_renewal else RELEASE_HOLD)
        about: dict[str, Any] = {
            **self.common(wallet_id),
            "hold_id": hold_id,
            "if_match": self.if_match,
        }
        if is_renewal:
            self.submit(RenewHold(**about, expires_at=change["expiration"]))
        else:
            self.submit(ReleaseHold(**about))
        hold = read_back(partial(self.hold, wallet_id, hold_id))
        return Response(self.show(hold), headers=self.tag(hold))


def rows_of_holds(client_id: UUID | None, filters: dict[str, Any]) -> Parts:
    """The holds of a client that the filters leave; amounts are in minor units."""
    filters = {**filters}
    dates = filters.pop("start_date", None), filters.pop("end_date", None)
    every = Hold.objects.promised().owned_by(client_id).within(*dates)
    parts, indexed = leading_of_holds(filters, filters.get("wallet__in"))
    found = every.seen()
    scanned = None if filters.keys() <= indexed else every
    if statuses := filters.pop("status", None):
        found = found.standing(*statuses)
    if key := filters.pop("idempotency_key", None):
        found = found.made_with(client_id, key)
    if pairs := filters.pop("metadata", None):
        found = found.with_pairs(pairs)
    lookups = {LOOKUPS.get(name, name): value for name, value in filters.items()}
    return parts_of(found.filter(**lookups), parts, scanned)


LOOKUPS = {
    "min_amount": "amount__gte",
    "max_amount": "amount__lte",
    "target_wallet_id": "target__in",
}
"""The filters that are not columns of the same name."""


class EveryHoldView(HoldView):
    """The holds of all wallets of the client."""

    title = "Holds"
    collection = "holds"
    pagination_class = ReleasedScanningPages

    @operation(name="list_all_holds", query=HoldsQuery, spends_proof=True, reads_replica=True)
    def get(self, request: Request) -> Response:
        """List the holds of all wallets.

        With `targetWalletId`, those that reserve funds for a wallet. Filters can be combined, and
        most take several values, separated by commas. A page can be short, or even empty, and still
        have a `next`.
        """
        return self.listed(self.filters_of_wallets())


def leading_of_holds(
    filters: dict[str, Any], wallets: Sequence[UUID] | None
) -> tuple[list[Q], Set[str]]:
    """Divide the holds into parts that an index has in order, by one of the filters.

    Returns the parts, and the filters that no rows are scanned for.
    """
    if "idempotency_key" in filters:
        return [Q()], filters.keys()
    if reference := filters.get("reference"):
        return [Q(reference=reference)], {"reference"}
    if wallets is not None:
        return of_wallets(wallets), {"wallet__in"}
    if targets := filters.get("target_wallet_id"):
        return product([Q()], "target", targets), {"target_wallet_id"}
    if filters.get("status") == [Hold.Status.OPEN]:
        return [Q(status=Hold.Status.OPEN)], frozenset()
    return [Q()], frozenset()


class AnyHoldView(HoldView):
    """One hold, of any wallet of the client."""

    title = "Hold"
    path_fields = {"hold_id": fields.Id(help_text="The id of the hold.")}

    @operation(name="find_hold")
    def get(self, request: Request, hold_id: UUID) -> Response:
        """Get a hold by its id alone.

        The same hold as below its wallet, for those who know its id only.
        """
        holds = Hold.objects.promised().owned_by(self.caller.client_id).seen()
        hold = get_object_or_404(holds, id=hold_id)
        return Response(self.show(hold), headers=self.tag(hold))


class HoldListView(HoldView):
    """The holds of a wallet."""

    title = "Holds of a wallet"
    collection = "holds"
    pagination_class = ScanningPages

    @operation(name="list_holds", query=HoldQuery, spends_proof=True, reads_replica=True)
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """List the holds of a wallet.

        The holds that reserve funds of this wallet for others, ended ones included.
        """
        return self.listed(self.filters_of_wallet(wallet_id))

    @operation(
        name="create_hold",
        body=HoldBody,
        keyed=True,
        dry_run=HoldDryRun,
        refuses=(*PlaceHold.refuses, errors.Overloaded),
        spends_proof=True,
    )
    def post(self, request: Request, wallet_id: UUID) -> Response:
        """Reserve funds for another wallet.

        Places a hold. The amount leaves the available balance at once, and the settled balance when
        the hold is executed. The target wallet must have the same currency. A hold expires exactly
        at `expiration`; without one it never does.
        """
        values = self.body()
        order = PlaceHold(
            **self.common(wallet_id),
            key=self.key,
            target_id=values.pop("target_wallet_id"),
            expires_at=values.pop("expiration", None),
            **values,
        )
        outcome = self.submit(order)
        if outcome.is_predicted:
            return self.show_dry_run(outcome.hold)
        hold = read_back(partial(self.hold, wallet_id, outcome.id))
        shown = self.show(hold)
        headers = self.tag(hold) | self.replayed(outcome)
        return Created(shown, shown["_links"]["self"]["href"], headers=headers)


class HoldDetailView(HoldView):
    """One hold."""

    title = "Hold"

    @operation(name="get_hold")
    def get(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        """Get a hold.

        With the amount that it still reserves. Its `ETag` changes when the hold does, also when it
        expires.
        """
        hold = self.hold(wallet_id, hold_id)
        return Response(self.show(hold), headers=self.tag(hold))

    @operation(
        name="update_hold",
        body=HoldChange,
        refuses=(*RenewHold.refuses, *ReleaseHold.refuses, errors.Overloaded),
        staff_permissions=(RELEASE_HOLD, CHANGE_HOLD),
    )
    def patch(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        """Release or renew a hold.

        Send `{"status": "RELEASED"}` to make the remaining amount available again, or an
        `expiration` to let the hold expire at another time. One of the two, not both.
        """
        return self.change(wallet_id, hold_id)


class HoldExecutionView(MovementView):
    """Pay a hold, in full or in part, to its target wallet."""

    title = "Executions of a hold"

    @operation(
        name="execute_hold",
        body=ExecutionBody,
        body_optional=True,
        keyed=True,
        dry_run=MovementDryRun,
        refuses=(*ExecuteHold.refuses, errors.Overloaded),
    )
    def post(self, request: Request, wallet_id: UUID, hold_id: UUID) -> Response:
        """Pay a hold, in full or in part.

        Transfers money from the hold's wallet to its target wallet. The rest becomes available
        again, unless `keepOpen` is true. The response is the payer's movement.
        """
        return self.execute(wallet_id, hold_id, self.body())

    def execute(self, wallet_id: UUID, hold_id: UUID, values: dict[str, Any]) -> Response:
        hold = get_object_or_404(holds_of(self.caller.client_id, wallet_id), id=hold_id)
        order = ExecuteHold(
            **self.common(wallet_id),
            key=self.key,
            hold_id=hold_id,
            target_id=hold.payee_id,
            **values,
        )
        return self.moved(self.submit(order))
