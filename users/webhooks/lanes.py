"""What a round sends: the events of a stream, divided into lanes.

A lane is a wallet, or the subject of an event without a wallet; without an ordering, each event. In
a lane one event is sent after the other. Lanes are sent at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from users.models import Event, WebhookDelivery, WebhookEndpoint, WebhookStream
from users.models.events import EventKind
from users.models.webhooks import wanted
from users.webhooks.attempts import Attempted, Outgoing
from users.webhooks.endpoints import WAITING, RealTime
from users.webhooks.leases import STALLED, Lease, LeaseLost

BATCH: Final = 400
"""New events of a round at most."""
MOST_RETRIES: Final = 50
"""Waiting rows of a round."""
MOST_BEHIND: Final = 50
"""Events of a round that follow one which waited."""
SPAN: Final = 20_000
"""Positions that a round looks through for events."""

Render = Callable[[Sequence[Event]], Sequence[bytes]]
"""Writes the bodies of events."""


@dataclass(slots=True)
class Lane:
    """Events that are sent one after the other, and what came of them."""

    id: UUID
    row: WebhookDelivery | None = None
    """The row that holds the lane back, if it is retried now."""
    events: list[Event] = field(default_factory=list)
    behind: int = 0
    """Of a lane with a row: the position up to which `events` are complete."""
    sent: int = 0
    """How many events were sent."""
    attempts: list[Attempted] = field(default_factory=list)

    @property
    def is_single(self) -> bool:
        """Whether it is one event that holds back nothing: a resend, or without an ordering."""
        row = self.row
        return row is not None and row.event_id == row.lane

    @property
    def is_finished(self) -> bool:
        return self.sent == len(self.events)

    @property
    def failed(self) -> Attempted | None:
        """The attempt that stopped the lane."""
        last = self.attempts[-1] if self.attempts else None
        return last if last and not last.is_success else None

    @property
    def next(self) -> Event:
        """The first event that was not sent."""
        return self.events[self.sent]

    def number(self) -> int:
        """The number of the next attempt: of a retry, one more than its row says."""
        retried = self.row and not self.sent and self.row.event_id == self.next.id
        return (self.row.attempts if self.row and retried else 0) + 1


@dataclass(slots=True)
class Round:
    """What a process does at once for a stream."""

    lease: Lease
    stream: WebhookStream
    endpoint: WebhookEndpoint
    lanes: list[Lane]
    position: int
    """The position of the stream when all lanes are sent, or have a row."""
    messages: dict[UUID, Outgoing]
    is_full: bool
    """Whether there may be more to do at once. A few new events wait for the next step, so that
    rounds are not many and small: each is a transaction."""

    @property
    def attempts(self) -> list[Attempted]:
        return [each for lane in self.lanes for each in lane.attempts]

    @property
    def is_empty(self) -> bool:
        return not self.lanes and self.position == self.stream.position


def load_round(lease: Lease, released: int, render: Render, most: int = BATCH) -> Round:
    """Read what a stream has to do now, with so many new events and so many retries at most.

    Raises:
        LeaseLost: another process has the stream.
    """
    found = WebhookStream.objects.select_related("endpoint__client").filter(
        id=lease.stream_id, lease=lease.number
    )
    stream = found.first()
    if stream is None:
        raise LeaseLost
    endpoint = stream.endpoint
    if not is_sendable(endpoint):
        return Round(lease, stream, endpoint, [], stream.position, {}, is_full=False)
    kinds = [kind for kind in EventKind if wanted(endpoint.kinds, kind)]
    retried = waiting_lanes(stream, kinds, min(most, MOST_RETRIES))
    new, position = new_events(stream, kinds, released, min(most, BATCH))
    lanes = join_lanes(stream, retried, new)
    events = [event for lane in lanes for event in lane.events]
    bodies = render(events)
    messages = {
        event.id: Outgoing(event.id, event.kind, body, event.trace)
        for event, body in zip(events, bodies, strict=True)
    }
    end = min(released, released if stream.until is None else stream.until)
    is_full = bool(retried) or len(new) >= min(most, BATCH) or stream.position < position < end
    return Round(lease, stream, endpoint, lanes, position, messages, is_full)


def is_sendable(endpoint: WebhookEndpoint) -> bool:
    """Tell whether an endpoint of an active client is enabled, and its receiver asked no pause."""
    pause = endpoint.paused_until
    is_paused = pause is not None and pause > timezone.now()
    if endpoint.client.is_suspended:
        return False
    return endpoint.status == WebhookEndpoint.Status.ENABLED and not is_paused


def lane_of(endpoint: WebhookEndpoint, event: Event) -> UUID:
    if endpoint.ordering == WebhookEndpoint.Ordering.NONE:
        return event.id
    return event.wallet_id or event.subject_id


def of_client(endpoint: WebhookEndpoint, kinds: Sequence[EventKind]) -> QuerySet[Event]:
    """The events of the endpoint, those about itself excepted: they would cause further ones."""
    mine = Event.objects.filter(client=endpoint.client_id).exclude(subject_id=endpoint.id)
    return mine if len(kinds) == len(EventKind) else mine.filter(kind__in=kinds)


def new_events(
    stream: WebhookStream, kinds: Sequence[EventKind], released: int, most: int
) -> tuple[list[Event], int]:
    """The next events of a stream, and the position up to which they are complete."""
    endpoint, begin = stream.endpoint, stream.position
    waiting = WebhookDelivery.objects.filter(stream=stream, status=WAITING)
    if endpoint.failures >= STALLED:
        most = 0 if waiting.exists() else 1
    upper = min(released, begin + SPAN)
    if stream.until is not None:
        upper = min(upper, stream.until)
    if upper <= begin or not most:
        return [], begin
    found = of_client(endpoint, kinds).filter(position__gt=begin, position__lte=upper)
    events = list(found.order_by("position")[:most])
    return events, events[-1].position if len(events) == most else upper


def waiting_lanes(stream: WebhookStream, kinds: Sequence[EventKind], most: int) -> list[Lane]:
    """The lanes whose row is due, with the events that follow in them up to the position."""
    due = WebhookDelivery.objects.filter(
        stream=stream, status=WAITING, next_attempt_at__lte=RealTime()
    ).order_by("next_attempt_at")
    rows = list(due[:most])
    of_rows = [row.position for row in rows if row.event_id]
    stopped = Event.objects.filter(client=stream.endpoint.client_id).in_bulk(of_rows)
    lanes = []
    for row in rows:
        events = [stopped[row.position]] if row.event_id else []
        lane = Lane(row.lane, row, events, row.position)
        if not lane.is_single:
            add_behind(lane, row, stream, kinds)
        lanes.append(lane)
    return lanes


def add_behind(
    lane: Lane, row: WebhookDelivery, stream: WebhookStream, kinds: Sequence[EventKind]
) -> None:
    """Add the events of a lane between its row and the position of the stream."""
    upper = min(stream.position, row.position + SPAN)
    if upper <= row.position:
        lane.behind = row.position
        return
    found = of_client(stream.endpoint, kinds).filter(position__gt=row.position, position__lte=upper)
    mine = found.alias(lane=Coalesce("wallet_id", "subject_id")).filter(lane=row.lane)
    events = list(mine.order_by("position")[:MOST_BEHIND])
    lane.events += events
    lane.behind = events[-1].position if len(events) == MOST_BEHIND else upper


def join_lanes(stream: WebhookStream, retried: list[Lane], new: list[Event]) -> list[Lane]:
    """Divide new events into lanes. Those of a lane that is held back stay behind its row."""
    endpoint = stream.endpoint
    lanes = {lane.id: lane for lane in retried if not lane.is_single}
    others = held_back(stream, {lane_of(endpoint, event) for event in new}) - lanes.keys()
    for event in new:
        name = lane_of(endpoint, event)
        if name in others:
            continue
        lane = lanes.setdefault(name, Lane(name))
        if lane.row is not None and (
            lane.behind < stream.position or event.position <= lane.behind
        ):
            continue
        lane.events.append(event)
    return [*(lane for lane in retried if lane.is_single), *lanes.values()]


def held_back(stream: WebhookStream, names: Iterable[UUID]) -> set[UUID]:
    """Those of some lanes that have a row."""
    found = WebhookDelivery.objects.filter(stream=stream, status=WAITING, lane__in=[*names])
    return set(found.values_list("lane", flat=True))
