"""Proves that the books are right: equations that no constraint can state, asked of every row.

Everything is asked in SQL, of one snapshot, in steps of so many rows: nothing grows with the
books but the time. Nothing is taken from the code that wrote the rows: the canonical form of a
movement (version 1) and the digests are written here a second time.
"""

# ruff: noqa: S608 (the queries are put together from constants)
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction

SETTLED: Final = "movement.status = 'SUCCESS'"

CANONICAL: Final = """
    concat_ws('|', 1, id, client_id, wallet_id, operation_id, type, amount, currency,
        coalesce(counterparty_id::text, ''), coalesce(hold_id::text, ''),
        coalesce(reversal_of_id::text, ''), seq, balance_after, received_after,
        (extract(epoch FROM created_at) * 1000000)::bigint,
        (extract(epoch FROM settled_at) * 1000000)::bigint)
"""

DETAILS: Final = r"""
    concat(concept, E'\x1f', iban, (
        SELECT string_agg(concat(E'\x1f', key, E'\x1f', value), '' ORDER BY key COLLATE "C")
        FROM jsonb_each_text(metadata)))
"""


Report = Callable[[str, int, int], None]
"""Told, after each step, which equation is asked, how much is done, and how much there is."""


class Step(NamedTuple):
    """Ids to ask about at once, `first` to `last`, and how many rows that is about."""

    first: UUID
    last: UUID
    rows: int


class Walk(NamedTuple):
    """How to go through the books: a query that says, by id, how many rows there are up to it."""

    name: str
    query: str


BY_WALLET: Final = Walk(
    "wallets",
    "SELECT id, sum(seq + 1) OVER (ORDER BY id)::bigint AS total FROM wallets_wallet",
)
BY_OPERATION: Final = Walk(
    "operations",
    """
    SELECT operation_id AS id, row_number() OVER (ORDER BY operation_id) AS total
    FROM wallets_movement
    """,
)
AT_ONCE: Final = Walk("whole", "")
STEP: Final = 50_000
"""How many rows a step is about."""

LOWEST, HIGHEST = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Equation:
    """A sentence that must be true, and the query that finds the first row for which it is not.

    The query's columns are the words that name the row: ids first, what stands there, what
    should. It is about the ids of `walk` between `%(first)s` and `%(last)s`.
    """

    name: str
    sentence: str
    walk: Walk
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
            wallet.balance <> coalesce(total, 0)
            OR wallet.received <> coalesce(came_in, 0)
            OR wallet.seq <> coalesce(number, 0)
            OR wallet.head <> coalesce(movement.digest, '')
            OR wallet.settled_at IS DISTINCT FROM latest)
        """,
    ),
    Equation(
        "held",
        "a wallet's held balance is what its open holds and pending cash-outs have set aside",
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
          AND wallet.held <> coalesce(promised, 0) + coalesce(waiting, 0)
        """,
    ),
    Equation(
        "holds",
        "what is left of a hold is its amount less what was executed, and its wallet knows its end",
        BY_WALLET,
        """
        SELECT hold.id AS hold, hold.status, hold.amount, hold.remaining,
               coalesce(executed, 0) AS executed
        FROM wallets_hold AS hold
        JOIN wallets_wallet AS wallet ON wallet.id = hold.wallet_id
        LEFT JOIN (
            SELECT hold_id, -sum(amount) AS executed FROM wallets_movement
            WHERE hold_id IS NOT NULL AND amount < 0
              AND wallet_id BETWEEN %(first)s AND %(last)s
            GROUP BY hold_id
        ) AS paid ON paid.hold_id = hold.id
        WHERE hold.wallet_id BETWEEN %(first)s AND %(last)s AND (
            coalesce(executed, 0) > hold.amount
            OR (hold.status = 'OPEN' AND hold.remaining <> hold.amount - coalesce(executed, 0))
            OR (hold.status = 'OPEN' AND hold.expires_at IS NOT NULL
                AND (wallet.next_expiry > hold.expires_at OR wallet.next_expiry IS NULL))
            OR (hold.status = 'EXECUTED' AND executed IS NULL))
        """,
    ),
    Equation(
        "executions",
        "an execution pays from the wallet of its hold to the wallet for which it was placed",
        BY_WALLET,
        """
        SELECT movement.id AS movement, movement.hold_id AS hold
        FROM wallets_movement AS movement
        LEFT JOIN wallets_hold AS hold ON hold.id = movement.hold_id
        WHERE movement.hold_id IS NOT NULL
          AND movement.wallet_id BETWEEN %(first)s AND %(last)s
          AND (CASE WHEN movement.amount < 0
                    THEN (movement.wallet_id, movement.counterparty_id)
                    ELSE (movement.counterparty_id, movement.wallet_id) END)
              IS DISTINCT FROM (hold.wallet_id, hold.target_id)
        """,
    ),
    Equation(
        "reversals",
        "a reversal goes the other way in the same wallets, and no more is reversed than was moved",
        BY_WALLET,
        """
        SELECT movement.id AS movement, reversed.id AS reversal_of, reversed.amount,
               movement.given_back
        FROM (
            SELECT *, sum(amount) OVER (PARTITION BY reversal_of_id) AS given_back
            FROM wallets_movement
            WHERE reversal_of_id IS NOT NULL AND wallet_id BETWEEN %(first)s AND %(last)s
        ) AS movement
        LEFT JOIN wallets_movement AS reversed ON reversed.id = movement.reversal_of_id
        WHERE reversed.wallet_id IS DISTINCT FROM movement.wallet_id
           OR reversed.client_id <> movement.client_id
           OR reversed.counterparty_id IS DISTINCT FROM movement.counterparty_id
           OR reversed.type NOT IN ('CASH_IN', 'TRANSFER')
           OR reversed.status <> 'SUCCESS'
           OR reversed.seq >= movement.seq
           OR sign(reversed.amount) = sign(movement.amount)
           OR abs(movement.given_back) > abs(reversed.amount)
        """,
    ),
    Equation(
        "chain",
        "seq, balance, time and digest of a movement follow from the one before it",
        BY_WALLET,
        f"""
        SELECT wallet_id AS wallet, seq, movement, balance_after, expected_balance
        FROM (
            SELECT id AS movement, wallet_id, seq, balance_after, received_after, settled_at,
                   created_at, digest, row_number() OVER chain AS expected_seq,
                   coalesce(lag(balance_after) OVER chain, 0) + amount AS expected_balance,
                   coalesce(lag(received_after) OVER chain, 0) + greatest(amount, 0)
                       AS expected_received,
                   lag(settled_at) OVER chain AS previous_time,
                   sha256(coalesce(lag(digest) OVER chain, '')
                       || convert_to({CANONICAL}, 'UTF8')
                       || coalesce(details_digest, '')) AS expected_digest
            FROM wallets_movement AS movement
            WHERE {SETTLED} AND wallet_id BETWEEN %(first)s AND %(last)s
            WINDOW chain AS (PARTITION BY client_id, wallet_id ORDER BY seq)
        ) AS followed
        WHERE seq <> expected_seq
           OR balance_after <> expected_balance
           OR received_after <> expected_received
           OR settled_at <= previous_time
           OR settled_at < created_at
           OR digest <> expected_digest
        """,
    ),
    Equation(
        "details",
        "the texts of a movement are those that its details digest stands for",
        BY_WALLET,
        f"""
        SELECT id AS movement, wallet_id AS wallet
        FROM wallets_movement
        WHERE salt IS NOT NULL AND wallet_id BETWEEN %(first)s AND %(last)s
          AND details_digest <> sha256(salt || convert_to({DETAILS}, 'UTF8'))
        """,
    ),
    Equation(
        "legs",
        "a payment from one wallet to another has two legs that mirror each other",
        BY_OPERATION,
        """
        SELECT movement.id AS movement, movement.operation_id AS operation, movement.amount
        FROM wallets_movement AS movement
        LEFT JOIN wallets_movement AS mirror
            ON mirror.operation_id = movement.operation_id
            AND mirror.wallet_id = movement.counterparty_id
            AND mirror.counterparty_id = movement.wallet_id
            AND mirror.created_at = movement.created_at
            AND mirror.operation_id BETWEEN %(first)s AND %(last)s
        WHERE movement.operation_id BETWEEN %(first)s AND %(last)s
          AND movement.counterparty_id IS NOT NULL AND (
            mirror.id IS NULL
            OR mirror.amount <> -movement.amount
            OR mirror.currency <> movement.currency
            OR mirror.type <> movement.type
            OR mirror.status <> movement.status
            OR mirror.client_id <> movement.client_id
            OR mirror.hold_id IS DISTINCT FROM movement.hold_id
            OR (mirror.reversal_of_id IS NULL) <> (movement.reversal_of_id IS NULL))
        """,
    ),
    Equation(
        "outside",
        "all balances of a client in a currency add up to what came in from the outside",
        AT_ONCE,
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
        """,
    ),
    Equation(
        "keys",
        "what an idempotency key made is there",
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
            SELECT erased.client_id, (sent.data ->> 'id')::uuid AS id
            FROM users_user AS erased JOIN users_event AS sent ON sent.subject_id = erased.id
            WHERE erased.erased_at IS NOT NULL AND sent.kind = 'user.evidence_sent'
        ) AS was ON key.made = 'evidence' AND was.id = key.made_id
        LEFT JOIN LATERAL (
            SELECT client_id FROM wallets_movement
            WHERE key.made = 'batch' AND operation_id = key.made_id LIMIT 1
        ) AS b ON true
        WHERE coalesce(u.client_id, w.client_id, m.client_id, h.client_id, a.client_id,
                       b.client_id, e.client_id, was.client_id) IS DISTINCT FROM key.client_id
        """,
    ),
)


def silent(name: str, done: int, total: int) -> None:
    """Report to nobody."""


def findings(report: Report = silent) -> Iterator[tuple[Equation, Finding | None]]:
    """Ask each equation, in one snapshot; yield it with the first row that is wrong, if any."""
    with snapshot():
        walks = {walk: list(steps(walk)) for walk in (BY_WALLET, BY_OPERATION, AT_ONCE)}
        total = sum(step.rows for equation in EQUATIONS for step in walks[equation.walk])
        done = 0
        for equation in EQUATIONS:
            found = None
            for step in walks[equation.walk]:
                found = found or ask(equation, step)
                done += step.rows
                report(equation.name, done, total)
            yield equation, found


def steps(walk: Walk) -> Iterator[Step]:
    """Cut all ids into steps; the last goes on to the highest, so that none is left out."""
    first, before = LOWEST, 0
    for last, total in cuts(walk):
        if first <= last < HIGHEST:
            yield Step(first, last, total - before)
            first, before = UUID(int=last.int + 1), total
    yield Step(first, HIGHEST, 1)


def cuts(walk: Walk) -> list[tuple[UUID, int]]:
    """The last id of each whole step, and how many rows there are up to it."""
    if not walk.query:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT ON (total / %(step)s) id, total FROM ({walk.query}) AS rows"
            " WHERE total >= %(step)s ORDER BY total / %(step)s, total",
            {"step": STEP},
        )
        return list(cursor.fetchall())


FIRST_WRONG: Final = "SELECT * FROM ({} OFFSET 0) AS wrong ORDER BY 1, 2 LIMIT 1"
"""OFFSET 0 keeps the limit out of the query, or it would be asked in the order of all ids."""


def ask(equation: Equation, step: Step) -> Finding | None:
    with connection.cursor() as cursor:
        query = FIRST_WRONG.format(equation.query)
        cursor.execute(query, {"first": step.first, "last": step.last})
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
