"""The endpoints of holds."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from iocash import errors
from iocash.db.transactions import read_back
from iocash.http.operations import operation
from iocash.http.rendering import Response
from iocash.http.views import Created
from wallets.models import Hold, HoldQuerySet
from wallets.orders.holds import ExecuteHold, PlaceHold, ReleaseHold, RenewHold
from wallets.serializers.holds import (
    ExecutionBody,
    HoldAnswer,
    HoldBody,
    HoldChange,
    HoldDryRun,
    HoldQuery,
)
from wallets.serializers.movements import MovementDryRun
from wallets.views.base import OrderView
from wallets.views.movements import MovementView

RELEASE_HOLD, CHANGE_HOLD = "wallets.release_hold", "wallets.change_hold"
"""The permissions of staff."""


def holds_of(client_id: UUID | None, wallet_id: UUID) -> HoldQuerySet:
    """The holds of a wallet of this client, or, for staff, of any."""
    return Hold.objects.owned_by(client_id).filter(wallet=wallet_id).seen()


class HoldView(OrderView):
    scope = "movements"
    model = Hold
    versioned = True
    serializer_class = HoldAnswer

    def holds(self, wallet_id: UUID) -> HoldQuerySet:
        return holds_of(self.caller.client_id, wallet_id)

    def hold(self, wallet_id: UUID, hold_id: UUID) -> Hold:
        return get_object_or_404(self.holds(wallet_id), id=hold_id)

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


class HoldListView(HoldView):
    """The holds of a wallet."""

    collection = "holds"

    @operation(name="list_holds", query=HoldQuery, spends_proof=True)
    def get(self, request: Request, wallet_id: UUID) -> Response:
        """List the holds of a wallet.

        The holds that reserve funds of this wallet for others, ended ones included.
        """
        wallet = self.wallet(wallet_id)
        filters = self.filters()
        found = self.holds(wallet.id).within(filters.get("start_date"), filters.get("end_date"))
        if status := filters.get("status"):
            found = found.standing(status)
        if key := filters.get("idempotency_key"):
            found = found.made_with(wallet.client_id, key)
        return self.page(found)

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
            target_id=hold.target_id,
            **values,
        )
        return self.moved(self.submit(order))
