"""How far the replica is behind, and when it is left alone."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from iocash.db import replica
from iocash.db.replica import CURRENT, Written
from users.models import ApiKey, Client, User
from users.models.replica import Router, has
from users.models.replica_watch import Look, Trouble, Watch

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def look(released_at: datetime, *, ago: float = 0.0, age: float = 0.0) -> Look:
    """What was seen `ago` seconds ago."""
    return Look(time.monotonic() - ago, released_at, age, released_at, (1, 1))


def test_replica_with_the_release_of_the_primary_is_as_old_as_the_look():
    assert Watch().lag(look(NOON, ago=3, age=2), NOON) == pytest.approx(5, abs=0.5)


def test_replica_that_has_never_reached_the_primary_is_infinitely_behind():
    assert Watch().lag(look(NOON), NOON - SECOND) == float("inf")


def test_replica_that_stops_is_behind_since_it_was_last_seen_complete():
    watch = Watch()
    watch.lag(look(NOON, ago=10), NOON)
    assert watch.lag(look(NOON + SECOND), NOON) == pytest.approx(10, abs=0.5)


def test_write_of_the_future_is_not_waited_for():
    watch, seen = Watch(), look(NOON, ago=2)
    assert not watch.is_ahead(seen, Written(NOON + 2 * SECOND, 1))
    assert watch.is_ahead(seen, Written(NOON + 10 * SECOND, 1))


@pytest.mark.parametrize(
    ("released_at", "lowest_running", "expected"),
    [
        (NOON + SECOND, 8, True),
        (NOON, 8, False),
        (NOON + SECOND, 7, False),
        (NOON - SECOND, 6, False),
    ],
)
def test_replica_has_a_write_by_time_and_number(released_at, lowest_running, expected):
    """The number counts where the clock of a new primary is behind that of the old one."""
    assert has((True, released_at, lowest_running), Written(NOON, 7)) is expected


def test_trouble_is_logged_once_a_minute(caplog):
    trouble = Trouble()
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            trouble.begin("it does not answer", 2)
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    trouble.warned_at -= 60
    trouble.begin("it does not answer", 2)
    assert len(caplog.records) == 2


def test_trouble_that_ends_within_its_grace_is_not_logged(caplog):
    trouble = Trouble()
    trouble.begin("it is too far behind", 0, grace=1)
    trouble.end()
    trouble.begin("it is too far behind", 0, grace=1)
    assert not caplog.records


def test_replica_in_trouble_is_tried_by_one_thread_at_a_time():
    trouble = Trouble()
    assert [trouble.may_ask(), trouble.may_ask()] == [True, True]
    trouble.begin("it does not answer", 0)
    assert [trouble.may_ask(), trouble.may_ask()] == [True, False]
    trouble.end()
    assert [trouble.may_ask(), trouble.may_ask()] == [True, True]


class Opened:
    """A replica whose connection is never asked for."""

    horizon: datetime | None = None

    def fetch(self, *questions: Any) -> list[list[Any]]:
        return []

    def open(self) -> None:
        pass


def test_router_reads_callers_from_the_primary_only():
    token = CURRENT.set(Opened())
    try:
        found = {model: Router().db_for_read(model) for model in (ApiKey, Client, User)}
    finally:
        CURRENT.reset(token)
    assert found == {ApiKey: None, Client: None, User: replica.ALIAS}


def test_router_reads_from_the_primary_within_a_transaction_of_it(db):
    token = CURRENT.set(Opened())
    try:
        assert Router().db_for_read(User) is None
    finally:
        CURRENT.reset(token)
