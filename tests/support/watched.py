"""A real Prometheus that scrapes a server; the times of the shipped alerts are a third."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from iocash.postgres.cluster import ending_with_parent
from tests.support.embedded_postgres import eventually
from tests.support.prometheus import ALERTS

PROGRAM = shutil.which("prometheus")
FASTER: Final = 3
"""Minutes of the rules are 20 s here, and so are their 60 seconds."""
PATIENCE = 180.0
"""Seconds for an alert to fire or to end, on a busy machine."""

needs_prometheus = pytest.mark.skipif(PROGRAM is None, reason="prometheus is not installed")


def hasty_rules() -> str:
    """The shipped rules, with all their times divided by `FASTER`."""
    text = re.sub(r"(?<=for: )(\d)m", in_seconds, ALERTS.read_text())
    text = re.sub(r"(?<=\[)(\d)m(?=\])", in_seconds, text)
    return re.sub(r"(?<= > )([1-9]\d+)", lambda found: str(int(found[1]) // FASTER), text)


def in_seconds(found: re.Match[str]) -> str:
    return f"{int(found[1]) * 60 // FASTER}s"


class Prometheus:
    """Scrapes what answers on a port of the loopback, each second, until the block ends."""

    def __init__(self, folder: Path, target: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.folder = folder
        folder.mkdir()
        (folder / "alerts.yml").write_text(hasty_rules())
        static = [{"targets": [f"127.0.0.1:{target}"]}]
        told = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [{"job_name": "iocash", "static_configs": static}],
            "rule_files": ["alerts.yml"],
        }
        (folder / "prometheus.yml").write_text(json.dumps(told))

    def __enter__(self) -> Self:
        assert PROGRAM
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    PROGRAM,
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=log,
                preexec_fn=ending_with_parent(signal.SIGKILL),  # noqa: PLW1509 (it only ties)
            )
        eventually(self._scrapes)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def _scrapes(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return bool(self.ask("up == 1"))
        except OSError:
            return False

    def ask(self, expression: str) -> list[dict[str, str]]:
        """The labels of what an expression finds now."""
        address = f"http://127.0.0.1:{self.port}/api/v1/query?query={quote(expression)}"
        with urlopen(address, timeout=30) as answer:
            found = json.load(answer)["data"]["result"]
        return [each["metric"] for each in found]

    def fired(self, seconds: float = 0) -> set[str]:
        """The alerts that have fired within the last seconds, or that fire now."""
        firing = 'ALERTS{alertstate="firing"}'
        if seconds:
            firing = f"max_over_time({firing}[{max(1, round(seconds))}s])"
        return {each["alertname"] for each in self.ask(firing)}

    def await_alert(self, name: str) -> float:
        """Wait until an alert fires; return after how many seconds it did."""
        begun = time.monotonic()
        while name not in self.fired():
            assert time.monotonic() < begun + PATIENCE, self.ask("ALERTS")
            time.sleep(0.5)
        return time.monotonic() - begun

    def await_silence(self) -> None:
        begun = time.monotonic()
        while found := self.fired():
            assert time.monotonic() < begun + PATIENCE, found
            time.sleep(0.5)
