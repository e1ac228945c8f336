"""An identity provider in a process of its own: it begins verifications and sends callbacks.

It signs by itself, without our code. `python -m tests.support.identity_provider` serves on a free
port of this machine and prints it. Tests control it over HTTP too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from iocash.settings import BASE_DIR

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes!").decode()
OTHER_SECRET = base64.b64encode(b"a secret that nobody else knows!").decode()
PATIENCE = 20.0
ODD_ANSWERS: dict[str, tuple[int, bytes]] = {
    "refuses": (400, b"{}"),
    "crashes": (500, b"no"),
    "redirects": (302, b""),
    "garbage": (200, b"<html>"),
    "a list": (200, b"[]"),
    "no url": (200, b'{"reference": "p-1"}'),
    "script": (200, b'{"reference": "p-1", "url": "javascript:alert(1)"}'),
    "credentials": (200, b'{"reference": "p-1", "url": "https://a:b@provider.example/"}'),
    "no reference": (200, b'{"url": "https://provider.example/"}'),
    "long reference": (
        200,
        json.dumps({"reference": "a" * 101, "url": "https://p.example/"}).encode(),
    ),
    "too large": (200, b" " * 100_000),
}
"""What it may answer instead of beginning a verification."""


def signature(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{id_}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = ""
        self.begun: list[dict[str, Any]] = []
        self.number = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = {
            "/verifications": self.begin,
            "/mode": self.set_mode,
            "/begun": self.list_begun,
            "/callback": self.call_back,
        }[self.path]
        status, content = answer(body)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "https://provider.example/")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def begin(self, body: bytes) -> tuple[int, bytes]:
        """Begin a verification, if the request is signed; or do what the mode says."""
        id_, timestamp = self.headers["webhook-id"], int(self.headers["webhook-timestamp"])
        right = signature(SECRET, id_, timestamp, body)
        is_new = abs(time.time() - timestamp) < 60
        if not is_new or not hmac.compare_digest(right, self.headers["webhook-signature"]):
            return 401, b"{}"
        self.server.begun.append(json.loads(body))
        if self.server.mode == "hangs":
            time.sleep(PATIENCE)
        if self.server.mode in ODD_ANSWERS:
            return ODD_ANSWERS[self.server.mode]
        self.server.number += 1
        reference = f"p-{self.server.number}-{time.time_ns()}"
        url = f"https://provider.example/verify/{reference}"
        return 201, json.dumps({"reference": reference, "url": url}).encode()

    def set_mode(self, body: bytes) -> tuple[int, bytes]:
        self.server.mode = json.loads(body)["mode"]
        return 200, b"{}"

    def list_begun(self, body: bytes) -> tuple[int, bytes]:
        return 200, json.dumps(self.server.begun).encode()

    def call_back(self, body: bytes) -> tuple[int, bytes]:
        """Send a callback as the test says; answer with the status and the body of its answer."""
        how = json.loads(body)
        sent = how["raw"].encode()
        id_, timestamp = "msg_1", int(time.time()) + how.get("late", 0)
        signed = signature(how.get("secret", SECRET), id_, timestamp, sent)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": id_,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signed,
        } | how.get("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        url = urlsplit(how["url"])
        connection = http.client.HTTPConnection(url.netloc, timeout=PATIENCE)
        connection.request("POST", url.path, sent + how.get("added", "").encode(), headers)
        answer = connection.getresponse()
        said = {"status": answer.status, "json": json.loads(answer.read())}
        connection.close()
        return 200, json.dumps(said).encode()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Provider:
    """The provider, as tests control it."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/verifications"

    def ask(self, path: str, **values: Any) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("POST", path, json.dumps(values))
        said = json.loads(connection.getresponse().read())
        connection.close()
        return said

    def set_mode(self, mode: str) -> None:
        self.ask("/mode", mode=mode)

    def begun(self) -> list[dict[str, Any]]:
        """What the provider was asked to begin."""
        found: list[dict[str, Any]] = self.ask("/begun")
        return found

    def call_back(self, url: str, said: Any, **how: Any) -> tuple[int, Any]:
        """Let it send a callback; return the status and the JSON of our answer."""
        raw = said if isinstance(said, str) else json.dumps(said)
        answer = self.ask("/callback", url=url, raw=raw, **how)
        return answer["status"], answer["json"]


@contextmanager
def serving() -> Iterator[Provider]:
    """Run the provider until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.identity_provider"],
        stdout=subprocess.PIPE,
        cwd=BASE_DIR,
        text=True,
    )
    with process:
        assert process.stdout
        yield Provider(int(process.stdout.readline()))
        process.terminate()


if __name__ == "__main__":
    with Server() as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()
