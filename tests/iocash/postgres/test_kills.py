"""Whoever is killed, users, watcher or server: nothing is left, and nothing is lost."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from iocash.postgres import places
from iocash.postgres.places import Places
from tests.support.embedded_postgres import (
    User,
    eventually,
    is_alive,
    is_up,
    linux,
    processes_of,
    server_pid,
    watcher_pid,
)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_users_who_are_killed_leave_nothing(state: Path, sign: signal.Signals) -> None:
    with User(state) as alice:
        alice.ask("SELECT 1")
        alice.process.send_signal(sign)
    eventually(lambda: not is_up(state))


def test_one_that_is_killed_does_not_take_the_server_from_others(state: Path) -> None:
    with User(state) as alice:
        alice.ask("SELECT 1")
        with User(state) as bob:
            bob.ask("SELECT 1")
            alice.process.kill()
            assert alice.process.wait()
            time.sleep(0.3)
            assert bob.ask("SELECT 'x'") == "x"


def test_a_killed_server_is_replaced(state: Path) -> None:
    with User(state) as alice:
        alice.tell("CREATE TABLE safe ()")
        os.kill(server_pid(state), signal.SIGKILL)
        with User(state) as bob:
            assert bob.ask("SELECT count(*) FROM safe", role="iocash_owner") == "0"


def test_a_forked_child_keeps_the_server(state: Path) -> None:
    with User(state) as alice:
        alice.ask("SELECT 1")
        pid = alice.fork()
        alice.process.kill()
        alice.process.wait()
        time.sleep(0.3)
        assert alice.ask("SELECT 'x'") == "x"
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_up(state))


@linux
def test_a_killed_watcher_takes_the_server_with_it(state: Path) -> None:
    with User(state) as alice:
        alice.ask("SELECT 1")
        pid = server_pid(state)
        os.kill(watcher_pid(state), signal.SIGKILL)
        eventually(lambda: not is_alive(pid))
        with User(state) as bob:
            assert bob.ask("SELECT 'x'") == "x"
    eventually(lambda: not is_up(state))


@linux
@pytest.mark.long
def test_all_killed_at_once_leave_nothing_and_lose_nothing(fresh: Path) -> None:
    for count in range(5):
        with User(fresh) as alice:
            alice.tell(f"CREATE TABLE kept_{count} ()")
            for pid in (watcher_pid(fresh), server_pid(fresh), alice.process.pid):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not is_up(fresh))
    with User(fresh) as alice:
        assert alice.ask("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'kept_%'") == "5"


def test_the_number_of_a_dead_server_may_be_somebody_elses(state: Path) -> None:
    with User(state) as alice:
        alice.ask("SELECT 1")
        home = Places(state).home()
        assert home
        with User(state) as bob:
            bob.ask("SELECT 1")
            os.kill(server_pid(state), signal.SIGKILL)
            file = home / "data" / "postmaster.pid"
            eventually(lambda: not places.is_held(Places(state).watcher))
            owner = file.stat()
            sleeper = {"user": owner.st_uid} if owner.st_uid != os.geteuid() else {}
            with subprocess.Popen(["sleep", "60"], **sleeper) as other:  # type: ignore[call-overload]
                file.write_text("\n".join([str(other.pid), *file.read_text().splitlines()[1:], ""]))
                with User(state) as newcomer:
                    assert newcomer.ask("SELECT 'x'") == "x"
                other.kill()


@pytest.mark.long
def test_what_was_interrupted_is_not_taken_for_a_database(fresh: Path) -> None:
    with User(fresh) as alice:
        alice.ask("SELECT 1")
    eventually(lambda: not is_up(fresh))
    home = Places(fresh).home()
    assert home
    (home / "data").rename(home / "new-1")
    (home / "new-1" / "PG_VERSION").unlink()
    with User(fresh) as alice:
        assert alice.ask("SELECT 'x'") == "x"
    assert not (home / "new-1").exists()


@linux
@pytest.mark.long
def test_a_first_start_may_be_interrupted_at_any_moment(fresh: Path) -> None:
    for tenths in range(1, 15, 2):
        with User(fresh):
            time.sleep(tenths / 10)
            for pid in processes_of(fresh):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        with User(fresh) as bob:
            assert bob.ask("SELECT 'x'") == "x"
        eventually(lambda: not is_up(fresh))
        home = Places(fresh).home()
        assert home
        shutil.rmtree(home / "data")


@pytest.mark.long
def test_those_who_come_while_others_are_killed_are_served(state: Path) -> None:
    with ExitStack() as stack:
        for count in range(40):
            user = stack.enter_context(User(state))
            assert user.ask("SELECT 'x'") == "x"
            victim = (server_pid, watcher_pid)[count % 2](state)
            os.kill(victim, signal.SIGKILL)
    eventually(lambda: not is_up(state))
