"""Connections: how they are known to be well, and how they end."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from iocash.database.base import renew
from iocash.settings import BASE_DIR
from tests import together

SERVED = """
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from iocash import wsgi
from iocash.database.base import renew
ends = request_started, request_finished
print([end.disconnect(each) for end in ends for each in (renew, close_old_connections)])
"""

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
    connection.close_if_health_check_failed()  # by a request before this one
    ended()
    renew()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_after_an_error_it_is_asked():
    wrapper: Any = connections["default"]
    wrapper.ensure_connection()
    wrapper.errors_occurred = True
    assert not wrapper.is_silent()
    assert wrapper.is_usable()


def test_one_on_which_an_error_occurred_is_closed_at_once_if_it_is_not_well():
    ended()
    connection.errors_occurred = True
    renew()
    assert connection.connection is None


def test_one_past_its_age_is_closed():
    connection.ensure_connection()
    connection.close_at = time.monotonic() - 1
    renew()
    assert connection.connection is None


def test_one_that_is_well_is_kept():
    connection.ensure_connection()
    opened = connection.connection
    renew()
    assert connection.connection is opened


def test_what_was_asked_is_forgotten():
    connection.queries_log.append({"sql": "SELECT 1", "time": "0.001"})
    renew()
    assert not connection.queries_log


def test_a_server_renews_them_at_both_ends_of_a_request():
    found = subprocess.check_output([sys.executable, "-c", SERVED], cwd=BASE_DIR, text=True)
    assert found.strip() == "[True, False, True, False]"
