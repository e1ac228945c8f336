"""Refuses to settle movements if a clock is wrong, and logs it.

The times of a wallet's movements strictly increase. If the clock is slightly behind, the next
microsecond is used; a larger difference is refused. Otherwise a wallet that settled under a wrong
clock would move every wallet that it pays into the future.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings

from iocash import errors
from wallets.books.rows import LockedWallet

log = logging.getLogger(__name__)

MOST_BEHIND: Final = timedelta(seconds=1)
"""The tolerated delay of the clock behind the last movement; also the longest wait of readers."""

WORDS: Final = "The clock of the database is wrong; nothing was done. Try again later."


def require_agreement(database: datetime) -> None:
    """Compare the clocks of the database and of this server.

    Raises:
        DatabaseUnavailable: they differ by more than `CLOCK_TOLERANCE` seconds (0: no check).
    """
    apart = (database - datetime.now(UTC)).total_seconds()
    if settings.CLOCK_TOLERANCE and abs(apart) > settings.CLOCK_TOLERANCE:
        log.critical(
            "the database's clock is %.1f s ahead of this server's: orders are refused",
            apart,
        )
        raise errors.DatabaseUnavailable(WORDS)


def require_passed(wallet: LockedWallet, now: datetime) -> None:
    """Check that the last movement of a wallet is not in the future.

    Raises:
        DatabaseUnavailable: it is, by more than `MOST_BEHIND`.
    """
    if wallet.settled_at and wallet.settled_at - now > MOST_BEHIND:
        log.critical(
            "wallet %s settled at %s, after the database's clock: it is refused until then",
            wallet.id,
            wallet.settled_at.isoformat(),
        )
        raise errors.DatabaseUnavailable(WORDS)


def seconds_until(instant: datetime, now: datetime) -> float:
    """Seconds until `instant`, which is past or at most moments ahead.

    Raises:
        DatabaseUnavailable: more than `MOST_BEHIND`, because the clock was set back.
    """
    if instant - now > MOST_BEHIND:
        log.critical("the database's clock was set back: %s had come already", instant.isoformat())
        raise errors.DatabaseUnavailable(WORDS)
    return max((instant - now).total_seconds(), 0)
