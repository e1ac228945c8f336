"""Proves that the books are right: equations that no constraint can state, asked of every row.

Everything is asked in SQL, of one snapshot, and nothing is taken from the code that wrote it: the
canonical form of a movement (version 1) and the digests are written here a second time.
"""

# ruff: noqa: S608 (the queries are put together from constants)
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from django.db import connection, transaction

SETTLED: Final = "movement.status = 'SUCCESS'"

CANONICAL: Final = """
    concat_ws('|', 1, id, client_id, wallet_id, operation_id, type, amount, currency,
        coalesce(counterparty_id::text, ''), seq, balance_after,
        (extract(epoch FROM created_at) * 1000000)::bigint,
        (extract(epoch FROM settled_at) * 1000000)::bigint)
"""

DETAILS: Final = r"""
    concat(concept, E'\x1f', iban, (
        SELECT string_agg(concat(E'\x1f', key, E'\x1f', value), '' ORDER BY key COLLATE "C")
        FROM jsonb_each_text(metadata)))
"""


@dataclass(frozen=True, slots=True)
class Equation:
    """A sentence that must be true, and the query that finds the first row for which it is not.

    The query's columns are the words that name the row: an id, what stands there, what should.
    """

    name: str
    sentence: str
    query: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The first row that contradicts an equation."""

    equation: Equation
    row: dict[str, object]

    def __str__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.row.items())
        return f"{self.equation.name}: not true that {self.equation.sentence} ({facts})"


EQUATIONS: Final = (
    Equation(
        "balance",
        "a wallet's balance, seq, head and time are those of its settled movements",
        f"""
        SELECT wallet.id AS wallet, wallet.balance, coalesce(total, 0) AS movements,
               wallet.seq, coalesce(number, 0) AS count
        FROM wallets_wallet AS wallet
        LEFT JOIN (
            SELECT wallet_id, sum(amount) AS total, count(*) AS number, max(settled_at) AS latest
            FROM wallets_movement AS movement WHERE {SETTLED} GROUP BY wallet_id
        ) AS settled ON settled.wallet_id = wallet.id
        LEFT JOIN wallets_movement AS movement
            ON movement.wallet_id = wallet.id AND movement.client_id = wallet.client_id
            AND movement.seq = wallet.seq
        WHERE wallet.balance <> coalesce(total, 0)
           OR wallet.seq <> coalesce(number, 0)
           OR wallet.head <> coalesce(movement.digest, '')
           OR wallet.settled_at IS DISTINCT FROM latest
        ORDER BY wallet.id LIMIT 1
        """,
    ),
    Equation(
        "held",
        "a wallet's held balance is what its pending movements have set aside",
        """
        SELECT wallet.id AS wallet, wallet.held, coalesce(total, 0) AS pending
        FROM wallets_wallet AS wallet
        LEFT JOIN (
            SELECT wallet_id, -sum(amount) AS total
            FROM wallets_movement WHERE status = 'PENDING' AND amount < 0 GROUP BY wallet_id
        ) AS pending ON pending.wallet_id = wallet.id
        WHERE wallet.held <> coalesce(total, 0)
        ORDER BY wallet.id LIMIT 1
        """,
    ),
    Equation(
        "legs",
        "an operation between wallets has two legs that mirror each other, any other has one",
        """
        SELECT movement.id AS movement, movement.operation_id AS operation, movement.amount
        FROM wallets_movement AS movement
        LEFT JOIN wallets_movement AS mirror
            ON mirror.operation_id = movement.operation_id AND mirror.id <> movement.id
        WHERE (movement.counterparty_id IS NULL) <> (mirror.id IS NULL)
           OR mirror.amount <> -movement.amount
           OR mirror.wallet_id <> movement.counterparty_id
           OR mirror.counterparty_id <> movement.wallet_id
           OR mirror.currency <> movement.currency
           OR mirror.type <> movement.type
           OR mirror.status <> movement.status
           OR mirror.client_id <> movement.client_id
        ORDER BY movement.id LIMIT 1
        """,
    ),
    Equation(
        "chain",
        "seq, balance, time and digest of a movement follow from the one before it",
        f"""
        SELECT movement, wallet_id AS wallet, seq, balance_after, expected_balance
        FROM (
            SELECT id AS movement, wallet_id, seq, balance_after, settled_at, created_at,
                   digest, row_number() OVER chain AS expected_seq,
                   coalesce(lag(balance_after) OVER chain, 0) + amount AS expected_balance,
                   lag(settled_at) OVER chain AS previous_time,
                   sha256(coalesce(lag(digest) OVER chain, '')
                       || convert_to({CANONICAL}, 'UTF8')
                       || coalesce(details_digest, '')) AS expected_digest
            FROM wallets_movement AS movement WHERE {SETTLED}
            WINDOW chain AS (PARTITION BY client_id, wallet_id ORDER BY seq)
        ) AS followed
        WHERE seq <> expected_seq
           OR balance_after <> expected_balance
           OR settled_at <= previous_time
           OR settled_at < created_at
           OR digest <> expected_digest
        ORDER BY wallet_id, seq LIMIT 1
        """,
    ),
    Equation(
        "details",
        "the texts of a movement are those that its details digest stands for",
        f"""
        SELECT id AS movement, wallet_id AS wallet
        FROM wallets_movement
        WHERE salt IS NOT NULL
          AND details_digest <> sha256(salt || convert_to({DETAILS}, 'UTF8'))
        ORDER BY id LIMIT 1
        """,
    ),
    Equation(
        "outside",
        "all balances of a client in a currency add up to what came in from the outside",
        f"""
        SELECT client_id AS client, currency, balances, outside
        FROM (
            SELECT client_id, currency, sum(balance) AS balances
            FROM wallets_wallet GROUP BY client_id, currency
        ) AS inside
        LEFT JOIN (
            SELECT client_id, currency, sum(amount) AS outside
            FROM wallets_movement AS movement
            WHERE {SETTLED} AND counterparty_id IS NULL GROUP BY client_id, currency
        ) AS crossed USING (client_id, currency)
        WHERE balances <> coalesce(outside, 0)
        ORDER BY client_id, currency LIMIT 1
        """,
    ),
    Equation(
        "keys",
        "what an idempotency key made is there",
        """
        SELECT key.client_id AS client, key.made, key.made_id AS id
        FROM users_key AS key
        LEFT JOIN users_user AS u ON key.made = 'user' AND u.id = key.made_id
        LEFT JOIN wallets_wallet AS w ON key.made = 'wallet' AND w.id = key.made_id
        LEFT JOIN wallets_movement AS m ON key.made = 'movement' AND m.id = key.made_id
        WHERE coalesce(u.client_id, w.client_id, m.client_id) IS DISTINCT FROM key.client_id
        LIMIT 1
        """,
    ),
)


def findings() -> Iterator[tuple[Equation, Finding | None]]:
    """Ask each equation, in one snapshot; yield it with the first row that is wrong, if any."""
    with snapshot():
        for equation in EQUATIONS:
            yield equation, ask(equation)


def ask(equation: Equation) -> Finding | None:
    with connection.cursor() as cursor:
        cursor.execute(equation.query)
        row = cursor.fetchone()
        names = [column.name for column in cursor.description or ()]
    return Finding(equation, dict(zip(names, row, strict=True))) if row else None


@contextmanager
def snapshot() -> Iterator[None]:
    """See one moment of the database; inside a transaction, what that one sees."""
    outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        yield
