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


@pytest.mark.slow
@pytest.mark.parametrize(
    "sign", [pytest.param(signal.SIGTERM, marks=pytest.mark.ci), signal.SIGKILL]
)
def test_killed_user_leaves_no_server(state: Path, sign: signal.Signals) -> None:
    """Takes 3 s."""
    with User(state) as alice:
        alice.ask("SELECT 1")
        alice.process.send_signal(sign)
    eventually(lambda: not is_up(state))


@pytest.mark.slow
def test_killed_user_leaves_the_server_to_others(state: Path) -> None:
    with User(state) as alice:
        alice.ask("SELECT 1")
        with User(state) as bob:
            bob.ask("SELECT 1")
            alice.process.kill()
            assert alice.process.wait()
            time.sleep(0.3)
            assert bob.ask("SELECT 'x'") == "x"


@pytest.mark.slow
def test_killed_server_is_replaced(state: Path) -> None:
    with User(state) as alice:
        alice.tell("CREATE TABLE safe ()")
        os.kill(server_pid(state), signal.SIGKILL)
        with User(state) as bob:
            assert bob.ask("SELECT count(*) FROM safe", role="iocash_owner") == "0"


@pytest.mark.slow
def test_forked_child_keeps_the_server_running(state: Path) -> None:
    with User(state) as alice:
        alice.ask("SELECT 1")
        pid = alice.fork()
        alice.process.kill()
        alice.process.wait()
        time.sleep(0.3)
        assert alice.ask("SELECT 'x'") == "x"
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_up(state))


@pytest.mark.slow
@linux
def test_killed_watcher_stops_the_server(state: Path) -> None:
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
def test_killing_all_processes_leaves_no_server_and_loses_no_data(fresh: Path) -> None:
    """Takes half a minute; needs Linux."""
    for count in range(5):
        with User(fresh) as alice:
            alice.tell(f"CREATE TABLE kept_{count} ()")
            for pid in (watcher_pid(fresh), server_pid(fresh), alice.process.pid):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not is_up(fresh))
    with User(fresh) as alice:
        assert alice.ask("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'kept_%'") == "5"


@pytest.mark.slow
def test_reused_pid_of_a_dead_server_is_not_taken_for_the_server(state: Path) -> None:
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
def test_interrupted_initialisation_is_not_used_as_a_database(fresh: Path) -> None:
    """Takes seconds."""
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
def test_first_start_recovers_from_an_interruption(fresh: Path) -> None:
    """Takes half a minute; needs Linux."""
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
def test_new_users_are_served_while_server_and_watcher_are_killed(state: Path) -> None:
    """Takes a minute."""
    with ExitStack() as stack:
        for count in range(40):
            user = stack.enter_context(User(state))
            assert user.ask("SELECT 'x'") == "x"
            victim = (server_pid, watcher_pid)[count % 2](state)
            os.kill(victim, signal.SIGKILL)
    eventually(lambda: not is_up(state))
