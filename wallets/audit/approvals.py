"""Equations about approvals: staff move no money above a threshold without one, and one once."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from typing import Final

from users.models.approvals import NEVER_ALONE
from wallets.audit.equations import AT_ONCE, Equation

NEVER: Final = ", ".join(f"'{kind.value}'" for kind in sorted(NEVER_ALONE))
"""The actions that need an approval whatever their amount; the sum of 24 hours leaves them out."""

ACTION: Final = """
    CASE WHEN movement.type IN ('CASH_IN', 'ADJUSTMENT') AND event.kind = 'movement.settled'
             THEN movement.type
         WHEN movement.type = 'REVERSAL' AND event.kind = 'movement.settled'
              AND (movement.amount < 0 OR movement.counterparty_id IS NULL) THEN 'REVERSAL'
         WHEN movement.type = 'TRANSFER' AND event.kind = 'movement.settled'
              AND movement.amount < 0 THEN 'TRANSFER'
         WHEN movement.type = 'CASH_OUT' AND event.kind = 'movement.pending' THEN 'CASH_OUT'
         WHEN movement.type = 'CASH_OUT' AND event.kind = 'movement.settled'
             THEN 'SETTLE_CASH_OUT'
         WHEN movement.type = 'CASH_OUT' AND event.kind = 'movement.error'
              AND movement.sent_at IS NOT NULL THEN 'REJECT_CASH_OUT' END
"""
"""The action of staff that an event of a movement is; NULL: it is none that needs an approval."""
BY_STAFF: Final = f"""
    SELECT event.actor, event.position, event.created_at, event.data ->> 'approval' AS approval,
           {ACTION} AS action, movement.id, movement.operation_id, movement.client_id,
           movement.currency, abs(movement.amount) AS amount
    FROM users_event AS event
    JOIN wallets_movement AS movement
        ON movement.client_id = event.client_id AND movement.id = event.subject_id
    WHERE event.actor LIKE 'staff:%%' AND event.subject = 'movement'
"""
"""The movements that staff have settled or ended; an index finds the events of staff."""
SINCE: Final = """
    SELECT coalesce(min(applied) + interval '1 day', '-infinity') FROM django_migrations
    WHERE app = 'users' AND name LIKE '%%\\_add\\_approvals'
"""
"""Since when approvals are needed: instances are restarted one after another within a day."""
THRESHOLD: Final = """
    SELECT max(amount) FROM users_threshold AS threshold
    WHERE threshold.kind = alone.action AND threshold.currency = alone.currency
      AND threshold.created_at <= alone.created_at AND NOT EXISTS (
          SELECT FROM users_threshold AS newer
          WHERE newer.kind = threshold.kind AND newer.currency = threshold.currency
            AND newer.version > threshold.version
            AND newer.created_at <= alone.created_at - interval '1 minute'
      )
"""
"""The highest threshold that was valid within the last minute: a lower one is dated by its
transaction, and valid after it."""

EQUATIONS: Final = (
    Equation(
        "deeds",
        "above a threshold, staff move money only with the approval of another",
        AT_ONCE,
        f"""
        SELECT id AS movement, actor, action, currency, total, threshold
        FROM (
            SELECT alone.*, ({THRESHOLD}) AS threshold
            FROM (
                SELECT id, actor, action, currency, created_at,
                       sum(amount) OVER (
                           PARTITION BY actor, currency ORDER BY created_at
                           RANGE BETWEEN '23:59:59' PRECEDING AND CURRENT ROW
                       ) - coalesce(sum(amount) OVER (
                           PARTITION BY actor, currency, created_at ORDER BY position
                           ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
                       ), 0) AS total
                FROM ({BY_STAFF}) AS deed WHERE action NOT IN ({NEVER}) AND approval IS NULL
            ) AS alone
        ) AS judged
        WHERE total > coalesce(threshold, 0) AND created_at >= ({SINCE})
        UNION ALL
        SELECT id, actor, action, currency, amount, NULL FROM ({BY_STAFF}) AS deed
        WHERE action IN ({NEVER}) AND approval IS NULL AND created_at >= ({SINCE})
        """,
        ("users_event",),
    ),
    Equation(
        "approvals",
        "an approved action with money made one movement, and two people agreed",
        AT_ONCE,
        f"""
        SELECT approval.id::text AS approval, approval.kind, approval.state, made.id AS movement,
               count(made.id) OVER (PARTITION BY approval.id) AS movements
        FROM users_approval AS approval
        LEFT JOIN ({BY_STAFF}) AS made
            ON made.approval = approval.id::text AND made.id = approval.made_id
            AND made.client_id = approval.client_id AND made.action = approval.kind
            AND made.currency = approval.currency AND made.amount = approval.amount
            AND made.actor = 'staff:' || approval.asked_by_id
        WHERE approval.state = 'APPROVED' AND made.id IS NULL
          AND approval.kind IN (
              'CASH_IN', 'ADJUSTMENT', 'REVERSAL', 'SETTLE_CASH_OUT', 'REJECT_CASH_OUT')
          AND NOT (approval.kind = 'REVERSAL' AND EXISTS (
              SELECT FROM wallets_movement AS leg WHERE leg.id = approval.made_id
                AND leg.client_id = approval.client_id AND leg.type = 'REVERSAL'
                AND leg.currency = approval.currency AND abs(leg.amount) = approval.amount))
        UNION ALL
        SELECT made.approval, made.action, approval.state, made.id, NULL
        FROM ({BY_STAFF}) AS made
        LEFT JOIN users_approval AS approval ON approval.id::text = made.approval
        WHERE made.approval IS NOT NULL AND (
            approval.state = 'APPROVED' AND approval.decided_by_id <> approval.asked_by_id
            AND CASE approval.kind WHEN 'PAY_OUT' THEN made.action = 'CASH_OUT' AND EXISTS (
                SELECT FROM wallets_movement AS leg
                JOIN wallets_wallet AS wallet ON wallet.id = leg.wallet_id
                WHERE leg.id = made.id AND leg.client_id = approval.client_id
                  AND wallet.user_id = approval.user_id)
            WHEN 'TAKE_FILE_BACK' THEN made.action IS NULL
            ELSE made.operation_id = (
                SELECT operation_id FROM wallets_movement AS named
                WHERE named.id = approval.made_id AND named.client_id = approval.client_id
            ) END
        ) IS NOT TRUE
        """,
        ("users_event", "users_approval"),
    ),
)
