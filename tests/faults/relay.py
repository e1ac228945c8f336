"""A relay between the app and PostgreSQL that can do harm at any message around COMMIT.

It knows where messages begin and end. A trip that ends with COMMIT meets the fault that was
planned: at a message that the fault names, before it is passed on or after.
"""

from __future__ import annotations

import random
import select
import shutil
import socket
import socketserver
import struct
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Self, cast

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.faults.messages import CANCEL_REQUEST, ENCRYPTION_REQUESTS, Message, Stream, error

PATIENCE = 60.0
"""Seconds after which a connection that does nothing more is given up."""


WRITES = "app:writes"
"""Every message of the trip before those that ask for COMMIT."""


class Closed(Exception):
    """This connection ends, on both sides."""


@dataclass(frozen=True)
class Fault:
    """Harm that is done once, at the first message of the trip that is named `at`."""

    at: str
    do: Callable[[Conversation], None]
    is_after: bool = False
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        when = "after" if self.is_after else "before"
        return self.name or f"{getattr(self.do, '__name__', self.do)} {when} {self.at}"


class Relay(socketserver.ThreadingUnixStreamServer):
    """Passes on what both sides say, to and from the PostgreSQL (or the pooler) at `address`.

    `plan` has the next COMMIT meet a fault. With `risk`, any COMMIT meets one of `kinds`.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: str) -> None:
        self.ahead = conninfo_to_dict(address)
        self.folder = Path(tempfile.mkdtemp(prefix="relay"))
        self.folder.chmod(0o755)  # a pooler that runs under another account comes in here
        self.address = make_conninfo(address, host=str(self.folder), port=5432)
        self.lock, self.planned = Lock(), list[Fault]()
        self.risk, self.kinds, self.chance = 0.0, list[Fault](), random.Random(5)
        self.met: list[Fault] = []
        self.is_shut = False
        """Whether new connections are closed at once."""
        self.ended = Event()
        super().__init__(str(self.folder / ".s.PGSQL.5432"), Conversation)
        Path(str(self.server_address)).chmod(0o777)

    def plan(self, *faults: Fault) -> None:
        with self.lock:
            self.planned += faults

    def next_fault(self) -> Fault | None:
        """What the COMMIT that was just asked for will meet."""
        with self.lock:
            if self.planned:
                return self.planned.pop(0)
            if self.kinds and self.chance.random() < self.risk:
                return self.chance.choice(self.kinds)
        return None

    def note(self, fault: Fault) -> None:
        with self.lock:
            self.met.append(fault)

    def connect(self) -> socket.socket:
        """Connect to where connections lead just now."""
        host, port = str(self.ahead["host"]), int(self.ahead.get("port") or 5432)
        if host.startswith("/"):
            there = socket.socket(socket.AF_UNIX)
            try:
                there.connect(f"{host}/.s.PGSQL.{port}")
            except OSError:
                there.close()
                raise
            return there
        return socket.create_connection((host, port))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nobody reads a traceback here; what broke is seen in what the app says."""

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()
        shutil.rmtree(self.folder)


class Conversation(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self) -> None:
        self.relay, self.here = cast(Relay, self.server), self.request
        self.fault: Fault | None = None
        self.is_committing = self.is_deaf = self.is_left = False
        if self.relay.is_shut:
            return
        with suppress(OSError, Closed), self.relay.connect() as self.there:
            self.begin()
            app, postgres = Stream(), Stream()
            while True:
                for side in select.select(self.sides(), [], [], PATIENCE)[0]:
                    if not (said := side.recv(65536)):
                        return
                    if side is self.here:
                        self.pass_on(app.feed(said), self.there, Message.from_app)
                    else:
                        self.pass_on(postgres.feed(said), self.here, Message.from_postgres)

    def sides(self) -> list[socket.socket]:
        return [self.there] if self.is_left else [self.here, self.there]

    def begin(self) -> None:
        """Pass on the first packet, which has no kind; refuse encryption."""
        while True:
            (length,) = struct.unpack("!i", exactly(self.here, 4))
            packet = exactly(self.here, length - 4)
            (code,) = struct.unpack_from("!i", packet)
            if code not in ENCRYPTION_REQUESTS:
                break
            self.here.sendall(b"N")
        self.there.sendall(struct.pack("!i", length) + packet)
        if code == CANCEL_REQUEST:
            raise Closed

    def pass_on(
        self, messages: Iterator[Message], to: socket.socket, name: Callable[[Message], str]
    ) -> None:
        if not self.is_committing and to is self.there:
            messages = self.look_for_commit(messages)
        quiet = bytearray()
        for message in messages:
            if not self.fault:
                quiet += message.raw
            else:
                self.send(to, bytes(quiet))
                quiet.clear()
                self.pass_with_fault(message, to, name(message))
            if message.kind == b"Z":
                self.end_of_trip()
        self.send(to, bytes(quiet))

    def look_for_commit(self, messages: Iterator[Message]) -> Iterator[Message]:
        """Meet a fault if COMMIT is asked for here; pass on what comes before it as `WRITES`."""
        found = [*messages]
        place = next((i for i, message in enumerate(found) if message.is_commit), None)
        if place is not None:
            self.is_committing, self.fault = True, self.relay.next_fault()
            for message in found[:place]:
                self.pass_with_fault(message, self.there, WRITES)
        return iter(found[place or 0 :])

    def pass_with_fault(self, message: Message, to: socket.socket, name: str) -> None:
        fault = self.fault
        is_here = fault is not None and fault.at == name
        if fault and is_here and not fault.is_after:
            self.suffer(fault)
        self.send(to, message.raw)
        if fault and is_here and fault.is_after:
            self.suffer(fault)

    def suffer(self, fault: Fault) -> None:
        self.fault = None
        self.relay.note(fault)
        fault.do(self)

    def send(self, to: socket.socket, data: bytes) -> None:
        if not data or (self.is_deaf and to is self.here):
            return
        try:
            to.sendall(data)
        except OSError:
            if to is self.there:
                self.pass_last_words()
            raise

    def pass_last_words(self) -> None:
        """PostgreSQL has ended the session: why is there to be read."""
        while said := self.there.recv(65536):
            self.here.sendall(said)

    def end_of_trip(self) -> None:
        """PostgreSQL waits for more: a trip has ended, and with it what nobody listens to.

        Where there was no such message as the fault names, another trip will meet it.
        """
        if self.is_committing and self.is_left:
            raise Closed
        if self.is_committing and self.fault:
            self.relay.plan(self.fault)
        self.is_committing, self.fault = False, None

    def stop_listening(self) -> None:
        """Nothing that PostgreSQL says from here on is passed on."""
        self.is_deaf = True


def exactly(side: socket.socket, number: int) -> bytes:
    found = b""
    while len(found) < number:
        more = side.recv(number - len(found))
        if not more:
            raise Closed
        found += more
    return found


# --- What can be done ----------------------------------------------------------------------------


def cut(conversation: Conversation) -> None:
    """Close both sides at once. What PostgreSQL has got, it still does."""
    raise Closed


def shut(conversation: Conversation) -> None:
    """Lose the answer, and let nobody connect from then on."""
    conversation.relay.is_shut = True
    lose_the_answer(conversation)


def lose_the_answer(conversation: Conversation) -> None:
    """Close the app's side; PostgreSQL gets the rest of the trip, and does it."""
    conversation.stop_listening()
    conversation.is_left = True
    with suppress(OSError):
        conversation.here.shutdown(socket.SHUT_RDWR)


def fall_silent(conversation: Conversation) -> None:
    """Let the app wait, on a connection that stays open; PostgreSQL gets the rest of the trip."""
    conversation.stop_listening()


def freeze(conversation: Conversation) -> None:
    """Pass nothing on in either direction, on connections that stay open."""
    conversation.relay.ended.wait(PATIENCE)
    raise Closed


def stall(seconds: float) -> Callable[[Conversation], None]:
    """Pass nothing on for so long, and then everything."""

    def wait(conversation: Conversation) -> None:
        time.sleep(seconds)

    wait.__name__ = f"stall {seconds} s"
    return wait


def end(sqlstate: str) -> Callable[[Conversation], None]:
    """Say FATAL to the app and close both sides, as a server that ends a session."""

    def speak(conversation: Conversation) -> None:
        conversation.here.sendall(error("FATAL", sqlstate, "said by the relay"))
        raise Closed

    speak.__name__ = f"ended with {sqlstate}"
    return speak


def say(severity: str, sqlstate: str, *, is_closed: bool = True) -> Callable[[Conversation], None]:
    """Say to the app that it failed, and close its side; PostgreSQL goes on and commits."""

    def speak(conversation: Conversation) -> None:
        conversation.here.sendall(error(severity, sqlstate, "said by the relay"))
        (lose_the_answer if is_closed else fall_silent)(conversation)

    speak.__name__ = f"{severity} {sqlstate}{'' if is_closed else ' and silence'}"
    return speak


# --- In a process of tests -----------------------------------------------------------------------


@contextmanager
def relayed() -> Iterator[Relay]:
    """Have all new connections of this process to its database go through a relay."""
    connection.ensure_connection()
    info = connection.connection.info
    host = info.host
    with Relay(make_conninfo(info.dsn, host=host, port=info.port)) as relay:
        connection.close()
        way = {"host": str(relay.folder), "port": "5432"}
        connect = psycopg.connect

        def divert(*words: Any, **given: Any) -> Any:
            is_ours = given.get("host") == host
            return connect(*words, **{**given, **way} if is_ours else given)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(psycopg, "connect", divert)
            yield relay
            connection.close()


def every(ats: Sequence[str], *actions: Callable[[Conversation], None]) -> list[Fault]:
    """Each action before each of the messages."""
    return [Fault(at, do) for at in ats for do in actions]
