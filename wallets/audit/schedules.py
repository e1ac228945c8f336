"""Equations about scheduled operations: each run has its movement, and none is left out."""

from __future__ import annotations

from typing import Final

from wallets.audit.equations import AT_ONCE, BY_SUBJECT, Equation

RUN_EVENTS: Final = """
    'scheduled_execution.' || CASE status WHEN 'SUCCESS' THEN 'succeeded' ELSE lower(status) END
"""
"""The one event of a run."""

EQUATIONS: Final = (
    Equation(
        "runs",
        "a run that paid has a movement of its own, from its wallet to the receiver",
        BY_SUBJECT,
        """
        SELECT run.id AS run, run.schedule_id AS schedule, run.status, run.movement_id AS movement
        FROM wallets_scheduledrun AS run
        LEFT JOIN wallets_scheduledoperation AS schedule
            ON schedule.id = run.schedule_id AND schedule.client_id = run.client_id
            AND schedule.wallet_id = run.wallet_id
        LEFT JOIN wallets_movement AS movement
            ON movement.id = run.movement_id AND movement.client_id = run.client_id
            AND movement.wallet_id = run.wallet_id AND movement.currency = run.currency
            AND movement.amount = -run.amount
        WHERE run.id BETWEEN %(first)s AND %(last)s
          AND CASE run.status
              WHEN 'SUCCESS' THEN movement.type = 'TRANSFER' AND movement.status = 'SUCCESS'
                  AND movement.counterparty_id = schedule.target_id
              WHEN 'PENDING' THEN movement.type = 'CASH_OUT' AND schedule.target_id IS NULL
                  AND movement.external_account_id IS NOT DISTINCT FROM schedule.account_id
              ELSE run.movement_id IS NULL AND schedule.id IS NOT NULL END IS NOT TRUE
        UNION ALL
        SELECT run.id, run.schedule_id, run.status, run.movement_id
        FROM wallets_scheduledrun AS run
        WHERE run.id BETWEEN %(first)s AND %(last)s AND EXISTS (
            SELECT FROM wallets_scheduledrun AS other
            WHERE other.movement_id = run.movement_id AND other.id <> run.id
        )
        """,
        ("wallets_scheduledrun",),
    ),
    Equation(
        "schedules",
        "the runs of a scheduled operation are numbered from 1 to the one before the next",
        AT_ONCE,
        """
        SELECT schedule.id AS schedule, schedule.next_number, made.runs
        FROM wallets_scheduledoperation AS schedule
        LEFT JOIN (
            SELECT schedule_id, count(*) AS runs, max(number) AS last FROM wallets_scheduledrun
            GROUP BY schedule_id
        ) AS made ON made.schedule_id = schedule.id
        WHERE schedule.next_number - 1 <> coalesce(made.runs, 0)
           OR coalesce(made.runs, 0) <> coalesce(made.last, 0)
        """,
        ("wallets_scheduledoperation", "wallets_scheduledrun"),
    ),
)
