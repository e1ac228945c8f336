"""What the database says to those who watch the server: one statement, bounded by indexes.

`/metrics` shows it. Nothing is counted further than to `MOST`. Ages are in seconds; those of users'
money are by the clock of the database, those of our own processes by the real clock.
"""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections

from iocash import logs
from iocash.db import groups
from iocash.db.backend.base import impatient
from iocash.db.transactions import fetch
from iocash.metrics.text import Sample
from users.models.duties import ARCHIVE
from wallets.anchors.folder import newest_anchor, newest_full_anchor
from wallets.dashboard.families import (
    ANCHOR,
    ANCHORS,
    FOLDER_FREE,
    FOLDER_SIZE,
    FULL_ANCHOR,
    UP,
)

MOST: Final = 10_000
"""How far rows are counted."""
MOVED: Final = "SELECT id FROM users_client WHERE status = 'MOVED'"
HERE: Final = "(client_id IN (SELECT id FROM moved)) IS NOT TRUE"
"""What has moved to another group is counted there. Its rows here stay as they were at the move, so
what waits would wait for ever."""
OF_MOVED: Final = """
    SELECT id FROM users_webhookendpoint WHERE client_id IN (SELECT id FROM moved)
"""
PATIENCE: Final = 2.0
"""Seconds to wait for the database. Those who watch must be answered when it does not."""
FOLDERS: Final = ("DOCUMENTS_DIR", "ANCHORS_DIR", "BANK_FILES_DIR")
"""The settings whose folders need room."""


def counted(name: str, rows: str) -> str:
    """A question for the number of rows and the age of the oldest one. Their column is `since`."""
    return f"""
        SELECT figure.* FROM (
            SELECT count(*) AS number, min(since) AS since FROM ({rows} LIMIT {MOST}) AS waiting
        ) AS found CROSS JOIN LATERAL (VALUES
            ('{name}', '{{}}'::text[], number::float8),
            ('{name}_oldest_seconds', '{{}}'::text[],
             coalesce(greatest(0, extract(epoch FROM iocash_now() - since)), 0)::float8)
        ) AS figure (name, labels, value)
    """


OUTBOX: Final = f"""
    SELECT figure.* FROM users_barrier AS barrier CROSS JOIN LATERAL (VALUES
        ('iocash_outbox_events', greatest(0, coalesce(
            pg_sequence_last_value('users_event_position_seq'), 0) - released_position)::float8),
        ('iocash_outbox_age_seconds', coalesce(greatest(0, extract(epoch FROM iocash_now() - (
            SELECT created_at FROM users_event
            WHERE position > barrier.released_position AND {HERE}
            ORDER BY position LIMIT 1))), 0)::float8),
        ('iocash_outbox_held_back_seconds', CASE
            WHEN barrier_xid > pg_snapshot_xmin(pg_current_snapshot())
             AND barrier_xid < pg_snapshot_xmax(pg_current_snapshot())
            THEN greatest(0, extract(epoch FROM iocash_now() - barrier_at)) ELSE 0 END::float8)
    ) AS shown (name, value) CROSS JOIN LATERAL (
        VALUES (shown.name, '{{}}'::text[], shown.value)) AS figure (name, labels, value)
"""
"""A client that comes from another group brings its positions, and is not here yet."""
STREAMS: Final = """
    SELECT first.created_at AS since
    FROM users_webhookstream AS stream
    JOIN users_webhookendpoint AS endpoint
        ON endpoint.id = stream.endpoint_id AND endpoint.status = 'ENABLED'
    JOIN users_client AS client ON client.id = endpoint.client_id AND client.status = 'ACTIVE'
    CROSS JOIN users_barrier AS barrier
    CROSS JOIN LATERAL (
        SELECT created_at FROM users_event AS event
        WHERE event.client_id = endpoint.client_id AND event.position > stream.position
          AND event.position <= least(barrier.released_position, stream.until)
        ORDER BY event.position LIMIT 1
    ) AS first
    WHERE stream.ended_at IS NULL
"""
DELIVERIES: Final = f"""
    SELECT created_at AS since FROM users_webhookdelivery
    WHERE status = '{{}}' AND endpoint_id NOT IN ({OF_MOVED})
"""
ENDPOINTS: Final = f"""
    SELECT 'iocash_webhook_endpoints', ARRAY[state], count(endpoint.id)::float8
    FROM unnest('{{enabled,pending,client,staff,gone,failing}}'::text[]) AS state
    LEFT JOIN users_webhookendpoint AS endpoint
        ON lower(coalesce(nullif(endpoint.disabled_reason, ''), endpoint.status)) = state
        AND {HERE}
    GROUP BY state
    UNION ALL
    SELECT 'iocash_webhook_endpoints_just_disabled', '{{}}'::text[], count(*)::float8
    FROM users_webhookendpoint
    WHERE status = 'DISABLED' AND disabled_reason IN ('GONE', 'FAILING')
      AND updated_at > iocash_now() - interval '1 day' AND {HERE}
"""
SCHEDULES: Final = f"""
    SELECT next_at AS since FROM wallets_scheduledoperation
    WHERE status IN ('ACTIVE', 'PAUSED') AND trigger = '' AND next_at <= iocash_now()
      AND {HERE}
    ORDER BY next_at
"""
HOLDS: Final = f"""
    SELECT expires_at AS since FROM wallets_hold
    WHERE status = 'OPEN' AND expires_at <= iocash_now() AND {HERE}
    ORDER BY expires_at
"""
CASH_OUTS: Final = f"""
    WITH waiting AS (
        (SELECT id, sent_at, created_at, bank_file_id FROM wallets_movement
         WHERE status = 'PENDING' AND {HERE} ORDER BY created_at, id LIMIT {MOST // 2})
        UNION
        (SELECT id, sent_at, created_at, bank_file_id FROM wallets_movement
         WHERE status = 'PENDING' AND {HERE} ORDER BY created_at DESC, id DESC LIMIT {MOST // 2})
    ), state AS (
        SELECT CASE WHEN sent_at IS NOT NULL THEN 'sent'
                    WHEN bank_file_id IS NOT NULL THEN 'in_file' ELSE 'to_send' END AS state,
               coalesce(sent_at, created_at) AS since
        FROM waiting
    ), found AS (
        SELECT name.state, count(since) AS number, min(since) AS since
        FROM unnest('{{to_send,in_file,sent}}'::text[]) AS name (state)
        LEFT JOIN state USING (state)
        GROUP BY name.state
    )
    SELECT figure.* FROM found CROSS JOIN LATERAL (VALUES
        ('iocash_cash_outs', ARRAY[state], number::float8),
        ('iocash_cash_outs_oldest_seconds', ARRAY[state],
         coalesce(greatest(0, extract(epoch FROM iocash_now() - since)), 0)::float8)
    ) AS figure (name, labels, value)
"""
SUSPENSE: Final = """
    SELECT created_at AS since FROM wallets_bankline AS line
    WHERE is_open AND NOT EXISTS (
        SELECT FROM wallets_bankoutcome AS outcome WHERE outcome.line_id = line.id)
"""
APPROVALS: Final = f"""
    SELECT asked_at AS since FROM users_approval
    WHERE state = 'ASKED' AND expires_at > iocash_now() AND {HERE}
"""
DECISIONS: Final = """
    SELECT asked_at AS since FROM wallets_bankdecision WHERE answered_at IS NULL
    ORDER BY asked_at
"""
CODES: Final = f"SELECT sent_at AS since FROM users_otp WHERE sealed IS NOT NULL AND {HERE}"
RETRIED_CODES: Final = f"{CODES} AND attempts > 1"
AUDITS: Final = """
    SELECT figure.* FROM (
        SELECT extract(
                   epoch FROM iocash_now() - max(finished_at) FILTER (WHERE finding = '')
               ) AS age,
               (array_agg(finding ORDER BY id DESC))[1] = '' AS is_right
        FROM (SELECT * FROM wallets_audit ORDER BY id DESC LIMIT 100) AS newest
    ) AS found CROSS JOIN LATERAL (VALUES
        ('iocash_audit_right', '{}'::text[], is_right::int::float8),
        ('iocash_audit_last_right_seconds', '{}'::text[], age::float8)
    ) AS figure (name, labels, value)
"""
SAFEGUARDING: Final = """
    SELECT figure.* FROM (
        SELECT extract(epoch FROM iocash_now() - max(created_at)) AS age,
               extract(
                   epoch FROM iocash_now() - max(created_at) FILTER (WHERE NOT is_right)
               ) AS wrong,
               (array_agg(is_right ORDER BY day DESC))[1] AS is_right
        FROM (SELECT day, created_at, is_right FROM wallets_safeguardingreport
              ORDER BY day DESC LIMIT 100) AS newest
    ) AS found CROSS JOIN LATERAL (VALUES
        ('iocash_safeguarding_right', '{}'::text[], is_right::int::float8),
        ('iocash_safeguarding_report_seconds', '{}'::text[], age::float8),
        ('iocash_safeguarding_last_wrong_seconds', '{}'::text[], wrong::float8)
    ) AS figure (name, labels, value)
"""
DUTIES: Final = f"""
    WITH duty AS (SELECT * FROM users_dutystate WHERE name <> '{ARCHIVE}')
    SELECT figure.* FROM duty CROSS JOIN LATERAL (VALUES
        ('iocash_duty_last_run_seconds',
         greatest(0, extract(epoch FROM clock_timestamp() - last_run_at))::float8),
        ('iocash_duty_overdue_seconds', CASE WHEN lease_until > clock_timestamp() THEN 0 ELSE
         greatest(0, extract(epoch FROM iocash_now() - next_due_at)) END::float8),
        ('iocash_duty_failing', (
            last_failure_at IS NOT NULL AND last_failure_at > coalesce(last_success_at, '-infinity')
         )::int::float8),
        ('iocash_duty_done_total', done::float8),
        ('iocash_duty_failures_total', failures::float8),
        ('iocash_duty_seconds_total', seconds)
    ) AS shown (name, value)
    CROSS JOIN LATERAL (VALUES (shown.name, ARRAY[duty.name], shown.value))
        AS figure (name, labels, value)
    WHERE duty.last_run_at > (SELECT max(last_run_at) FROM duty) - interval '1 day'
"""
ARCHIVES: Final = f"""
    SELECT figure.* FROM users_dutystate AS run CROSS JOIN LATERAL (VALUES
        ('iocash_event_archive_failing', '{{}}'::text[], (
            last_failure_at IS NOT NULL
            AND last_failure_at > coalesce(last_success_at, '-infinity'))::int::float8),
        ('iocash_event_archive_last_right_seconds', '{{}}'::text[],
         greatest(0, extract(epoch FROM clock_timestamp() - last_success_at))::float8)
    ) AS figure (name, labels, value)
    WHERE run.name = '{ARCHIVE}'
"""
"""Nothing before the first run: an archive is a choice."""
SERVER: Final = """
    SELECT 'iocash_database_clock_seconds', '{}'::text[],
           extract(epoch FROM clock_timestamp())::float8
    UNION ALL
    SELECT 'iocash_oldest_transaction_seconds', '{}'::text[], coalesce(
               greatest(0, extract(epoch FROM clock_timestamp() - min(xact_start))), 0)::float8
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    UNION ALL
    SELECT 'iocash_replica_lag_seconds', ARRAY['this'], CASE
               WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                AND EXISTS (SELECT FROM pg_stat_wal_receiver WHERE pid IS NOT NULL) THEN 0
               ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
           END::float8
    WHERE pg_is_in_recovery()
    UNION ALL
    SELECT 'iocash_replica_lag_seconds', ARRAY[application_name || ' ' || pid], CASE
               WHEN replay_lsn >= CASE WHEN pg_is_in_recovery() THEN NULL
                                       ELSE pg_current_wal_lsn() END THEN 0
               ELSE extract(epoch FROM replay_lag) END::float8
    FROM pg_stat_replication WHERE state = 'streaming'
"""
QUESTIONS: Final = (
    OUTBOX,
    counted("iocash_webhook_streams_behind", STREAMS),
    counted("iocash_webhook_deliveries_waiting", DELIVERIES.format("WAITING")),
    counted("iocash_webhook_deliveries_failed", DELIVERIES.format("FAILED")),
    ENDPOINTS,
    counted("iocash_schedules_overdue", SCHEDULES),
    counted("iocash_holds_overdue", HOLDS),
    f"SELECT * FROM ({CASH_OUTS}) AS cash_outs",
    counted("iocash_bank_lines_in_suspense", SUSPENSE),
    counted("iocash_approvals_waiting", APPROVALS),
    counted("iocash_bank_decisions_waiting", DECISIONS),
    counted("iocash_otp_waiting", CODES),
    counted("iocash_otp_retried", RETRIED_CODES),
    AUDITS,
    SAFEGUARDING,
    f"SELECT * FROM ({DUTIES}) AS duties",
    ARCHIVES,
    SERVER,
)
ALL: Final = f"WITH moved AS MATERIALIZED ({MOVED}) {' UNION ALL '.join(QUESTIONS)}"


def read_figures() -> Iterator[Sample]:
    """What the database says; only that it is away if it does not answer in `PATIENCE` seconds."""
    here: Any = connections[DEFAULT_DB_ALIAS]
    try:
        with impatient(here, PATIENCE):
            rows = fetch(ALL, ())
    except Error as error:
        logs.database_error(error, code="database_unavailable", request_id=None)
        if not here.in_atomic_block:
            here.close()
        yield Sample(UP.name, (), (0.0,))
        return
    yield Sample(UP.name, (), (1.0,))
    yield from (
        Sample(name, tuple(labels), (value,)) for name, labels, value in rows if value is not None
    )


def ages_of_anchors() -> Iterator[Sample]:
    """The ages of the newest anchor and of the newest full one, and whether there is one."""
    if not settings.ANCHORS_DIR:
        return
    with suppress(OSError):
        place = groups.folder(settings.ANCHORS_DIR)
        newest, full = newest_anchor(place), newest_full_anchor(place)
        yield Sample(ANCHORS.name, (), (float(full is not None),))
        for name, anchor in ((ANCHOR.name, newest), (FULL_ANCHOR.name, full)):
            if anchor is not None:
                yield Sample(name, (), (max(0.0, time.time() - anchor.stat().st_mtime),))


def room_of_folders() -> Iterator[Sample]:
    """The room on the disk of each folder of this server; nothing of one that can't be read.

    On one machine, the disk of the documents is mostly the database's too.
    """
    for name in FOLDERS:
        if place := getattr(settings, name):
            with suppress(OSError):
                disk = os.statvfs(place)
                yield Sample(FOLDER_FREE.name, (name,), (float(disk.f_bavail * disk.f_frsize),))
                yield Sample(FOLDER_SIZE.name, (name,), (float(disk.f_blocks * disk.f_frsize),))
