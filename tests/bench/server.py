"""The contenders over HTTP: each is served by granian as the documentation says, on the loopback.

All of them stay up for the run: who is not asked costs nothing.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Self

from tests.bench import processes
from tests.bench.database import Database
from tests.support.server import Served

RATE = "1000000"
"""Requests a second for each client and process: never reached, but counted."""

LAST = 20
"""How many lines of its log are shown when a server does not start."""

PEERS = "tests.bench.peers"


@dataclass(frozen=True)
class Contender:
    """What is served: an application, and its settings."""

    name: str
    application: str = "iocash.wsgi:application"
    environment: dict[str, str] = field(default_factory=dict)
    needs: str = ""
    """The package without which it can't be measured."""
    seed: str = ""
    """What makes tables of its own ready, in a database of its own: a file of SQL."""
    movements: int = 0
    """With how many it begins, in a database of its own."""

    @property
    def is_installed(self) -> bool:
        return not self.needs or find_spec(self.needs) is not None


OURS = Contender("ours", environment={"GROUP_COMMIT": "on"})
UNGROUPED = Contender("ungrouped", environment={"GROUP_COMMIT": "off"})
USUAL = Contender(
    "usual",
    f"{PEERS}.usual.wsgi:application",
    {"DJANGO_SETTINGS_MODULE": f"{PEERS}.usual.settings"},
)
READING = Contender("reading", environment={"DJANGO_SETTINGS_MODULE": f"{PEERS}.reading.settings"})
HORDAK = Contender(
    "hordak",
    f"{PEERS}.hordak.wsgi:application",
    {"DJANGO_SETTINGS_MODULE": f"{PEERS}.hordak.settings"},
    needs="hordak",
    seed="hordak/stage.sql",
)
AT_100_THOUSAND = Contender("at-100-thousand", movements=100_000)
AT_5_MILLION = Contender("at-5-million", movements=5_000_000)


class Server(Served):
    """A contender that answers."""

    def __init__(self, contender: Contender, database: Database, folder: Path, **more: str) -> None:
        environment = database.environment(RATE_LIMIT=RATE, **contender.environment, **more)
        super().__init__(database.app, folder / f"{contender.name}.log", **environment)
        del self.environment["KYC_LIMITS"]
        self.application = contender.application

    def _popen(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        with processes.undisturbed():
            self.process = super()._popen(log)
        return self.process

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except AssertionError as error:
            self.__exit__()
            last = "\n".join(self.log.read_text().splitlines()[-LAST:])
            raise SystemExit(f"bench: {self.log.stem} does not answer.\n{last}") from error
        except BaseException:
            if hasattr(self, "process"):
                self.__exit__()
            raise
