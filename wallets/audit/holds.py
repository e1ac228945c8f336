"""Equations about holds, freezes and cash-outs: digests, remaining amounts, executions, events."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from typing import Final

from wallets.audit.canonical import CASH_OUT, HOLD, digest_sql
from wallets.audit.equations import BY_SUBJECT, Equation

EQUATIONS: Final = (
    Equation(
        "promises",
        "a hold or unsettled cash-out has not changed since it was created",
        BY_SUBJECT,
        f"""
        SELECT id AS promise, wallet_id AS wallet, 'cash-out' AS kind, amount
        FROM wallets_movement
        WHERE type = 'CASH_OUT' AND status <> 'SUCCESS'
          AND id BETWEEN %(first)s AND %(last)s
          AND digest IS DISTINCT FROM {digest_sql(CASH_OUT)}
        UNION ALL
        SELECT id, wallet_id, 'hold', amount
        FROM wallets_hold
        WHERE id BETWEEN %(first)s AND %(last)s
          AND digest IS DISTINCT FROM {digest_sql(HOLD)}
        """,
        ("wallets_movement", "wallets_hold"),
    ),
    Equation(
        "holds",
        "the remaining amount of a hold is its amount less executions; its wallet has its expiry",
        BY_SUBJECT,
        """
        SELECT hold.id AS hold, hold.status, hold.amount, hold.remaining,
               coalesce(executed, 0) AS executed
        FROM wallets_hold AS hold
        LEFT JOIN wallets_wallet AS wallet ON wallet.id = hold.wallet_id
        LEFT JOIN (
            SELECT hold_id, -sum(amount) AS executed FROM wallets_movement
            WHERE hold_id IS NOT NULL AND amount < 0
              AND hold_id BETWEEN %(first)s AND %(last)s
            GROUP BY hold_id
        ) AS paid ON paid.hold_id = hold.id
        WHERE hold.id BETWEEN %(first)s AND %(last)s AND (
            wallet.id IS NULL
            OR coalesce(executed, 0) > hold.amount
            OR CASE hold.status
               WHEN 'OPEN' THEN
                   hold.remaining IS DISTINCT FROM hold.amount - coalesce(executed, 0)
                   OR wallet.next_expiry > hold.expires_at
                   OR (wallet.next_expiry IS NULL AND hold.expires_at IS NOT NULL)
               WHEN 'EXECUTED' THEN executed IS NULL OR hold.remaining IS DISTINCT FROM 0
               WHEN 'EXPIRED' THEN
                   hold.ended_at IS DISTINCT FROM hold.expires_at
                   OR hold.remaining IS DISTINCT FROM 0
               ELSE hold.remaining IS DISTINCT FROM 0
               END)
        """,
        ("wallets_hold",),
    ),
    Equation(
        "executions",
        "an execution pays from the wallet of its hold to the target of its hold",
        BY_SUBJECT,
        """
        SELECT movement.id AS movement, movement.hold_id AS hold
        FROM wallets_movement AS movement
        LEFT JOIN wallets_hold AS hold ON hold.id = movement.hold_id
        WHERE movement.hold_id IS NOT NULL
          AND movement.hold_id BETWEEN %(first)s AND %(last)s
          AND (CASE WHEN movement.amount < 0
                    THEN (movement.wallet_id, movement.counterparty_id)
                    ELSE (movement.counterparty_id, movement.wallet_id) END)
              IS DISTINCT FROM (hold.wallet_id, hold.target_id)
        """,
    ),
    Equation(
        "freezes",
        "a freeze has the events of its beginning and its end, with its amount and its case",
        BY_SUBJECT,
        """
        SELECT id AS freeze, wallet_id AS wallet, expected, events
        FROM (
            SELECT frozen.id, frozen.wallet_id,
                concat('wallet.amount_frozen', CASE frozen.status WHEN 'OPEN' THEN ''
                    ELSE ' wallet.amount_unfrozen' END) AS expected,
                (SELECT string_agg(kind, ' ' ORDER BY position + 0) FROM users_event AS event
                 WHERE event.subject_id = frozen.wallet_id AND event.subject = 'wallet'
                   AND event.client_id = frozen.client_id
                   AND event.kind IN ('wallet.amount_frozen', 'wallet.amount_unfrozen')
                   AND event.data ->> 'freeze' = frozen.id::text
                   AND event.data ->> 'case' = frozen.case_id::text
                   AND event.data ->> 'currency' = frozen.currency
                   AND event.data ->> 'amount' = frozen.amount::text
                ) AS events
            FROM wallets_hold AS frozen
            WHERE frozen.target_id IS NULL AND frozen.id BETWEEN %(first)s AND %(last)s
        ) AS compared
        WHERE expected IS DISTINCT FROM events
        """,
        ("wallets_hold",),
    ),
)
