"""What tests of clients share: kill the server while they pay, and count what was paid."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

from iocash_client import Client, new_key
from iocash_client.engine import Engine, Request, Success

from tests.support.server import Served


class ForgetfulEngine(Engine):
    """The control: it makes a new key for each try."""

    def attempt(self, request: Request, credentials: Any, end: float) -> Success:
        request.key = request.key and new_key()
        return super().attempt(request, credentials, end)


def kill_until(is_over: Callable[[float], bool], server: Served, pause: float) -> int:
    """Kill the whole server after each pause, and start it again on its port; return how often.

    `is_over` waits so many seconds and tells whether all payments were tried. The server ends with
    the thread that starts it, so this must be the main thread.
    """
    kills = 0
    while not is_over(pause):
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()
        kills += 1
        server.__enter__()
    return kills


def references(client: Client, prefix: str) -> Counter[str]:
    """How often each reference was paid."""
    listed = client.list_all_movements(type=["TRANSFER"], direction="OUT")
    return Counter(
        each.reference for each in listed if each.reference and each.reference.startswith(prefix)
    )
