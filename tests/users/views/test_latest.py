"""Requests that wait for the next event of a client share a look, and leave room for others."""

from __future__ import annotations

from contextlib import ExitStack
from uuid import uuid4

from iocash.http.waiting import MOST
from users.views.latest import MOST_OF_CLIENT, Latest


def test_one_client_leaves_room_for_another() -> None:
    latest, busy, other = Latest(), uuid4(), uuid4()
    with ExitStack() as waiting:
        allowed = [waiting.enter_context(latest.of(busy)) for _ in range(MOST + 1)]
        assert allowed == [True] * MOST_OF_CLIENT + [False] * (MOST + 1 - MOST_OF_CLIENT)
        assert MOST_OF_CLIENT < MOST
        with latest.of(other) as may_wait:
            assert may_wait
    with latest.of(busy) as may_wait:
        assert may_wait
    assert not latest.waiting
