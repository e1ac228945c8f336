"""`manage.py migrate` beside a server that serves: it lets requests pass, and says what it met."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.core.management.commands import migrate as django_migrate
from django.db import ProgrammingError, connection, transaction

from users.management.commands import migrate

LOCKED = """
    SELECT relation::regclass::text FROM pg_locks
    WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock' AND locktype = 'relation'
        AND relation = ANY(ARRAY(SELECT oid FROM pg_class WHERE relkind = 'r'))
"""

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def reader() -> Iterator[int]:
    """Somebody who has read the users, and whose transaction stays open; the session's number."""
    connection.ensure_connection()
    other = psycopg.connect(**connection.get_connection_params() | address())
    try:
        other.execute("SELECT count(*) FROM users_user")
        yield other.info.backend_pid
    finally:
        other.close()


def address() -> dict[str, Any]:
    info = connection.connection.info
    return {"host": info.host, "port": info.port}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which take no time here."""
    paused: list[float] = []
    monkeypatch.setattr("time.sleep", paused.append)
    return paused


@pytest.fixture
def altering(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A migration that adds a column, in place of all of Django's; what it did is listed."""
    done: list[str] = []

    def handle(self: Any, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '500ms'")
            try:
                cursor.execute("ALTER TABLE users_user ALTER status DROP DEFAULT")
            finally:
                cursor.execute("RESET lock_timeout")
        done.append("altered")

    monkeypatch.setattr(django_migrate.Command, "handle", handle)
    return done


def run() -> str:
    out = io.StringIO()
    call_command("migrate", database="default", stdout=out)
    return out.getvalue()


@pytest.mark.slow
def test_migrate_names_the_session_it_waited_for_and_gives_up(pauses, altering, monkeypatch):
    monkeypatch.setattr(migrate, "PAUSES", (2.0, 4.0))
    with reader() as pid, pytest.raises(CommandError) as refused:
        run()
    assert f"after 3 tries: users_user is locked by session {pid} (" in str(refused.value)
    assert "run migrate again" in str(refused.value)
    assert refused.value.returncode == 1
    assert (pauses, altering) == ([2.0, 4.0], [])


@pytest.mark.slow
def test_migrate_continues_when_the_lock_is_free(altering, monkeypatch):
    with reader() as pid:

        def end(seconds: float) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])

        monkeypatch.setattr("time.sleep", end)
        assert f"users_user is locked by session {pid} (iocash_owner, iocash)" in run()
    assert altering == ["altered"]


def test_second_try_locks_the_tables_of_requests_in_their_order(pauses, monkeypatch):
    """The first one locks a wallet before a user, and meets a request that does the opposite."""
    locked: list[set[str]] = []

    def handle(self: Any, *args: Any, **options: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE wallets_wallet ALTER status DROP DEFAULT")
            cursor.execute(LOCKED)
            locked.append({name for (name,) in cursor.fetchall()})
            if len(locked) == 1:
                cursor.execute("SET LOCAL lock_timeout = '1ms'")
                with reader():
                    cursor.execute("ALTER TABLE users_user ALTER status DROP DEFAULT")

    monkeypatch.setattr(django_migrate.Command, "handle", handle)
    run()
    assert locked == [{"wallets_wallet"}, {*migrate.ORDER_OF_REQUESTS}]
    assert pauses == [2.0]


def test_change_outside_of_a_transaction_locks_no_other_table(pauses, monkeypatch):
    """An index that is built without stopping writes stays one."""
    tries: list[str] = []

    def handle(self: Any, *args: Any, **options: Any) -> None:
        tries.append("try")
        with connection.cursor() as cursor:
            if len(tries) == 1:
                with reader(), transaction.atomic():
                    cursor.execute("SET LOCAL lock_timeout = '1ms'")
                    cursor.execute("ALTER TABLE users_user ALTER status DROP DEFAULT")
            cursor.execute("CREATE INDEX CONCURRENTLY for_a_test ON users_user (status)")
            cursor.execute("DROP INDEX for_a_test")

    monkeypatch.setattr(django_migrate.Command, "handle", handle)
    run()
    assert len(tries) == 2


def test_migrate_bounds_its_wait_when_the_role_does_not(monkeypatch):
    seen: list[str] = []

    def handle(self: Any, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            seen.append(cursor.fetchone()[0])

    monkeypatch.setattr(django_migrate.Command, "handle", handle)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")
    run()
    connection.close()
    run()
    assert seen == ["1s", "1min"]


@pytest.mark.usefixtures("as_serving")
def test_migrate_as_the_serving_role_names_the_missing_setting(monkeypatch):
    def handle(self: Any, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE users_user ADD mine int")

    monkeypatch.setattr(django_migrate.Command, "handle", handle)
    with pytest.raises(CommandError, match="iocash_app does not own the tables"):
        run()


def test_other_migration_errors_are_raised_unchanged(monkeypatch):
    def handle(self: Any, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE nothing ADD mine int")

    monkeypatch.setattr(django_migrate.Command, "handle", handle)
    with pytest.raises(ProgrammingError, match="does not exist"):
        run()
