"""A wire between a server and PostgreSQL that can lose a COMMIT, or the answer to it."""

from __future__ import annotations

import random
import select
import shutil
import socket
import socketserver
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any, Self, cast

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

AT_COMMIT = 0.2
"""How many connections a bad wire cuts, of those that commit."""


class Wire(socketserver.ThreadingUnixStreamServer):
    """Passes on what both sides say, to and from the PostgreSQL at `address`.

    While `is_bad`, some connections are cut at COMMIT: before it has come through, or when it was
    done and before the answer has; and of new connections every other is refused.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: str) -> None:
        self.ahead = conninfo_to_dict(address)
        self.folder = Path(tempfile.mkdtemp(prefix="wire"))
        self.address = make_conninfo(address, host=str(self.folder))
        self.is_bad, self.cuts = False, 0
        self.chance = random.Random(3)
        super().__init__(str(self.socket_in(self.folder)), Passing)

    def socket_in(self, folder: Any) -> Path:
        return Path(folder) / f".s.PGSQL.{self.ahead['port']}"

    def fails(self, risk: float) -> bool:
        return self.is_bad and self.chance.random() < risk

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        shutil.rmtree(self.folder)


class Passing(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self) -> None:
        wire, here = cast(Wire, self.server), self.request
        if wire.fails(0.5):
            return
        with socket.socket(socket.AF_UNIX) as there, suppress(ConnectionError):
            there.connect(str(wire.socket_in(wire.ahead["host"])))
            is_deaf = False
            while True:
                for side in select.select([here, there], [], [])[0]:
                    said = side.recv(65536)
                    if not said:
                        return
                    if side is here and b"COMMIT\0" in said and wire.fails(AT_COMMIT):
                        is_deaf = wire.fails(0.5)
                        if not is_deaf:
                            wire.cuts += 1
                            return
                    if is_deaf and side is there:
                        wire.cuts += 1
                        return
                    (there if side is here else here).sendall(said)


class Cutting(Wire):
    """Cuts every connection at COMMIT: when it is done, or before it has come through."""

    is_late = False

    def fails(self, risk: float) -> bool:
        return self.is_bad and (risk == AT_COMMIT or self.is_late)


@contextmanager
def cut_at_commit(*, is_done: bool) -> Iterator[None]:
    """Let this thread's connection be lost at its next COMMIT, done or not."""
    connection.ensure_connection()
    info = connection.connection.info
    if not info.host.startswith("/"):
        pytest.skip("the wire is between Unix sockets")
    with Cutting(make_conninfo(info.dsn, port=info.port)) as wire:
        connection.close()
        with pytest.MonkeyPatch.context() as patch:
            connect, host = psycopg.connect, str(wire.folder)
            patch.setattr(psycopg, "connect", lambda **given: connect(**{**given, "host": host}))
            connection.ensure_connection()
        wire.is_bad, wire.is_late = True, is_done
        yield
        assert wire.cuts, "nothing was committed"
