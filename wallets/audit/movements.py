"""Equations about movements: their chain, their texts, their legs and their reversals."""

# ruff: noqa: S608 (the queries are built from constants)
from __future__ import annotations

from typing import Final

from wallets.audit.canonical import CANONICAL, DETAILS, HOLD_DETAILS
from wallets.audit.equations import BY_OPERATION, BY_SUBJECT, BY_WALLET, Equation


def wrong_texts(table: str, details: str, texts: str, other: str) -> str:
    """Select rows whose texts don't match their digest, or are missing without an erasure."""
    return f"""
        SELECT id, wallet_id FROM {table} AS worded
        WHERE id BETWEEN %(first)s AND %(last)s AND CASE
            WHEN salt IS NOT NULL
                THEN details_digest IS DISTINCT FROM sha256(salt || convert_to({details}, 'UTF8'))
            WHEN num_nonnulls({texts}) > 0 THEN true
            WHEN details_digest IS NOT NULL THEN NOT EXISTS (
                SELECT FROM wallets_wallet AS wallet JOIN users_user AS owner
                    ON owner.id = wallet.user_id
                WHERE wallet.id IN (worded.wallet_id, worded.{other})
                  AND owner.status = 'UNSUBSCRIBED')
            END
    """


OF_MOVEMENTS: Final = wrong_texts(
    "wallets_movement",
    DETAILS,
    "concept, iban, holder_name, metadata, reference",
    "counterparty_id",
)
OF_HOLDS: Final = wrong_texts(
    "wallets_hold", HOLD_DETAILS, "concept, metadata, reference", "target_id"
)

LINKS: Final = f"""
    id AS movement, wallet_id, seq, balance_after, received_after, settled_at, created_at, digest,
    coalesce(lag(balance_after) OVER chain, 0) + amount AS expected_balance,
    coalesce(lag(received_after) OVER chain, 0) + greatest(amount, 0) AS expected_received,
    lag(settled_at) OVER chain AS previous_time,
    sha256(coalesce(lag(digest) OVER chain, '') || convert_to({CANONICAL}, 'UTF8')
        || coalesce(details_digest, '')) AS expected_digest
"""
"""What a movement is, and what follows from the one before in the window `chain`."""
BROKEN: Final = """
    seq IS DISTINCT FROM expected_seq
    OR balance_after IS DISTINCT FROM expected_balance
    OR received_after IS DISTINCT FROM expected_received
    OR settled_at <= previous_time
    OR settled_at IS NULL
    OR settled_at < created_at
    OR digest IS DISTINCT FROM expected_digest
"""

EQUATIONS: Final = (
    Equation(
        "chain",
        "seq, balance, time and digest of a movement follow from the previous movement",
        BY_WALLET,
        f"""
        SELECT wallet_id AS wallet, seq, movement, balance_after, expected_balance
        FROM (
            SELECT {LINKS}, row_number() OVER chain AS expected_seq
            FROM wallets_movement AS movement
            WHERE status = 'SUCCESS' AND wallet_id BETWEEN %(first)s AND %(last)s
            WINDOW chain AS (PARTITION BY client_id, wallet_id ORDER BY seq)
        ) AS followed
        WHERE {BROKEN}
        """,
    ),
    Equation(
        "details",
        "the texts of a movement or hold match their digest, or were erased with their user",
        BY_SUBJECT,
        f"""
        SELECT id AS movement, wallet_id AS wallet
        FROM ({OF_MOVEMENTS} UNION ALL {OF_HOLDS}) AS wrong
        """,
        ("wallets_movement", "wallets_hold"),
    ),
    Equation(
        "accounts",
        "a cash-out, and nothing else, goes to an external account of its wallet, with its IBAN",
        BY_SUBJECT,
        """
        SELECT movement.id AS movement, movement.external_account_id AS account
        FROM wallets_movement AS movement
        LEFT JOIN wallets_externalaccount AS account ON account.id = movement.external_account_id
            AND account.client_id = movement.client_id AND account.wallet_id = movement.wallet_id
        WHERE movement.external_account_id IS NOT NULL
          AND movement.id BETWEEN %(first)s AND %(last)s
          AND (movement.type <> 'CASH_OUT'
            OR account.id IS NULL
            OR (movement.iban, coalesce(movement.holder_name, ''))
               IS DISTINCT FROM (account.iban, account.holder_name)
               AND movement.salt IS NOT NULL AND account.iban <> '')
        """,
    ),
    Equation(
        "legs",
        "a payment between two wallets has exactly two legs, which mirror each other",
        BY_OPERATION,
        """
        SELECT movement.id AS movement, wrong.operation_id AS operation, movement.amount
        FROM (
            SELECT operation_id, created_at, least(wallet_id, counterparty_id) AS one,
                   greatest(wallet_id, counterparty_id) AS other
            FROM wallets_movement
            WHERE operation_id BETWEEN %(first)s AND %(last)s
              AND (counterparty_id IS NOT NULL OR type = 'TRANSFER')
            GROUP BY operation_id, created_at, one, other, settled_at, client_id, type, status,
                     currency, hold_id, details_digest, abs(amount), reversal_of_id IS NULL
            HAVING count(*) <> 2
                OR sum(amount) IS DISTINCT FROM 0
                OR count(*) FILTER (WHERE wallet_id < counterparty_id) <> 1
                OR type NOT IN ('TRANSFER', 'REVERSAL')
        ) AS wrong
        CROSS JOIN LATERAL (
            SELECT id, amount FROM wallets_movement
            WHERE operation_id = wrong.operation_id AND created_at = wrong.created_at
              AND least(wallet_id, counterparty_id) = one
              AND greatest(wallet_id, counterparty_id) = other
            OFFSET 0
        ) AS movement
        """,
    ),
    Equation(
        "reversals",
        "a reversal returns one payment, between the same wallets, up to its amount",
        BY_SUBJECT,
        """
        SELECT movement.id AS movement, reversed.id AS reversal_of, reversed.amount,
               movement.given_back
        FROM (
            SELECT *, sum(amount) OVER (PARTITION BY reversal_of_id) AS given_back
            FROM wallets_movement
            WHERE reversal_of_id IS NOT NULL AND reversal_of_id BETWEEN %(first)s AND %(last)s
        ) AS movement
        LEFT JOIN wallets_movement AS reversed ON reversed.id = movement.reversal_of_id
        LEFT JOIN wallets_movement AS mirror
            ON mirror.operation_id = movement.operation_id
            AND mirror.wallet_id = movement.counterparty_id
            AND mirror.counterparty_id = movement.wallet_id
            AND mirror.created_at = movement.created_at
            AND movement.amount > 0
        LEFT JOIN wallets_movement AS other ON other.id = mirror.reversal_of_id
        WHERE reversed.wallet_id IS DISTINCT FROM movement.wallet_id
           OR reversed.client_id IS DISTINCT FROM movement.client_id
           OR reversed.counterparty_id IS DISTINCT FROM movement.counterparty_id
           OR reversed.type NOT IN ('CASH_IN', 'TRANSFER', 'CASH_OUT')
           OR reversed.status IS DISTINCT FROM 'SUCCESS'
           OR reversed.seq IS NULL
           OR reversed.seq >= movement.seq
           OR sign(reversed.amount) = sign(movement.amount)
           OR abs(movement.given_back) > abs(reversed.amount)
           OR (movement.amount > 0 AND mirror.reversal_of_id IS NOT NULL AND
               (other.operation_id, other.created_at, other.wallet_id, other.counterparty_id)
               IS DISTINCT FROM (reversed.operation_id, reversed.created_at,
                                 reversed.counterparty_id, reversed.wallet_id))
        """,
    ),
)
