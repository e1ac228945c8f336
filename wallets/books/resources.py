"""The kinds of resources of a wallet; posting reads and writes each of them."""

from __future__ import annotations

from typing import Final

from wallets.books.bank import LockedOutcome
from wallets.books.rows import LockedAccount, LockedResource
from wallets.books.schedules import LockedRun, LockedSchedule

RESOURCES: Final[tuple[type[LockedResource], ...]] = (
    LockedAccount,
    LockedSchedule,
    LockedRun,
    LockedOutcome,
)
