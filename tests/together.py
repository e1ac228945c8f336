"""Several at once: callers in threads of their own, each with its own connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from wallets import vault
from wallets.orders import Order

PATIENCE = 20.0
"""Seconds after which a test that hangs fails instead."""


class Caller(threading.Thread):
    """Somebody who calls in the background; `answer` is what came back, or what was raised."""

    def __init__(self, call: Callable[[], Any], begin: Callable[[], Any] = int) -> None:
        super().__init__(daemon=True)
        self.call, self.begin = call, begin
        self.start()

    def run(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SET statement_timeout = '{PATIENCE / 2}s'")
            self.begin()
            self.result = self.call()
        except Exception as error:  # noqa: BLE001
            self.result = error
        finally:
            connection.close()

    @property
    def answer(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "it hangs"
        return self.result


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make all calls at the same moment; return what each returned, or raised."""
    gate = threading.Barrier(len(calls), timeout=PATIENCE)
    callers = [Caller(call, gate.wait) for call in calls]
    return [caller.answer for caller in callers]


@contextmanager
def holding(*orders: Order, also: Callable[[], Any] = int) -> Iterator[None]:
    """Have somebody else post the orders, and commit them only when the block ends."""
    posted, release = threading.Event(), threading.Event()

    def call() -> None:
        with transaction.atomic():
            for outcome in vault.post(orders):
                assert not isinstance(outcome, Exception), outcome
            also()
            posted.set()
            assert release.wait(PATIENCE)

    holder = Caller(call)
    while not posted.wait(0.01):
        assert holder.is_alive(), holder.answer
    yield
    release.set()
    assert holder.answer is None, holder.answer


def wait_until_blocked(number: int = 1) -> list[int]:
    """Wait until `number` callers wait for locks; return the process ids of their servers."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND cardinality(pg_blocking_pids(pid)) > 0"
            )
            pids = [pid for (pid,) in cursor.fetchall()]
        if len(pids) >= number:
            return pids
    raise AssertionError(f"{len(pids)} of {number} are blocked")
