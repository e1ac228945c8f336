"""Requests that wait for something to happen (long polls).

A waiting request keeps its thread, so only a few wait in a process, and the others are answered at
once. It keeps no connection to the database. When the process is told to end, waiting ends too.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from threading import BoundedSemaphore
from typing import Final

from django.db import connection

LONGEST: Final = 20
"""Seconds; proxies give up after 30 or more."""
MOST: Final = 4
"""The most threads of a process that wait."""
PAUSE: Final = 0.2
"""Seconds between two looks."""

ROOM: Final = BoundedSemaphore(MOST)


class Ending:
    """Whether the process was told to end, as its signal handlers are.

    The server sets its handlers after it has loaded the application. The interpreter also writes a
    byte into a pipe for each handled signal (`signal.set_wakeup_fd`); it is never read.
    """

    def __init__(self) -> None:
        self.pipe: tuple[int, int] | None = None

    def listen(self) -> None:
        """Begin to listen, in the main thread; in another one nothing happens."""
        if threading.current_thread() is not threading.main_thread():
            return
        if self.pipe:
            for end in self.pipe:
                os.close(end)
        self.pipe = os.pipe()
        os.set_blocking(self.pipe[1], False)
        signal.set_wakeup_fd(self.pipe[1], warn_on_full_buffer=False)

    def wait(self, seconds: float) -> bool:
        """Wait for so long; return whether the process was told to end."""
        if self.pipe is None:
            time.sleep(seconds)
            return False
        return bool(select.select([self.pipe[0]], [], [], seconds)[0])


ENDING: Final = Ending()


def listen() -> None:
    """Let signals end what waits in this process, and in processes that it forks."""
    ENDING.listen()
    os.register_at_fork(after_in_child=ENDING.listen)


def wait_for(is_there: Callable[[], bool], seconds: float) -> bool:
    """Wait until `is_there`, for so many seconds at most; return whether it is.

    It is False at once if MOST threads wait, and if the process is told to end.
    """
    if not ROOM.acquire(blocking=False):
        return False
    try:
        return look_again(is_there, time.monotonic() + seconds)
    finally:
        ROOM.release()


def look_again(is_there: Callable[[], bool], until: float) -> bool:
    close_connection()
    while (left := until - time.monotonic()) > 0:
        if ENDING.wait(min(left, PAUSE)):
            return False
        if is_there():
            return True
    return False


def close_connection() -> None:
    """Give back this thread's connection to the database, unless a transaction is open on it."""
    if not connection.in_atomic_block:
        with suppress(Exception):  # it is only closed
            connection.close()
