"""What a round writes, in one transaction that only the process with the lease can commit.

Locks: the endpoint, then the stream, then its rows. Clients and staff lock in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from django.db.models import F
from django.utils import timezone

from iocash.db import clock
from iocash.db.transactions import single_transaction
from users.models import WebhookDelivery, WebhookEndpoint, WebhookStream, events
from users.models.events import By, EventKind, Fact
from users.models.ids import new_id
from users.webhooks.attempts import BUSY, GONE, Attempted, delay_after, store_attempts
from users.webhooks.endpoints import WAITING, RealTime, Reason, Status, disable, enable, fact
from users.webhooks.lanes import Lane, Round
from users.webhooks.leases import move_stream

BY: Final = By("system:webhooks")
PATIENCE: Final = timedelta(days=5)
"""An endpoint without a success for so long is disabled."""


def store_round(done: Round) -> None:
    """Write what came of a round.

    Raises:
        LeaseLost: another process has the stream; nothing was written.
    """
    attempts = done.attempts
    with single_transaction():
        if changes_health(done.endpoint, attempts):
            set_health(done.endpoint, attempts)
        move_stream(done.lease, reached(done))
        facts = store_lanes(done)
        store_attempts(attempts)
        if done.stream.until is not None:
            end_replay(done.stream)
        if facts:
            events.record_facts(*facts)


def reached(done: Round) -> int:
    """The new position of the stream.

    If everything fails, the events that were not tried stay behind it; so they need no rows.
    """
    if not is_hopeless(done):
        return done.position
    unsent = [lane.next.position for lane in done.lanes if not (lane.is_finished or lane.failed)]
    new = [position for position in unsent if position > done.stream.position]
    return min([done.position, *(position - 1 for position in new)])


def is_hopeless(done: Round) -> bool:
    attempts = done.attempts
    return bool(attempts) and not any(each.is_success for each in attempts)


PLACE: Final = ("position", "event_id", "attempts", "next_attempt_at")
"""The columns that say where a lane stopped."""

# --- Rows --------------------------------------------------------------------------------------


def store_lanes(done: Round) -> list[Fact]:
    """Write the rows of lanes; return what is to be recorded."""
    facts: list[Fact] = []
    new: list[WebhookDelivery] = []
    over: list[WebhookDelivery] = []
    limit = reached(done)
    for lane in done.lanes:
        if lane.is_finished and lane.row is None:
            continue
        if lane.is_finished and lane.row and is_level(lane, done):
            over.append(lane.row)
        elif not lane.failed and lane.row is None and lane.next.position > limit:
            continue  # it stays behind the position
        elif lane.row and not (lane.attempts or lane.is_finished):
            continue  # it was not retried yet
        else:
            new += store_lane(lane, done, facts)
    if over:
        WebhookDelivery.objects.filter(id__in=[row.id for row in over]).delete()
    if new:
        WebhookDelivery.objects.bulk_create(new, ignore_conflicts=True)
    return facts


def is_level(lane: Lane, done: Round) -> bool:
    """Tell whether a lane has nothing left up to the position of the stream."""
    return lane.is_single or lane.behind >= done.stream.position


def store_lane(lane: Lane, done: Round, facts: list[Fact]) -> list[WebhookDelivery]:
    """Write where a lane stopped, in its row; return rows to create."""
    row = lane.row or a_row(done, lane)
    failed = lane.failed
    if failed is None:
        go_on_behind(row, lane)
    else:
        delay = delay_after(failed.number, failed.pause)
        row.position, row.event_id = lane.next.position, failed.event_id
        row.attempts = failed.number
        if delay is None:
            return give_up(row, lane, done, facts)
        row.next_attempt_at = due_in(delay)
    if lane.row is None:
        return [row]
    row.save(update_fields=[*PLACE])
    return []


def a_row(done: Round, lane: Lane) -> WebhookDelivery:
    return WebhookDelivery(
        id=new_id(), endpoint=done.endpoint, stream=done.stream, lane=lane.id, status=WAITING
    )


def go_on_behind(row: WebhookDelivery, lane: Lane) -> None:
    """Let the next round go on with a lane that was not finished, or not read to its end."""
    row.attempts, row.next_attempt_at = 0, due_in(0)
    if lane.is_finished:
        row.position, row.event_id = lane.behind, None
    elif lane.sent:
        row.position, row.event_id = lane.events[lane.sent - 1].position, None
    elif lane.row is None:
        row.position, row.event_id = lane.next.position - 1, None


def give_up(
    row: WebhookDelivery, lane: Lane, done: Round, facts: list[Fact]
) -> list[WebhookDelivery]:
    """Keep a delivery as failed, and let its lane go on behind it."""
    row.status, row.next_attempt_at = WebhookDelivery.Status.FAILED, None
    row.failed_at = RealTime()
    row.save(update_fields=[*PLACE, "status", "failed_at"])
    kind = EventKind.WEBHOOK_ENDPOINT_DELIVERY_FAILED
    facts.append(fact(done.endpoint, kind, BY, event=str(row.event_id)))
    if row.lane == row.event_id:
        return []
    following = a_row(done, lane)
    following.position, following.next_attempt_at = row.position, due_in(0)
    return [following]


def due_in(seconds: float) -> Any:
    return RealTime() + timedelta(seconds=seconds)


def end_replay(stream: WebhookStream) -> None:
    """End a replay of which nothing is left."""
    waiting = WebhookDelivery.objects.filter(stream=stream, status=WAITING)
    if not waiting.exists():
        mine = WebhookStream.objects.filter(id=stream.id, ended_at=None)
        mine.filter(position=F("until")).update(ended_at=RealTime())


# --- Health ------------------------------------------------------------------------------------


def changes_health(endpoint: WebhookEndpoint, attempts: Iterable[Attempted]) -> bool:
    has_failed = any(not each.is_success for each in attempts)
    return has_failed or bool(endpoint.failures or endpoint.failing_since)


def set_health(endpoint: WebhookEndpoint, attempts: list[Attempted]) -> None:
    """Count failures in a row, and disable an endpoint that is gone or only fails."""
    found = WebhookEndpoint.objects.locked(endpoint.id)
    if found is None or not attempts:
        return
    failed = [each for each in attempts if not each.is_success]
    if len(failed) < len(attempts):
        found.failures, found.failing_since = 0, None
    else:
        found.failures += len(failed)
        found.failing_since = found.failing_since or timezone.now()
    pause = max((each.pause for each in failed if each.status in BUSY), default=0.0)
    found.paused_until = timezone.now() + timedelta(seconds=pause) if pause else None
    found.save(update_fields=["failures", "failing_since", "paused_until"])
    if found.status == Status.ENABLED:
        disable_if_hopeless(found, failed)


def disable_if_hopeless(endpoint: WebhookEndpoint, failed: list[Attempted]) -> None:
    since = endpoint.failing_since
    if any(each.status == GONE for each in failed):
        disable(endpoint, Reason.GONE, BY)
    elif since is not None and since <= timezone.now() - PATIENCE:
        disable(endpoint, Reason.FAILING, BY)


def store_ping(endpoint: WebhookEndpoint, done: Attempted) -> None:
    """Write what came of a ping; a success enables an endpoint that is PENDING."""
    with single_transaction():
        found = WebhookEndpoint.objects.locked(endpoint.id)
        if found is None or found.ping_id != done.event_id:
            return
        found.ping_id = None
        found.save(update_fields=["ping_id"])
        store_attempts([done])
        if done.is_success and found.url == endpoint.url:
            found.verified_at = found.verified_at or clock.now()
            found.save(update_fields=["verified_at"])
            if found.status == Status.PENDING:
                enable(found, BY)
