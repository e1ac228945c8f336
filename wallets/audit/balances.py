"""Equations about the rows of wallets, and about their sum."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from typing import Final

from wallets.audit.equations import AT_ONCE, BY_SUBJECT, BY_WALLET, Equation

SETTLED: Final = "movement.status = 'SUCCESS'"
NOW: Final = "iocash_now() + interval '1 second'"
"""The times of simultaneous movements are a microsecond apart, so some are in the future."""

WALLETS_IN_FUTURE: Final = f"""
    SELECT wallet.id AS wallet, movement.id AS dated, wallet.settled_at AS time
    FROM wallets_wallet AS wallet
    LEFT JOIN wallets_movement AS movement
        ON movement.wallet_id = wallet.id AND movement.client_id = wallet.client_id
        AND movement.seq = wallet.seq
    WHERE wallet.id BETWEEN %(first)s AND %(last)s
      AND wallet.settled_at > {NOW}
"""
"""Wallets that are dated in the future."""

EQUATIONS: Final = (
    Equation(
        "balance",
        "a wallet's balance, seq, head and time are those of its settled movements",
        BY_WALLET,
        f"""
        SELECT wallet.id AS wallet, wallet.balance, coalesce(total, 0) AS movements,
               wallet.seq, coalesce(number, 0) AS count
        FROM wallets_wallet AS wallet
        LEFT JOIN (
            SELECT wallet_id, sum(amount) AS total, sum(greatest(amount, 0)) AS came_in,
                   count(*) AS number, max(settled_at) AS latest
            FROM wallets_movement AS movement
            WHERE {SETTLED} AND wallet_id BETWEEN %(first)s AND %(last)s GROUP BY wallet_id
        ) AS settled ON settled.wallet_id = wallet.id
        LEFT JOIN wallets_movement AS movement
            ON movement.wallet_id = wallet.id AND movement.client_id = wallet.client_id
            AND movement.seq = wallet.seq
        WHERE wallet.id BETWEEN %(first)s AND %(last)s AND (
            wallet.balance IS DISTINCT FROM coalesce(total, 0)
            OR wallet.received IS DISTINCT FROM coalesce(came_in, 0)
            OR wallet.seq IS DISTINCT FROM coalesce(number, 0)
            OR wallet.head IS DISTINCT FROM coalesce(movement.digest, '')
            OR wallet.settled_at IS DISTINCT FROM latest)
        """,
        ("wallets_wallet",),
    ),
    Equation(
        "held",
        "a wallet's held balance is the sum of its open holds and pending cash-outs",
        BY_WALLET,
        """
        SELECT wallet.id AS wallet, wallet.held, coalesce(promised, 0) AS holds,
               coalesce(waiting, 0) AS pending
        FROM wallets_wallet AS wallet
        LEFT JOIN (
            SELECT wallet_id, -sum(amount) AS waiting FROM wallets_movement
            WHERE status = 'PENDING' AND wallet_id BETWEEN %(first)s AND %(last)s
            GROUP BY wallet_id
        ) AS pending ON pending.wallet_id = wallet.id
        LEFT JOIN (
            SELECT wallet_id, sum(remaining) AS promised FROM wallets_hold
            WHERE status = 'OPEN' AND wallet_id BETWEEN %(first)s AND %(last)s
            GROUP BY wallet_id
        ) AS hold ON hold.wallet_id = wallet.id
        WHERE wallet.id BETWEEN %(first)s AND %(last)s
          AND wallet.held IS DISTINCT FROM coalesce(promised, 0) + coalesce(waiting, 0)
        """,
        ("wallets_wallet",),
    ),
    Equation(
        "future",
        "no movement and no hold is dated in the future",
        BY_SUBJECT,
        f"""
        {WALLETS_IN_FUTURE}
        UNION ALL
        SELECT wallet_id, id, greatest(created_at, sent_at) FROM wallets_movement
        WHERE id BETWEEN %(first)s AND %(last)s AND status = 'PENDING'
          AND greatest(created_at, sent_at) > {NOW}
        UNION ALL
        SELECT wallet_id, id, greatest(created_at, ended_at) FROM wallets_hold
        WHERE id BETWEEN %(first)s AND %(last)s
          AND greatest(created_at, ended_at) > {NOW}
        """,
        ("wallets_wallet", "wallets_movement", "wallets_hold"),
    ),
    Equation(
        "outside",
        "all balances of a client in a currency add up to its movements from and to the outside",
        AT_ONCE,
        f"""
        SELECT client_id AS client, currency, balances, outside
        FROM (
            SELECT client_id, currency, sum(balance) AS balances
            FROM wallets_wallet GROUP BY client_id, currency
        ) AS inside
        FULL JOIN (
            SELECT client_id, currency, sum(amount) AS outside
            FROM wallets_movement AS movement
            WHERE {SETTLED} AND counterparty_id IS NULL GROUP BY client_id, currency
        ) AS crossed USING (client_id, currency)
        WHERE coalesce(balances, 0) IS DISTINCT FROM coalesce(outside, 0)
        """,
        ("wallets_wallet", "wallets_movement"),
    ),
)
"""`future` checks the last settled movement only: times increase within a wallet (`chain`)."""
