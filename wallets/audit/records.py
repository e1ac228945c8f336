"""Equations about events and idempotency keys."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wallets.audit.equations import AT_ONCE, BY_SUBJECT, Equation

IN_STEP: Final = "BETWEEN %(first)s AND %(last)s"

MOVEMENTS: Final = f"""
    SELECT 'movement' AS subject, id, client_id, wallet_id,
           CASE WHEN type <> 'CASH_OUT' AND status = 'SUCCESS' THEN 'movement.settled'
                WHEN type = 'CASH_OUT' THEN concat(
                    'movement.pending', CASE WHEN sent_at IS NOT NULL THEN ' movement.sent' END,
                    CASE status WHEN 'PENDING' THEN '' WHEN 'SUCCESS' THEN ' movement.settled'
                         WHEN 'ERROR' THEN ' movement.error'
                         WHEN 'CANCELLED' THEN ' movement.cancelled' END) END AS expected
    FROM wallets_movement WHERE id {IN_STEP}
"""
HOLDS: Final = f"""
    SELECT 'hold', id, client_id, wallet_id,
           'hold.placed' || repeat(' hold.partly_executed', (
               SELECT count(*)::int FROM wallets_movement WHERE hold_id = hold.id AND amount < 0
           ) - (status = 'EXECUTED')::int)
           || CASE WHEN status = 'OPEN' THEN '' ELSE ' hold.' || lower(status) END
    FROM wallets_hold AS hold WHERE id {IN_STEP}
"""
OTHERS: Final = f"""
    SELECT 'wallet', id, client_id, id, 'wallet.opened ' || user_id FROM wallets_wallet
    WHERE id {IN_STEP}
    UNION ALL
    SELECT 'account', id, client_id, wallet_id, 'external_account.added'
    FROM wallets_externalaccount WHERE id {IN_STEP}
    UNION ALL
    SELECT 'user', id, client_id, id, 'user.created' FROM users_user WHERE id {IN_STEP}
"""
"""The event that opens a wallet contains its owner."""

EVENTS: Final = f"""
    SELECT subject, subject_id AS id, client_id, coalesce(wallet_id, subject_id) AS wallet_id,
           count(*) AS number, min(kind) AS kind
    FROM users_event
    WHERE subject_id {IN_STEP} AND subject IN ('movement', 'hold', 'wallet', 'account', 'user')
    GROUP BY subject_id, subject, client_id, coalesce(wallet_id, subject_id)
"""
KINDS: Final = """
    CASE WHEN recorded.number = 1 AND recorded.subject = 'movement' THEN recorded.kind ELSE (
        SELECT string_agg(
            concat_ws(' ', kind, CASE kind WHEN 'wallet.opened' THEN data ->> 'user' END),
            ' ' ORDER BY position)
        FROM users_event
        WHERE subject_id = recorded.id AND subject = recorded.subject
          AND (subject = 'movement' OR kind IN (
            'hold.placed', 'hold.partly_executed', 'hold.executed', 'hold.released',
            'hold.expired', 'wallet.opened', 'external_account.added', 'user.created'))
    ) END
"""
"""The required events of an object, in order; other kinds are optional.

Most movements have one event, so the subquery is skipped.
"""


def lost(made: str, there: str) -> str:
    """Select the keys whose object no longer exists."""
    return f"""
        SELECT client_id AS client, made, made_id AS id FROM users_key AS key
        WHERE made = '{made}' AND NOT EXISTS (SELECT FROM {there} AND client_id = key.client_id)
    """


MADE: Final[Mapping[str, str]] = {
    "user": "users_user WHERE id = made_id",
    "wallet": "wallets_wallet WHERE id = made_id",
    "movement": "wallets_movement WHERE id = made_id",
    "batch": "wallets_movement WHERE operation_id = made_id",
    "hold": "wallets_hold WHERE id = made_id",
    "account": "wallets_externalaccount WHERE id = made_id",
    "evidence": """(
        SELECT id, client_id FROM users_kycdocument
        UNION ALL
        SELECT (data ->> 'id')::uuid, event.client_id
        FROM users_user AS person JOIN users_event AS event ON event.subject_id = person.id
        WHERE erased_at IS NOT NULL AND event.kind = 'user.evidence_sent'
    ) AS document WHERE id = made_id""",
}
"""Where to find the object that a key created."""

EQUATIONS: Final = (
    Equation(
        "events",
        "every object has the events of its changes, and every event has its object",
        BY_SUBJECT,
        f"""
        SELECT id, subject, expected, events
        FROM (
            SELECT id, subject, object.expected, {KINDS} AS events
            FROM ({MOVEMENTS} UNION ALL {HOLDS} UNION ALL {OTHERS}) AS object
            FULL JOIN ({EVENTS}) AS recorded USING (id, subject, client_id, wallet_id)
        ) AS compared
        WHERE expected IS NULL OR expected IS DISTINCT FROM events
        """,
        (
            "users_event",
            "users_user",
            "wallets_wallet",
            "wallets_movement",
            "wallets_hold",
            "wallets_externalaccount",
        ),
    ),
    Equation(
        "keys",
        "the object that an idempotency key created exists, or was erased with its user",
        AT_ONCE,
        " UNION ALL ".join(lost(made, there) for made, there in MADE.items())
        + f"""
        UNION ALL
        SELECT client_id, made, made_id FROM users_key
        WHERE made NOT IN ({", ".join(f"'{made}'" for made in MADE)})
        """,
        ("users_key",),
    ),
)
