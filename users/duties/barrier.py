"""The duty that advances the barrier of lists from old to new."""

from __future__ import annotations

from iocash.worker import Duty
from users.models import barrier


class AdvanceBarrier(Duty):
    """Release what was created, so that readers wait for nothing; write nothing while nobody does.

    Readers advance the barrier themselves if no worker runs. It is counted as nothing done: else it
    would be done again at once.
    """

    name = "advance-barrier"
    every = 0.1

    def __init__(self) -> None:
        self.settled: int | None = None

    def perform(self) -> int:
        """Advance the barrier, if something was written.

        Raises:
            Inconsistent: it has no row.
        """
        self.settled = barrier.advance_after_writes(self.settled)
        return 0
