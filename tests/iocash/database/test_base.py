"""Connections: how they are known to be well, and how they end."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from tests import together

KILL = "SELECT pg_terminate_backend(%s, 10000)"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_a_connection_ends_with_its_thread(no_collector):
    opened: list[Any] = []

    def ask() -> None:
        connection.ensure_connection()
        opened.append(connection.connection)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    (raw,) = opened
    assert raw.closed


def test_an_idle_connection_is_not_asked_whether_it_is_well():
    connection.ensure_connection()
    with CaptureQueriesContext(connection) as asked:
        assert connection.is_usable()
    assert len(asked) == 0


def ended() -> None:
    """Have somebody else end the connection of this thread."""
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid

    def kill() -> None:
        with connection.cursor() as cursor:
            cursor.execute(KILL, [pid])

    together.at_once(kill)


def test_one_that_the_server_has_ended_is_not_well():
    ended()
    assert not connection.is_usable()
    connection.close()


def test_one_that_was_ended_is_replaced_at_the_next_request():
    ended()
    connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_after_an_error_it_is_asked():
    wrapper: Any = connections["default"]
    wrapper.ensure_connection()
    wrapper.errors_occurred = True
    assert not wrapper.is_silent()
    assert wrapper.is_usable()
