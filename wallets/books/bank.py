"""What explains a line of a bank statement, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from wallets.books.rows import LockedResource


@dataclass(slots=True)
class LockedOutcome(LockedResource):
    """A new outcome of a bank line, written with the movement that it names.

    A constraint lets each line have one; an order that meets it is refused as a whole.
    """

    table = "wallets_bankoutcome"

    line_id: UUID
    movement_id: UUID
    actor: str
    decision_id: UUID | None = None
    reason: str = ""
