"""nginx with the project's own configuration, in front of servers on this machine."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest

import dev
from iocash import errors
from tests.support.server import PATIENCE

CONFIGURATION = (dev.ROOT / "deploy" / "nginx.conf").read_text()
UPSTREAM = "server app:8000 max_fails=0;"

needs_nginx = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")


class Proxy:
    """A proxy that serves on `port`, for IPv4 and IPv6, until the block ends.

    `more` is added to its configuration. Its access lines are in `access.log` and its errors in
    `error.log`, in `folder`.
    """

    def __init__(self, folder: Path, *upstream: int, more: str = "") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.access, self.errors = folder / "access.log", folder / "error.log"
        self.folder = folder
        instances = (UPSTREAM.replace("app:8000", f"127.0.0.1:{port}") for port in upstream)
        ours = CONFIGURATION.replace(UPSTREAM, "\n".join(instances))
        here = f"listen 127.0.0.1:{self.port}; listen [::1]:{self.port};"
        ours = ours.replace("listen 8080;", here)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        places = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        (folder / "nginx.conf").write_text(ours.replace("http {", f"http {{\n{places}\n{more}", 1))

    def __enter__(self) -> Self:
        account = "" if os.geteuid() else "user root;"  # the folder is closed to everybody else
        directives = f"daemon off; pid {self.folder}/nginx.pid; {account}"
        with self.access.open("ab") as access, self.errors.open("ab") as log:
            self.process = subprocess.Popen(
                ["nginx", "-p", str(self.folder), "-c", "nginx.conf", "-g", directives],
                stdout=access,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while not self._listens():
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGQUIT)  # what was refused is logged when it has gone
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        self.process.kill()
        self.process.wait()

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], Any]:
        return call(self.port, method, path, body, headers)


def call(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], Any]:
    """Make one call; see that the answer has the API's form, whoever gave it."""
    caller = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        caller.request(method, path, body, headers or {})
        response = caller.getresponse()
        content = response.read()
    finally:
        caller.close()
    names = {name.lower(): value for name, value in response.getheaders()}
    return response.status, names, judged(response.status, names, content)


def judged(status: int, headers: dict[str, str], content: bytes) -> Any:
    """Return the JSON of an answer in the API's form."""
    assert headers["content-type"] == "application/json", content
    assert headers["x-request-id"]
    said = json.loads(content)
    if status >= http.client.BAD_REQUEST:
        assert said["requestId"] == headers["x-request-id"]
        assert said["status"] == status
        assert said["title"] == errors.REGISTRY[said["code"]].title()
        assert said["type"].endswith(f"/api/docs/errors#{said['code']}")
        assert errors.REGISTRY[said["code"]].status == status
        assert said["detail"]
        assert said["instance"].startswith("/")
    return said
