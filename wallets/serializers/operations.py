"""Bodies and answers about operations: several transfers at once."""

from __future__ import annotations

from typing import Any, Final

from iocash.http import fields
from wallets.serializers.movements import BatchAnswer, BatchDryRun
from wallets.serializers.shared import Words

LARGEST_OPERATION: Final = 100


class OperationTransferBody(Words):
    """One transfer of an operation, in the currency of both wallets."""

    source_wallet_id = fields.Id(help_text="The wallet that pays.")
    target_wallet_id = fields.Id(help_text="The wallet that is paid; another one.")
    amount = fields.Amount(help_text="In the currency of the wallets.")


class OperationBody(fields.Serializer):
    """Up to 100 transfers between any of the client's wallets, all or none, checked in order."""

    transfers = fields.Items(
        child=OperationTransferBody(),
        allow_empty=False,
        max_length=LARGEST_OPERATION,
        help_text="The transfers, in the order in which they are checked and executed.",
    )

    def get_initial(self) -> dict[str, Any]:
        return {"transfers": [OperationTransferBody().get_initial()]}


class OperationAnswer(BatchAnswer):
    """The movements of each transfer, in the order of the transfers: the payer's, the payee's."""


class OperationDryRun(BatchDryRun):
    """The movements that each transfer would create: the payer's, then the payee's."""
