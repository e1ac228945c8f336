"""Refuses to move money by a clock that is wrong, and says so in the log.

Movements of a wallet follow each other strictly in time. A small step back of the clock is bridged
by the next microsecond; a larger one is refused, or one wallet that settled under a wrong clock
would pull every wallet that it pays into the future.
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
"""How far the clock may be behind what has settled; also how long a reader waits for an instant."""

WORDS: Final = "The clock of the database is wrong; nothing was done. Try again later."


def require_agreement(database: datetime) -> None:
    """Refuse when the database's clock, read just now, differs from that of this server.

    Raises:
        DatabaseUnavailable: by more than `settings.CLOCK_TOLERANCE` seconds; 0 compares nothing.
    """
    apart = (database - datetime.now(UTC)).total_seconds()
    if settings.CLOCK_TOLERANCE and abs(apart) > settings.CLOCK_TOLERANCE:
        log.critical(
            "the database's clock is %.1f s ahead of this server's: orders are refused",
            apart,
        )
        raise errors.DatabaseUnavailable(WORDS)


def require_passed(wallet: LockedWallet, now: datetime) -> None:
    """Refuse to settle in a wallet whose last movement has settled in the future.

    Raises:
        DatabaseUnavailable: by more than `MOST_BEHIND`.
    """
    if wallet.settled_at and wallet.settled_at - now > MOST_BEHIND:
        log.critical(
            "wallet %s settled at %s, after the database's clock: it is refused until then",
            wallet.id,
            wallet.settled_at.isoformat(),
        )
        raise errors.DatabaseUnavailable(WORDS)


def seconds_until(instant: datetime, now: datetime) -> float:
    """How long to wait for an instant that has come, or comes within a moment.

    Raises:
        DatabaseUnavailable: longer than `MOST_BEHIND`: the clock was set back meanwhile.
    """
    if instant - now > MOST_BEHIND:
        log.critical("the database's clock was set back: %s had come already", instant.isoformat())
        raise errors.DatabaseUnavailable(WORDS)
    return max((instant - now).total_seconds(), 0)
