"""Leases: which process works on which stream.

A process takes a stream with something to do for a few seconds, and renews this while it works. A
process that is killed loses its streams when the time is over. A lease has a number, and each
write is conditional on it: a process that was stopped for longer than its lease can't write any
more. It may still send what another process sends too; `webhook-id` tells the receiver.

Streams take turns, and a client has a few at the same time. Endpoints that answer quickly have
turns of their own; see `users.webhooks.dispatch`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

LEASE: Final = 5.0
"""Seconds."""
STALLED: Final = 20
"""Failures in a row after which new events wait behind the position, and rows alone are retried."""

MOST_OF_CLIENT: Final = 4
"""Streams of a client that a process works on at the same time, of the quick and of the others."""

CLAIM: Final = f"""
    WITH candidate AS (
        SELECT stream.id, endpoint.client_id, endpoint.failures > 0 AS fails, coalesce(
                   busy.number, 0
               ) + row_number() OVER (
                   PARTITION BY endpoint.client_id ORDER BY stream.leased_until NULLS FIRST
               ) AS turn
        FROM users_webhookstream AS stream
        JOIN users_webhookendpoint AS endpoint ON endpoint.id = stream.endpoint_id
        JOIN users_client AS client
            ON client.id = endpoint.client_id AND client.status = 'ACTIVE'
        LEFT JOIN unnest(%(clients)s::uuid[], %(numbers)s::bigint[]) AS busy (client_id, number)
            ON busy.client_id = endpoint.client_id
        WHERE stream.ended_at IS NULL
          AND (endpoint.id = ANY(%(quick)s::uuid[])) = %(is_quick)s
          AND (stream.leased_until IS NULL OR stream.leased_until < clock_timestamp())
          AND (
              endpoint.ping_id IS NOT NULL AND stream.until IS NULL
              OR endpoint.status = 'ENABLED'
                AND (endpoint.paused_until IS NULL OR endpoint.paused_until <= clock_timestamp())
                AND (
                    EXISTS (
                        SELECT FROM users_webhookdelivery AS waiting
                        WHERE waiting.stream_id = stream.id AND waiting.status = 'WAITING'
                          AND waiting.next_attempt_at <= clock_timestamp()
                    )
                    OR (
                        endpoint.failures < {STALLED}
                        OR NOT EXISTS (
                            SELECT FROM users_webhookdelivery AS waiting
                            WHERE waiting.stream_id = stream.id AND waiting.status = 'WAITING'
                        )
                    ) AND EXISTS (
                        SELECT FROM users_event AS event
                        WHERE event.client_id = endpoint.client_id
                          AND event.position > stream.position
                          AND event.position <= least(%(released)s, stream.until)
                    )
                )
          )
    ), due AS (
        SELECT stream.id, candidate.client_id
        FROM users_webhookstream AS stream JOIN candidate ON candidate.id = stream.id
        WHERE candidate.turn <= {MOST_OF_CLIENT}
          AND (stream.leased_until IS NULL OR stream.leased_until < clock_timestamp())
        ORDER BY candidate.fails, candidate.turn, stream.leased_until NULLS FIRST
        LIMIT %(most)s
        FOR NO KEY UPDATE OF stream SKIP LOCKED
    )
    UPDATE users_webhookstream AS stream
    SET lease = stream.lease + 1, leased_until = clock_timestamp() + %(seconds)s * interval '1 s'
    FROM due WHERE stream.id = due.id
    RETURNING stream.id, stream.endpoint_id, stream.lease, due.client_id
"""  # noqa: S608 (a constant)
"""The streams that were free for longest come first, one of each client before any second one.
Failing endpoints come last."""
RENEW: Final = """
    UPDATE users_webhookstream AS stream
    SET leased_until = clock_timestamp() + %(seconds)s * interval '1 s'
    FROM unnest(%(ids)s::uuid[], %(numbers)s::bigint[]) AS held (id, lease)
    WHERE stream.id = held.id AND stream.lease = held.lease
    RETURNING stream.id
"""
FREE: Final = """
    UPDATE users_webhookstream SET lease = lease + 1, leased_until = clock_timestamp()
    WHERE id = %s AND lease = %s
"""
"""The number changes, so that a renewal at the same time does not take the stream again."""
MOVE: Final = """
    UPDATE users_webhookstream SET position = greatest(position, %s) WHERE id = %s AND lease = %s
"""
"""The fence: no other write of a round is made unless this changes a row."""


class Lease(NamedTuple):
    """A stream that this process may work on, by the number of the lease."""

    stream_id: UUID
    endpoint_id: UUID
    number: int
    client_id: UUID


class LeaseLost(Exception):
    """Another process has the stream. Nothing was written."""


def claim_streams(
    released: int,
    most: int,
    *,
    quick: Iterable[UUID] = (),
    is_quick: bool = False,
    working: Iterable[Lease] = (),
) -> list[Lease]:
    """Take free streams that have something to do.

    `quick` are endpoints: their streams are taken, or those of all others. `working` are the
    leases of this process, which count for their clients.
    """
    busy = Counter(lease.client_id for lease in working)
    about: dict[str, Any] = {
        "quick": [*quick],
        "is_quick": is_quick,
        "released": released,
        "most": most,
    }
    about |= {"clients": [*busy], "numbers": [*busy.values()], "seconds": LEASE}
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, about)
        return [Lease(*row) for row in cursor.fetchall()]


def renew_leases(held: Iterable[Lease]) -> set[UUID]:
    """Take leases for longer; return the streams that are still held."""
    every = list(held)
    ids, numbers = [each.stream_id for each in every], [each.number for each in every]
    with connection.cursor() as cursor:
        cursor.execute(RENEW, {"ids": ids, "numbers": numbers, "seconds": LEASE})
        return {row[0] for row in cursor.fetchall()}


def free_stream(lease: Lease) -> None:
    """Give a stream back; if another process has it, nothing is changed."""
    with connection.cursor() as cursor:
        cursor.execute(FREE, [lease.stream_id, lease.number])


def move_stream(lease: Lease, position: int) -> None:
    """Set the position of a stream, in the transaction of a round, which locks its row.

    Raises:
        LeaseLost: the lease is not the last one.
    """
    with connection.cursor() as cursor:
        cursor.execute(MOVE, [position, lease.stream_id, lease.number])
        if cursor.rowcount != 1:
            raise LeaseLost
