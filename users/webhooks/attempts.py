"""One attempt to send one event: the signed request, and what came of it."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from iocash import traces
from iocash.db.transactions import as_rows, from_json
from users import signatures
from users.models import WebhookAttempt, WebhookEndpoint
from users.models.ids import new_id
from users.webhooks.sending import Failure, Reply, Sender, SendingFailed

DELAYS: Final = (5, 300, 1800, 7200, 18_000, 36_000, 36_000, 86_400, 86_400)
"""Seconds after each failure, until the next attempt; ±20 %."""
LONGEST_PAUSE: Final = 86_400
"""Seconds that a receiver can ask for with `Retry-After`."""
BUSY: Final = frozenset({429, 503})
"""Statuses whose `Retry-After` is about the receiver, not about one event."""
GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is sent: an event, or a ping."""

    id: UUID
    kind: str
    body: bytes
    trace: str | None = None
    """Of the request that caused the event."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """What came of an attempt; a row of `WebhookAttempt`."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    kind: str
    number: int
    created_at: datetime
    milliseconds: int
    status: int | None
    failure: str
    detail: str
    answer: str
    pause: float = 0.0
    """Seconds that the receiver asked for."""

    @property
    def is_success(self) -> bool:
        return not self.failure


@traces.spanned("webhook_attempt")
def try_once(
    sender: Sender, endpoint: WebhookEndpoint, keys: Sequence[str], message: Outgoing, number: int
) -> Attempted:
    """Send a message once, signed with these secrets. A retry belongs to the same trace."""
    begun, clock = datetime.now(UTC), time.monotonic()
    headers = {"Content-Type": "application/json"}
    if parent := traces.onward(message.trace):
        headers["traceparent"] = parent
    headers |= signatures.signed_headers(*keys, id_=str(message.id), body=message.body)
    found: dict[str, Any]
    try:
        reply = sender.post(headers, message.body)
        found = result_of(reply)
    except SendingFailed as failed:
        found = {"status": None, "failure": str(failed.failure), "detail": str(failed)[:200]}
    return Attempted(
        id=new_id(),
        endpoint_id=endpoint.id,
        event_id=message.id,
        kind=message.kind,
        number=number,
        created_at=begun,
        milliseconds=round((time.monotonic() - clock) * 1000),
        **{"detail": "", "answer": "", **found},
    )


def result_of(reply: Reply) -> dict[str, Any]:
    """What an attempt records of an answer; of a successful one, the status only."""
    if reply.is_success:
        return {"status": reply.status, "failure": ""}
    return {
        "status": reply.status,
        "failure": str(Failure.STATUS),
        "answer": as_text(reply.body),
        "pause": seconds_of(reply.retry_after),
    }


def as_text(body: bytes) -> str:
    """The beginning of a body as text; characters that can't be shown are replaced."""
    text = body[: 4 * WebhookAttempt.LONGEST_ANSWER].decode(errors="replace")
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown[: WebhookAttempt.LONGEST_ANSWER].strip()


def seconds_of(retry_after: str) -> float:
    """The seconds of a `Retry-After`, a number or a date; 0: there is none that makes sense."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), LONGEST_PAUSE))
    try:
        then = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(then - time.time(), 0.0), LONGEST_PAUSE)


def delay_after(number: int, pause: float) -> float | None:
    """Seconds until the attempt after this one; None: it was the last."""
    if number > len(DELAYS):
        return None
    spread = random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
    return max(DELAYS[number - 1] * spread, pause)


COLUMNS: Final = {
    "id": "uuid",
    "endpoint_id": "uuid",
    "event_id": "uuid",
    "kind": "text",
    "number": "smallint",
    "created_at": "timestamptz",
    "milliseconds": "integer",
    "status": "smallint",
    "failure": "text",
    "detail": "text",
    "answer": "text",
}
INSERT: Final = "INSERT INTO users_webhookattempt " + from_json(COLUMNS)


def store_attempts(attempts: Sequence[Attempted]) -> None:
    """Write attempts, in one statement."""
    if attempts:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [as_rows(attempts)])
