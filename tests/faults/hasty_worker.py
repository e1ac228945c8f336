"""A worker with two bugs, which the fault test must see: it forgets failures, and reads too far.

`python -m tests.faults.hasty_worker`. It moves the position behind what failed without a row, and
reads events that are not released.
"""

from __future__ import annotations

import time
from typing import Any

import django

django.setup()

from django.db.models import Max  # noqa: E402

from users.duties.webhooks import render_events, render_ping  # noqa: E402
from users.models import Event  # noqa: E402
from users.webhooks import results  # noqa: E402
from users.webhooks.dispatch import Dispatcher  # noqa: E402


def last_position() -> int:
    return int(Event.objects.aggregate(last=Max("position"))["last"] or 0)


def store_nothing(done: Any) -> list[Any]:
    return []


def work() -> None:
    results.store_lanes = store_nothing
    dispatcher = Dispatcher(render_events, render_ping, last_position)
    while True:
        dispatcher.step()
        time.sleep(0.02)


if __name__ == "__main__":
    work()
