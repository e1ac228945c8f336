"""Connections: how they are known to be well, and how they end."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from iocash.db.backend.base import DatabaseWrapper, renew
from iocash.settings import BASE_DIR, connect_timeout
from tests.support import threads

SERVED = """
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from iocash import wsgi
from iocash.db.backend.base import renew
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


def test_connection_closes_when_its_thread_exits(no_collector):
    opened: list[Any] = []

    def ask() -> None:
        connection.ensure_connection()
        opened.append(connection.connection)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    (raw,) = opened
    assert raw.closed


def test_idle_connection_is_checked_without_a_query():
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

    threads.at_once(kill)


def test_connection_ended_by_the_server_is_not_usable():
    ended()
    assert not connection.is_usable()
    connection.close()


def test_ended_connection_is_replaced_at_the_next_request():
    connection.close_if_health_check_failed()  # by a request before this one
    ended()
    renew()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_connection_is_checked_with_a_query_after_an_error():
    wrapper: Any = connections["default"]
    wrapper.ensure_connection()
    wrapper.errors_occurred = True
    assert not wrapper.is_silent()
    assert wrapper.is_usable()


def test_broken_connection_is_closed_after_an_error():
    ended()
    connection.errors_occurred = True
    renew()
    assert connection.connection is None


def test_connection_past_its_maximum_age_is_closed():
    connection.ensure_connection()
    connection.close_at = time.monotonic() - 1
    renew()
    assert connection.connection is None


def test_usable_connection_is_kept():
    connection.ensure_connection()
    opened = connection.connection
    renew()
    assert connection.connection is opened


def test_query_log_is_cleared_between_requests():
    connection.queries_log.append({"sql": "SELECT 1", "time": "0.001"})
    renew()
    assert not connection.queries_log


@pytest.mark.slow
def test_server_renews_connections_before_and_after_a_request():
    found = subprocess.check_output([sys.executable, "-c", SERVED], cwd=BASE_DIR, text=True)
    assert found.strip() == "[True, False, True, False]"


SLEEP = "SELECT pg_sleep(1)"


@pytest.fixture
def impatient() -> Iterator[None]:
    """A server's connections, which wait a tenth of a second for an answer."""
    connection.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseWrapper, "patience", 0.1)
        yield
    connection.close()


@pytest.mark.usefixtures("impatient")
def test_connection_is_closed_when_an_answer_takes_too_long():
    connection.ensure_connection()
    raw = connection.connection
    with connection.cursor() as cursor, pytest.raises(OperationalError, match=r"within 0\.1 s"):
        cursor.execute(SLEEP)
    assert raw.closed


@pytest.mark.usefixtures("impatient")
def test_thread_can_query_again_after_a_transaction_timed_out():
    with pytest.raises(OperationalError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SLEEP)
    renew()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_command_has_no_time_limit():
    connection.close()
    connection.ensure_connection()
    assert connection.connection.patience is None


@pytest.mark.slow
def test_server_sets_the_time_limit_of_its_connections():
    asked = "from iocash import wsgi; from iocash.db.backend.base import DatabaseWrapper as wrapper"
    program = [sys.executable, "-c", f"{asked}; print(wrapper.patience)"]
    environment = os.environ | {
        "DATABASE_PATIENCE": "7.5",
        "DJANGO_SETTINGS_MODULE": "iocash.settings",
    }
    found = subprocess.check_output(program, cwd=BASE_DIR, text=True, env=environment)
    assert found.strip() == "7.5"


@pytest.mark.parametrize(("hosts", "seconds"), [("a", 5), ("a,b", 5), ("a,b,c", 4), ("a," * 9, 2)])
def test_connection_time_limit_covers_all_hosts_together(hosts, seconds):
    assert connect_timeout(hosts) == seconds


def test_server_without_a_pooler_prepares_statements():
    connection.close()
    connection.ensure_connection()
    assert connection.connection.prepare_threshold == 5
