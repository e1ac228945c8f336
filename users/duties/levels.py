"""The duty that ends KYC levels."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final

from django.db.models import Min

from iocash.worker import Duty
from users import kyc
from users.models import User
from users.models.clients import IS_AWAY
from users.models.events import CLOCK

BATCH: Final = 100


class EndLapsedLevels(Duty):
    """Write which KYC levels ended because the identity document has expired, with their events.

    Decisions don't wait for this: they compare the last day of the level with the present day.
    """

    name = "end-levels"
    every = 10.0

    def next_due(self) -> datetime | None:
        """The end of the first level that ends: midnight in UTC after its last day."""
        present = User.objects.filter(erased_at=None).exclude(IS_AWAY)
        last = present.aggregate(day=Min("kyc_until"))["day"]
        return last and datetime.combine(last + timedelta(days=1), time.min, UTC)

    def perform(self) -> int:
        return kyc.end_lapsed_levels(BATCH, CLOCK)
