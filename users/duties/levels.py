"""The duty that ends KYC levels."""

from __future__ import annotations

from typing import Final

from iocash.worker import Duty
from users import kyc
from users.models.events import CLOCK

BATCH: Final = 100


class EndLapsedLevels(Duty):
    """Write which KYC levels ended because the identity document has expired, with their events.

    Decisions don't wait for this: they compare the last day of the level with the present day.
    """

    name = "end-levels"
    every = 10.0

    def perform(self) -> int:
        return kyc.end_lapsed_levels(BATCH, CLOCK)
