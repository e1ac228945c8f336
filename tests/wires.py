"""A wire between a server and PostgreSQL that can lose a COMMIT, or the answer to it."""

from __future__ import annotations

import random
import select
import shutil
import socket
import socketserver
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, Self, cast

from psycopg.conninfo import conninfo_to_dict, make_conninfo


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
                    if side is here and said.endswith(b"COMMIT\0") and wire.fails(0.2):
                        is_deaf = wire.fails(0.5)
                        if not is_deaf:
                            wire.cuts += 1
                            return
                    if is_deaf and side is there:
                        wire.cuts += 1
                        return
                    (there if side is here else here).sendall(said)
