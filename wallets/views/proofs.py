"""The endpoint of proofs that an anchor contains a movement."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request

from iocash import errors
from iocash.http.operations import operation
from iocash.http.rendering import Response
from wallets.anchors import proofs
from wallets.serializers.proofs import ProofAnswer
from wallets.views.movements import MovementView


class ProofView(MovementView):
    """A proof that an anchor outside the database contains the movement."""

    title = "Proof of a movement"
    serializer_class = ProofAnswer  # type: ignore[assignment]

    @operation(name="get_proof", refuses=(errors.NotAnchoredYet,))
    def get(self, request: Request, wallet_id: UUID, movement_id: UUID) -> Response:
        """Get the proof of a movement.

        Each night the server writes the digests of all new movements to an anchor outside the
        database, and the institution publishes its Merkle root. The proof shows that the root
        covers the movement: `docs/verify.py` verifies it offline. Until the next anchor, the
        response is 409 `not_anchored_yet`.
        """
        movement = self.movement(wallet_id, movement_id)
        return Response(self.show(proofs.proof_of(movement)))
