"""What the processes of a server count: requests, refusals, and groups of orders.

`iocash.wsgi` starts it. In other processes nothing is counted, and the functions do nothing.
`/metrics` (`wallets.dashboard.metrics`) shows the sums over all processes of the server.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from iocash import errors
from iocash.metrics import places
from iocash.metrics.store import DROPPED, SUM, Store
from iocash.metrics.text import Family, Sample

log = logging.getLogger(__name__)

REQUESTS: Final = Family(
    "iocash_request_duration_seconds",
    "histogram",
    "Time to answer a request, by the name of its URL pattern, its method and its status.",
    ("route", "method", "status"),
    (0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
REFUSALS: Final = Family(
    "iocash_refusals_total",
    "counter",
    "Errors that were answered, by their code and status.",
    ("code", "status"),
)
DATABASE_ERRORS: Final = Family(
    "iocash_database_errors_total",
    "counter",
    "Errors of the database behind a 503, by their SQLSTATE; 53100: its disk is full.",
    ("sqlstate",),
)
GROUPS: Final = Family(
    "iocash_group_orders",
    "histogram",
    "Orders that were committed together.",
    (),
    (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0, 128.0, 200.0),
)
RUNNING: Final = Family("iocash_requests_in_progress", "gauge", "Requests that are being answered.")
PROCESSES: Final = Family(
    "iocash_server_processes", "gauge", "Processes of this server that have answered something."
)
LOST: Final = Family(
    DROPPED[0], "counter", "Numbers that found no room: the other figures lack them."
)
FAMILIES: Final = (REQUESTS, REFUSALS, DATABASE_ERRORS, GROUPS, RUNNING, PROCESSES, LOST)

CLASSES: Final = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx")
SERVER_ERROR: Final = 500
DISK_FULL: Final = "53100"
"""The SQLSTATE of a database that has no room."""


class Meter:
    """The numbers of this process, once it serves."""

    def __init__(self) -> None:
        self.store: Store | None = None

    def start(self, folder: str) -> None:
        """Begin to count, in the file of this server. If it can't be used, in this process only."""
        try:
            self.store = Store(places.file_of_server(folder))
        except (OSError, places.UnsafeFolder) as error:
            log.warning("metrics are those of each process alone: %s", error)
            self.store = Store(None)
        self.store.living()  # it has its slot from now on


METER: Final = Meter()


def begin_request() -> None:
    if store := METER.store:
        store.run(1)


def end_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count a request that was answered. `route` is the name of a URL pattern.

    A method that it does not take must be `other`: strangers choose it.
    """
    if store := METER.store:
        key = (REQUESTS.name, route, method, CLASSES[status // 100])
        store.observe(key, REQUESTS.bounds, seconds, running=-1)


def count_error(code: str, status: int) -> None:
    if store := METER.store:
        store.add((REFUSALS.name, code, str(status)))


def count_database_error(sqlstate: str) -> None:
    if store := METER.store:
        store.add((DATABASE_ERRORS.name, sqlstate))


def observe_group(orders: int) -> None:
    if store := METER.store:
        store.observe((GROUPS.name,), GROUPS.bounds, orders)


def counted_samples() -> Iterator[Sample]:
    """The sums over all processes of the server; nothing where nothing is counted."""
    store = METER.store
    if store is None:
        return
    found, running = store.totals(), store.living()
    found[DROPPED] = [sum(found[DROPPED][:SUM])]
    for kind in errors.REGISTRY.values():  # a counter that appears with its first error hides it
        if kind.status >= SERVER_ERROR:
            found.setdefault((REFUSALS.name, kind.code, str(kind.status)), [0.0])
    found.setdefault((DATABASE_ERRORS.name, DISK_FULL), [0.0])
    for key, values in found.items():
        yield Sample(key[0], key[1:], tuple(values))
    yield Sample(RUNNING.name, (), (float(sum(running)),))
    yield Sample(PROCESSES.name, (), (float(len(running)),))
