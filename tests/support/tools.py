"""Tools of other people's, for the tests: installed once, in a cache outside the repository.

`python -m tests.support.tools` installs them all, and names each that could not be installed.
A test that needs one asks for its folder, and is skipped where there is none.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iocash-tools"
PATIENCE = 300.0
"""Seconds after which an installation is given up."""


class Missing(Exception):
    """A tool is not here; the message says which, and why."""


@dataclass(frozen=True)
class Tool:
    """Packages of one registry, which are installed into a folder of their own."""

    name: str
    packages: tuple[str, ...]
    programs: tuple[str, ...] = ()
    """Programs that must be on the path: the tool runs on them."""

    @property
    def folder(self) -> Path:
        """Where it is; another version has another folder."""
        digest = hashlib.sha256(" ".join([sys.version, *self.packages]).encode()).hexdigest()
        return CACHE / f"{self.name}-{digest[:12]}"

    @property
    def programs_folder(self) -> Path:
        raise NotImplementedError

    def installation(self) -> list[list[str]]:
        """The commands that install it; the folder is there, and empty."""
        raise NotImplementedError

    def installed(self) -> Path:
        """Install it unless it is here; return the folder of its programs.

        Raises:
            Missing: a program that it runs on is not here, or a package can't be installed.
        """
        for program in self.programs:
            if not shutil.which(program):
                raise Missing(f"{self.name}: {program} is not installed")
        done = self.folder / ".complete"
        with alone(self.folder.with_suffix(".lock")):
            if not done.exists():
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder.mkdir()
                for command in self.installation():
                    run(self.name, command)
                done.touch()
        return self.programs_folder

    def needed(self) -> Path:
        """Return the folder of its programs; skip the test where it can't be installed."""
        try:
            return self.installed()
        except Missing as missing:
            pytest.skip(str(missing))

    def program(self, name: str) -> str:
        return str(self.needed() / name)


class FromPyPI(Tool):
    @property
    def programs_folder(self) -> Path:
        return self.folder / "bin"

    def installation(self) -> list[list[str]]:
        pip = [str(self.programs_folder / "python"), "-m", "pip", "install", "--quiet"]
        return [
            [sys.executable, "-m", "venv", str(self.folder)],
            [*pip, "--disable-pip-version-check", *self.packages],
        ]


class FromNpm(Tool):
    @property
    def modules(self) -> Path:
        return self.folder / "node_modules"

    @property
    def programs_folder(self) -> Path:
        return self.modules / ".bin"

    def installation(self) -> list[list[str]]:
        quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts"]
        return [["npm", "install", f"--prefix={self.folder}", *quiet, *self.packages]]


def run(name: str, command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as late:
        raise Missing(f"{name}: not installed after {PATIENCE:.0f} s") from late
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Missing(f"{name}: could not be installed: {' / '.join(last)}")


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock among processes."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


NODE = ("node", "npm")

REDOCLY = FromNpm("redocly", ("@redocly/cli@2.77.0",), NODE)
SPECTRAL = FromNpm("spectral", ("@stoplight/spectral-cli@6.16.3",), NODE)
AXE = FromNpm("axe", ("axe-core@4.11.0",), NODE)
TYPESCRIPT = FromNpm(
    "typescript",
    (
        "openapi-typescript@7.13.0",
        "openapi-fetch@0.17.0",
        "typescript@5.9.3",
        "@types/node@20.19.0",
    ),
    NODE,
)
PYTHON_CLIENT = FromPyPI("openapi-python-client", ("openapi-python-client==0.29.1",))
GENERATOR = FromPyPI(
    "openapi-generator",
    (
        "openapi-generator-cli==7.26.0",
        # what the Python that it makes asks for
        "urllib3>=2.1,<3",
        "python-dateutil>=2.8.2",
        "pydantic>=2.11",
        "typing-extensions>=4.7.1",
    ),
    ("java",),
)
FLIT = FromPyPI("flit-core", ("flit-core==3.12.0",))
"""Builds the package of the Python client; pure Python, and needs no other package."""
ALL: tuple[Tool, ...] = (REDOCLY, SPECTRAL, AXE, TYPESCRIPT, PYTHON_CLIENT, GENERATOR, FLIT)


def main() -> None:
    for tool in ALL:
        begin = time.monotonic()
        try:
            tool.installed()
        except Missing as missing:
            sys.stdout.write(f"{missing}\n")
        else:
            sys.stdout.write(f"{tool.name}: {time.monotonic() - begin:.0f} s\n")


if __name__ == "__main__":
    main()
