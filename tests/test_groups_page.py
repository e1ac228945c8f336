"""The page about groups of clients: its commands are run, and say what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import pytest

import dev
from tests.support.deployment import SERVICES

PAGE = (dev.ROOT / "docs" / "operations" / "groups.md").read_text()
BLOCKS = dict(re.findall(r"^ *```sh ([\w-]+)\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL))
FORGET = (
    "python manage.py dbshell --database owner -- --quiet"
    ' --command "DROP DATABASE IF EXISTS iocash_west WITH (FORCE)"'
)
ASK = "curl --silent --output /dev/null --write-out '%{http_code}' 127.0.0.1:8010/readyz || true"
DEPLOYED = dev.ROOT / "deploy"


class Shell:
    """Runs the blocks of the page in one shell, which keeps what they export."""

    def __init__(self, folder: Path) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.errors = folder / "errors"
        with self.errors.open("wb") as errors:
            self.shell = subprocess.Popen(
                ["bash", "-eu"],
                cwd=folder,
                env={"PATH": path, "HOME": str(folder), "EMBEDDED_POSTGRES": "groups-page"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.shell:  # closes its pipes and waits
            self.shell.kill()

    def run(self, text: str) -> str:
        """Execute commands; return what they print."""
        assert self.shell.stdin
        assert self.shell.stdout
        self.shell.stdin.write(f"{text}\necho the-end\n")
        self.shell.stdin.flush()
        lines: list[str] = []
        for line in self.shell.stdout:
            if line.endswith("the-end\n"):
                return "".join([*lines, line.removesuffix("the-end\n")])
            lines.append(line)
        raise AssertionError(self.errors.read_text())


@pytest.mark.ci
def test_commands_of_the_page_serve_two_groups(tmp_path: Path) -> None:
    """Takes 40 s."""
    for name in ("manage.py", "iocash", "users", "wallets", "templates"):
        (tmp_path / name).symlink_to(dev.ROOT / name)
    with Shell(tmp_path) as shell:
        shell.run(f"export DEBUG=1; {FORGET}")
        shell.run(BLOCKS["demo"])
        shell.run(BLOCKS["serve"].replace(" & echo", " >> served 2>&1 & echo"))
        try:
            wait_for(shell)
            said = shell.run(BLOCKS["ask"])
        finally:
            shell.run(BLOCKS["stop"])
        assert '"Of home"' in said
        assert '"Of the west"' in said
        assert 'iocash_database_up{group="home"} 1' in said
        assert 'iocash_database_up{group="west"} 1' in said
        assert_each_group_goes_on(shell)


def wait_for(shell: Shell) -> None:
    until = time.monotonic() + 60
    ask = (
        "curl --silent --output /dev/null --write-out '%{http_code}' 127.0.0.1:8010/readyz || true"
    )
    while shell.run(ask).strip() != "200":
        assert time.monotonic() < until
        time.sleep(0.2)


def assert_each_group_goes_on(shell: Shell) -> None:
    """A command that fails in one group is run in the others, and its exit code is kept."""
    said = shell.run("python manage.py each_group nonsense 2>&1 || echo code $?")
    assert ("group home:" in said, "group west:" in said) == (True, True)
    assert "code 1" in said
    said = shell.run(
        "GROUP=west python manage.py create_staff x --superuser --reason y 2>&1 || true"
    )
    assert "managed at home" in said


def test_compose_migrates_each_group():
    assert SERVICES["migrate"]["command"] == ["python", "manage.py", "each_group", "migrate"]
    given: Any = SERVICES["migrate"]["environment"]
    assert {"DATABASE_GROUPS", "DATABASE_OWNER_GROUPS"} <= {*given}
    assert "DATABASE_OWNER_GROUPS" not in SERVICES["app"]["environment"]


def test_unit_of_a_group_differs_in_the_group_only():
    one, other = (
        (DEPLOYED / f"iocash-worker{name}.service").read_text().partition("[Unit]")[2].splitlines()
        for name in ("", "@")
    )
    changed = [line for line in other if line not in one]
    assert [line.partition("=")[0] for line in changed] == [
        "Description",
        "Documentation",
        "Environment",
    ]
    assert changed[-1].endswith(" GROUP=%i")


def test_migrate_of_each_group_gets_the_owner():
    assert '" each_group migrate "*' in (DEPLOYED / "manage").read_text()
