"""Wait for the outcome of what was accepted (202) and is not finished."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from iocash_client.generated.operations import Operations
from iocash_client.models import Movement, StatementFile
from iocash_client.problems import StillPending
from iocash_client.shapes import Answer

A = TypeVar("A", bound=Answer)

PENDING: Final = "PENDING"
FIRST, LONGEST = 0.25, 5.0
"""Seconds between two looks: at first, and at most."""


def wait_until(
    look: Callable[[], A], is_done: Callable[[A], bool], *, timeout: float, first: A | None = None
) -> A:
    """Look again, less and less often, until it is done; return it.

    Raises:
        StillPending: it is not done after `timeout` seconds.
    """
    end, pause = time.monotonic() + timeout, FIRST
    current = look() if first is None else first
    while not is_done(current):
        left = end - time.monotonic()
        if left <= 0:
            raise StillPending(current)
        time.sleep(min(left, pause * random.uniform(0.75, 1.0)))  # noqa: S311 (it is no secret)
        pause = min(LONGEST, 2 * pause)
        current = look()
    return current


class Waiting(Operations):
    """Methods that wait."""

    def wait_for_movement(self, movement: Movement, *, timeout: float = 60.0) -> Movement:
        """Wait until a cash-out is paid (`SUCCESS`), refused (`ERROR`) or cancelled (`CANCELLED`).

        A bank can take days: for those, use the event `movement.settled` or a webhook.

        Raises:
            StillPending: it is pending after `timeout` seconds.
        """
        return wait_until(
            lambda: self.get_movement(movement.wallet_id, movement.id),
            lambda now: now.status != PENDING,
            timeout=timeout,
            first=movement,
        )

    def wait_for_statement_file(
        self, file: StatementFile, *, timeout: float = 60.0
    ) -> StatementFile:
        """Wait until the file of a statement is `READY` or `FAILED`.

        Raises:
            StillPending: it is pending after `timeout` seconds.
        """
        return wait_until(
            lambda: self.get_statement_file(file.wallet_id, file.id),
            lambda now: now.status != PENDING,
            timeout=timeout,
            first=file,
        )
