"""The webhook endpoint of the demo: its receiver takes some events, and is then gone.

The requests are real. The receiver runs on this machine while the demo is made. Afterwards the
endpoint is disabled, as that of a client who has moved.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import Max

from iocash.db import clock
from users.duties.webhooks import render_events, render_ping
from users.models import Event
from users.models.events import By
from users.webhooks import endpoints
from users.webhooks.dispatch import Dispatcher
from users.webhooks.leases import LEASE, claim_streams

TAKEN: Final = 40
"""Requests that the receiver takes; of later ones it says that it is gone."""
BUSY_EVERY: Final = 9
"""Of these, each so many is answered with 503."""
PERIOD: Final = timedelta(days=2)


class Shop(BaseHTTPRequestHandler):
    """A receiver of a client."""

    protocol_version = "HTTP/1.1"
    requests: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append(self.headers["webhook-id"])
        number = len(self.requests)
        status = 410 if number > TAKEN else 503 if number % BUSY_EVERY == 0 else 200
        body = {410: b"This shop has moved.", 503: b"Try again later."}.get(status, b"")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The command that makes the demo prints nothing of this."""


@contextmanager
def open_shop() -> Iterator[str]:
    """Receive until the end of the block, at this URL."""
    Shop.requests.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/webhooks"
        finally:
            server.shutdown()
            thread.join()


def add_endpoint(client_id: UUID, by: By) -> None:
    """Create the endpoint, and send it the events of the last days."""
    with open_shop() as url:
        values = {"url": url, "kinds": ["movement.*"], "ordering": "WALLET", "description": "Shop"}
        endpoint = endpoints.create_endpoint(client_id=client_id, values=values, by=by).endpoint
        endpoints.request_ping(client_id=client_id, endpoint_id=endpoint.id)
        send_all()
        since = {"from_time": clock.now() - PERIOD}
        endpoints.request_replay(client_id=client_id, endpoint_id=endpoint.id, values=since)
        send_all()


def send_all() -> None:
    """Do what workers do, until nothing is due."""
    dispatcher = Dispatcher(render_events, render_ping, last_position)
    while leases := claim_streams(last_position(), 1):
        for lease in leases:
            dispatcher.stepped_at = time.monotonic()
            dispatcher.leases[lease] = dispatcher.stepped_at + LEASE
            dispatcher.work(lease)
    dispatcher.close()


def last_position() -> int:
    return int(Event.objects.aggregate(last=Max("position"))["last"] or 0)
