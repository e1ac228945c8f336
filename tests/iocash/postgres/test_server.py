"""The embedded PostgreSQL: there for whoever comes, gone after the last."""

import re
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from django.db.utils import OperationalError

from iocash.postgres import base
from iocash.postgres.places import Places, Unusable
from iocash.postgres.server import Server
from tests.support.embedded_postgres import PATIENCE, User, eventually, is_alive, is_up, server_pid


@pytest.mark.slow
def test_server_runs_until_its_last_user_leaves(state: Path) -> None:
    with User(state) as alice:
        with User(state) as bob:
            assert bob.ask("SELECT 'x'") == "x"
        assert alice.ask("SELECT 'x'") == "x"
        assert is_up(state)
    eventually(lambda: not is_up(state))


@pytest.mark.slow
def test_data_is_durable_and_kept(state: Path) -> None:
    with User(state) as alice:
        alice.tell("CREATE TABLE kept ()")
        assert alice.ask("SHOW fsync") == alice.ask("SHOW synchronous_commit") == "on"
    eventually(lambda: not is_up(state))
    with User(state) as alice:
        assert alice.ask("SELECT count(*) FROM kept", role="iocash_owner") == "0"


@pytest.mark.slow
def test_server_uses_utf8_and_utc(alice: User) -> None:
    assert alice.ask("SHOW server_encoding") == "UTF8"
    assert alice.ask("SELECT upper('ñ')") == "Ñ"
    assert alice.ask("SHOW timezone") == "UTC"


@pytest.mark.slow
def test_log_contains_no_values_of_rows_or_statements(alice: User, state: Path) -> None:
    alice.tell("CREATE TABLE people (phone text UNIQUE, CHECK (phone <> '+34600000003'))")
    alice.tell("INSERT INTO people VALUES ('+34600000001')")
    for phone in ("+34600000001", "+34600000003"):
        with pytest.raises(psycopg.IntegrityError, match=re.escape(phone)):
            alice.tell(f"INSERT INTO people VALUES ('{phone}')")
    alice.tell("DROP TABLE people")
    log = Places(state).log.read_text()
    assert log.count("people_phone_key") == log.count("people_phone_check") == 1
    assert "+3460000000" not in log


@pytest.mark.long
def test_removed_state_folder_gives_a_new_database(fresh: Path) -> None:
    """Takes seconds."""
    with User(fresh) as alice:
        alice.tell("CREATE TABLE gone ()")
        home, pid = Places(fresh).home(), server_pid(fresh)
        shutil.rmtree(fresh)
        with User(fresh) as bob:
            assert bob.ask("SELECT to_regclass('gone')", role="iocash_owner") == "None"
    eventually(lambda: not is_alive(pid))
    if home and home != Places(fresh).private:
        shutil.rmtree(home)


@pytest.mark.slow
@pytest.mark.parametrize("count", [6, pytest.param(24, marks=pytest.mark.long)])
def test_concurrent_users_share_one_server(state: Path, count: int) -> None:
    """Takes seconds with 24 users."""
    with ExitStack() as stack:
        users = [stack.enter_context(User(state)) for _ in range(count)]
        assert len({user.ask("SELECT pg_postmaster_start_time()") for user in users}) == 1
    eventually(lambda: not is_up(state))


@pytest.mark.long
def test_new_user_is_served_while_the_server_stops(state: Path) -> None:
    """Takes a minute."""
    for count in range(60):
        with User(state) as alice:
            assert alice.ask("SELECT 'x'") == "x"
        time.sleep(count % 20 * 0.01)


@pytest.mark.slow
def test_failed_start_prints_the_end_of_the_log(state: Path) -> None:
    with User(state) as alice:
        alice.ask("SELECT 1")
    eventually(lambda: not is_up(state))
    home = Places(state).home()
    assert home
    version = home / "data" / "PG_VERSION"
    right = version.read_text()
    version.write_text("9.6\n")
    with User(state) as alice:
        text, _ = alice.process.communicate(timeout=PATIENCE)
    version.write_text(right)
    assert "PostgreSQL did not start: it exited immediately." in text
    assert "database files are incompatible with server" in text


@pytest.mark.slow
def test_failed_start_raises_an_operational_error(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Server) -> Path:
        raise Unusable("PostgreSQL did not start.")

    monkeypatch.setattr(Server, "sockets", fail)
    monkeypatch.setattr(base, "SERVER", Server(state))
    with pytest.raises(OperationalError, match="did not start"):
        base.DatabaseWrapper({"NAME": "iocash", "USER": "iocash_app"}).get_new_connection({})
