"""dev.py run and dev.py test in a copy of the repository, from nothing to a served demo."""

import os
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


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """A checkout in a folder with a space, installed without asking the network for anything."""
    clone = tmp_path / "a clone"
    private = (".*cache*", "__pycache__", ".git", ".venv", ".iocash", ".hypothesis", "tests")
    shutil.copytree(dev.ROOT, clone, ignore=shutil.ignore_patterns(*private))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    (packages,) = (clone / ".venv").glob("lib/*/site-packages")
    (packages / "shared.pth").write_text("\n".join(p for p in sys.path if p.endswith("packages")))
    done = "import dev; dev.INSTALLED.write_text(dev.mark(dev.DEMO))"
    subprocess.run([sys.executable, "-c", done], cwd=clone, check=True)
    yield clone
    where = Places(clone / ".iocash")
    for folder in {where.home(), where.sockets()} - {None, where.private}:
        shutil.rmtree(str(folder))


@pytest.mark.ci
@pytest.mark.parametrize("command", [("check",), ("migrate", "--help")])
def test_command_without_a_database_starts_no_server(clone: Path, command: tuple[str, ...]) -> None:
    """Takes 5 s for each command."""
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
        while not self.lines or not self.lines[-1].startswith("Press Ctrl-C"):
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
@pytest.mark.ci
def test_run_serves_a_demo_and_its_printed_commands_work(clone: Path) -> None:
    """Takes 45 s, and needs curl."""
    with Run(clone) as first:
        assert first.paste() == ["202", "200", "201"]
    assert (clone / ".iocash" / "demo.json").stat().st_mode & 0o777 == 0o600
    with Run(clone) as second:
        assert second.paste() == ["202", "200", "201"]
    for line in ("API", "Back office"):
        assert first.secret(line) == second.secret(line)
