"""What is recorded of everything that was made: its events, and the keys that made it."""

# ruff: noqa: S608 (the queries are put together from constants)
from __future__ import annotations

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
"""An event that opens a wallet says whose it is."""

TOLD: Final = f"""
    SELECT subject, subject_id AS id, client_id, coalesce(wallet_id, subject_id) AS wallet_id,
           string_agg(
               CASE kind WHEN 'wallet.opened' THEN concat(kind, ' ', data ->> 'user')
                    ELSE kind END, ' ' ORDER BY id)
           FILTER (WHERE subject = 'movement' OR kind IN (
               'hold.placed', 'hold.partly_executed', 'hold.executed', 'hold.released',
               'hold.expired', 'wallet.opened', 'external_account.added', 'user.created'))
           AS events
    FROM users_event
    WHERE subject_id {IN_STEP} AND subject IN ('movement', 'hold', 'wallet', 'account', 'user')
    GROUP BY subject_id, subject, client_id, coalesce(wallet_id, subject_id)
"""

EQUATIONS: Final = (
    Equation(
        "events",
        "everything has the events of what happened to it, and every event is about something",
        BY_SUBJECT,
        f"""
        SELECT id, subject, thing.expected, told.events
        FROM ({MOVEMENTS} UNION ALL {HOLDS} UNION ALL {OTHERS}) AS thing
        FULL JOIN ({TOLD}) AS told USING (id, subject, client_id, wallet_id)
        WHERE thing.expected IS DISTINCT FROM told.events OR thing.expected IS NULL
        """,
    ),
    Equation(
        "keys",
        "what an idempotency key made is there, or was erased with its user",
        AT_ONCE,
        """
        SELECT key.client_id AS client, key.made, key.made_id AS id
        FROM users_key AS key
        LEFT JOIN users_user AS u ON key.made = 'user' AND u.id = key.made_id
        LEFT JOIN wallets_wallet AS w ON key.made = 'wallet' AND w.id = key.made_id
        LEFT JOIN wallets_movement AS m ON key.made = 'movement' AND m.id = key.made_id
        LEFT JOIN wallets_hold AS h ON key.made = 'hold' AND h.id = key.made_id
        LEFT JOIN wallets_externalaccount AS a ON key.made = 'account' AND a.id = key.made_id
        LEFT JOIN users_evidence AS e ON key.made = 'evidence' AND e.id = key.made_id
        LEFT JOIN (
            SELECT event.client_id, event.data ->> 'id' AS id
            FROM users_user JOIN users_event AS event ON event.subject_id = users_user.id
            WHERE erased_at IS NOT NULL AND event.kind = 'user.evidence_sent'
        ) AS erased ON key.made = 'evidence' AND erased.id = key.made_id::text
        LEFT JOIN LATERAL (
            SELECT client_id FROM wallets_movement
            WHERE key.made = 'batch' AND operation_id = key.made_id LIMIT 1
        ) AS b ON true
        WHERE coalesce(u.client_id, w.client_id, m.client_id, h.client_id, a.client_id,
                       b.client_id, e.client_id, erased.client_id) IS DISTINCT FROM key.client_id
        """,
    ),
)
