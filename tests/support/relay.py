"""A server between a client and the server: it keeps what is sent and answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from iocash.docs.client_calls import query_in

Json = Any
LARGEST_PAGE = "100"
"""What the clients ask for if nobody says a `size`."""
TIME = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?")


class Exchange(NamedTuple):
    """A request and its response."""

    method: str
    path: str
    query: dict[str, Json]
    headers: dict[str, str]
    body: Json
    status: int
    answer_headers: dict[str, str]
    answer: str

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "").strip('"')

    def said(self) -> str:
        """The response as curl prints it with -i."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.answer_headers.items()]
        return "\n".join([*lines, "", self.answer, ""])


class Relay(ThreadingHTTPServer):
    """Passes each request on to `target`, an origin."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = urlsplit(target).netloc
        self.kept: list[Exchange] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def taken(self) -> list[Exchange]:
        """What was kept since the last time."""
        found, self.kept = self.kept, []
        return found


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Relay

    def pass_on(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = HTTPConnection(self.server.target, timeout=60)
        connection.request(self.command, self.path, content or None, dict(self.headers.items()))
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        answered = {
            name: value
            for name, value in response.getheaders()
            if name not in ("Connection", "Content-Length", "Transfer-Encoding")
        }
        sent = json.loads(content) if content else None
        self.server.kept.append(
            Exchange(
                self.command,
                path,
                query_in(query),
                headers,
                sent,
                response.status,
                answered,
                answer.decode(),
            )
        )
        self.send_response_only(response.status)
        for name, value in answered.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = pass_on  # noqa: N815 (names of the base class)

    def log_message(self, *args: Any) -> None:
        """Print nothing."""


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    relay = Relay(target)
    thread = Thread(target=relay.serve_forever, daemon=True)
    thread.start()
    yield relay
    relay.shutdown()
    relay.server_close()
    thread.join()


def unequal(
    sent: Exchange, method: str, path: str, query: dict[str, Json], body: Json, key: str
) -> list[str]:
    """What of a request differs from the written one.

    A client may name the size of a page, make a key, and write a time in another way.
    """
    if "size" not in query and sent.query.get("size") == LARGEST_PAGE:
        query = query | {"size": LARGEST_PAGE}
    pairs = {
        "method": (method, sent.method),
        "path": (path, sent.path),
        "query": (at_once(query), at_once(sent.query)),
        "body": (at_once(body or {}), at_once(sent.body or {})),
        "key": (key or sent.key, sent.key),
    }
    return [f"{name}: {one} is {other}" for name, (one, other) in pairs.items() if one != other]


def at_once(value: Json) -> Json:
    """A value in which equal times are equal."""
    if isinstance(value, dict):
        return {name: at_once(each) for name, each in value.items()}
    if isinstance(value, list):
        return [at_once(each) for each in value]
    if not isinstance(value, str) or not TIME.fullmatch(value):
        return value
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
