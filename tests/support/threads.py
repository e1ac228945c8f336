"""Several at once: callers in threads of their own, each with its own connection."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

from django.db import connection, transaction

from iocash import errors
from wallets.orders.base import Order, Outcome
from wallets.posting import group

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
            self.do(limit_statements)
        finally:
            connection.close()

    def do(self, *first: Callable[[], Any]) -> None:
        try:
            for prepare in (*first, self.begin):
                prepare()
            self.result = self.call()
        except Exception as error:  # noqa: BLE001
            self.result = error

    @property
    def answer(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "it hangs"
        return self.result


class Stranger(Caller):
    """A caller who has nothing to do with the database."""

    def run(self) -> None:
        self.do()


def at_once(*calls: Callable[[], Any], kind: type[Caller] = Caller) -> list[Any]:
    """Make all calls at the same moment; return what each returned, or raised."""
    gate = threading.Barrier(len(calls), timeout=PATIENCE)
    callers = [kind(call, gate.wait) for call in calls]
    return [caller.answer for caller in callers]


@contextmanager
def holding(*orders: Order, also: Callable[[], Any] = int) -> Iterator[None]:
    """Have somebody else post the orders, and commit them only when the block ends."""
    posted, release = threading.Event(), threading.Event()

    def call() -> None:
        with transaction.atomic():
            for outcome in group.post(orders):
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
        if len(pids := blocked()) >= number:
            return pids
    raise AssertionError(f"{len(pids)} of {number} are blocked")


def blocked(by: int | None = None) -> list[int]:
    """The process ids of the servers whose callers wait for locks; `by` one server's, or any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND cardinality(pg_blocking_pids(pid)) > 0"
            " AND coalesce(%s = ANY(pg_blocking_pids(pid)), true)",
            [by],
        )
        return [pid for (pid,) in cursor.fetchall()]


def limit_statements() -> None:
    """Limit the time of each statement of this connection."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = '{PATIENCE / 2}s'")


def disconnect() -> None:
    connection.close()


class Two:
    """Two callers who meet again and again, each with a connection of their own."""

    def __enter__(self) -> Self:
        self.pools = [ThreadPoolExecutor(1, initializer=limit_statements) for _ in range(2)]
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self.pools:
            pool.submit(disconnect).result()
            pool.shutdown()

    def at_once(
        self, calls: Sequence[Callable[[], Any]], others: Sequence[Callable[[], Any]]
    ) -> list[tuple[Any, Any]]:
        """Make each call at the same moment as its other; return what both returned, or raised."""
        gate = threading.Barrier(2, timeout=PATIENCE)

        def make(calls: Sequence[Callable[[], Any]]) -> list[Any]:
            return [caught(call) for call in calls if gate.wait() >= 0]

        both = [
            pool.submit(make, each) for pool, each in zip(self.pools, (calls, others), strict=True)
        ]
        return list(zip(*(each.result() for each in both), strict=True))

    def one_waits(
        self, first: Callable[[], Any], second: Callable[[], Any]
    ) -> tuple[tuple[Any, Any], bool]:
        """Begin the second call when the first is done, and commit the first when the second waits.

        Return what both returned, or raised, and whether the second waited at all.
        """
        done, go_on = threading.Event(), threading.Event()
        server = self.pools[0].submit(lambda: connection.connection.info.backend_pid).result()

        def call() -> Any:
            with transaction.atomic():
                result = caught(first)
                done.set()
                assert go_on.wait(PATIENCE)
            return result

        one = self.pools[0].submit(caught, call)
        assert done.wait(PATIENCE)
        other = self.pools[1].submit(caught, second)
        while not (waits := bool(blocked(server))) and wait([other], 0.001).not_done:
            pass
        go_on.set()
        return (one.result(PATIENCE), other.result(PATIENCE)), waits


def caught(call: Callable[[], Any]) -> Any:
    """What the call returns, or the error that it raises."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001
        return error


def post(order: Order) -> Outcome | errors.Refused:
    return group.post([order])[0]


def kinds(answers: list[object]) -> dict[str, int]:
    return dict(Counter(type(answer).__name__ for answer in answers))


def waiting(order: Order, *held: Order, **kwargs: object) -> Outcome | errors.Refused:
    """Post `order` while somebody else has posted `held` and not yet committed it."""
    with holding(*held, **kwargs):  # type: ignore[arg-type]
        caller = Caller(partial(post, order))
        wait_until_blocked()
    answer: Outcome | errors.Refused = caller.answer
    return answer
