"""The endpoints of operations: several transfers at once, and the movements of one operation."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from rest_framework.request import Request

from iocash import errors
from iocash.db.transactions import read_back
from iocash.http.links import location
from iocash.http.operations import operation
from iocash.http.pages import PageQuery
from iocash.http.rendering import Response
from iocash.http.views import Created
from wallets.models import Movement, MovementQuerySet
from wallets.orders.operations import TransferOperation
from wallets.orders.payments import Transfer
from wallets.serializers.movements import BatchMade
from wallets.serializers.operations import OperationAnswer, OperationBody, OperationDryRun
from wallets.views.movements import MovementView


class OperationView(MovementView):
    def operation_movements(self, operation_id: UUID) -> MovementQuerySet:
        return Movement.objects.owned_by(self.caller.client_id).seen().made_by(operation_id)


class OperationListView(OperationView):
    """Execute up to 100 transfers of any wallets together: all or none."""

    title = "Operations"

    @operation(
        name="create_operation",
        body=OperationBody,
        keyed=True,
        answers=OperationAnswer,
        dry_run=OperationDryRun,
        refuses=(*TransferOperation.refuses, errors.Overloaded),
        spends_proof=True,
    )
    def post(self, request: Request) -> Response:
        """Transfer between several wallets.

        Up to 100 transfers between any wallets of the client, as one operation: all of them, or
        none. They are checked in order, each on what those before it left. If some are refused,
        `conflict.items` names each of them.
        """
        about: dict[str, Any] = {"client_id": self.client_id, "by": self.by}
        items = tuple(transfer(about, values) for values in self.body()["transfers"])
        order = TransferOperation(**about, proof=self.caller.proof, key=self.key, items=items)
        outcome = self.submit(order)
        if outcome.is_predicted:
            return self.show_dry_run(outcome.legs)
        made: Any = outcome.legs or read_back(partial(list, self.operation_movements(outcome.id)))
        where = location(request, "operation", operation_id=outcome.id)
        batch = BatchMade(outcome.id, made, where, self.key)
        shown = OperationAnswer(batch, context={"request": request})
        return Created(shown.data, where, headers=self.replayed(outcome))


def transfer(about: dict[str, Any], values: dict[str, Any]) -> Transfer:
    """Build the order for one transfer of the body."""
    source, target = values.pop("source_wallet_id"), values.pop("target_wallet_id")
    return Transfer(**about, wallet_id=source, target_id=target, **values)


class OperationDetailView(OperationView):
    """The movements of one operation, in all wallets of the client."""

    title = "Movements of an operation"
    collection = "movements"

    @operation(name="list_operation_movements", query=PageQuery)
    def get(self, request: Request, operation_id: UUID) -> Response:
        """List the movements of an operation.

        Those of all wallets of the client: of each transfer, the payer's movement and the payee's.
        """
        found = self.operation_movements(operation_id)
        if not found.exists():
            raise errors.NotFound()
        return self.page(found)
