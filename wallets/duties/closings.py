"""The duty that closes users whose last payment out was settled by a statement of the bank."""

from __future__ import annotations

from iocash.worker import Duty
from users.models.events import By
from wallets.admin.closing import finish_all_paid

WORK = By("system:work")


class FinishClosings(Duty):
    """Close users who were to be paid out, and have no money left.

    The orders that settle payments end before it looks, so it closes a user after their commit. If
    it is killed, or the ledger refuses it, the closing is under way, and it looks at it again.
    """

    name = "finish-closings"
    every = 2.0

    def perform(self) -> int:
        """Finish all that are paid; return how many."""
        return len(finish_all_paid(WORK))
