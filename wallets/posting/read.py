"""The statements that lock rows, and those that read the rows that the locks protect."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple, Self, TypeVar
from uuid import UUID

from iocash.db.outcome import MARK
from iocash.db.pipeline import Answer
from users.locking import STAFF
from users.models.approvals import ceiling_of
from users.models.idempotency import UsedKey
from wallets.books import Books, limits
from wallets.books.columns import columns
from wallets.books.hold_rows import LockedHold
from wallets.books.resources import RESOURCES
from wallets.books.rows import Leg, LockedResource, LockedUser, LockedWallet
from wallets.orders.base import Order

Row = TypeVar("Row", Leg, LockedHold, LockedResource)
Rows = list[tuple[Any, ...]]

USER, WALLET = ", ".join(columns(LockedUser)), ", ".join(columns(LockedWallet))
KEY = ", ".join(columns(UsedKey))
MOVEMENT, HOLD = ", ".join(columns(Leg)), ", ".join(columns(LockedHold))

EFFECTIVE_LEVEL = """
    CASE WHEN kyc_until < (iocash_clock() AT TIME ZONE 'UTC')::date THEN 0 ELSE kyc_level END
"""
OWNERS = """
    ARRAY(SELECT user_id FROM wallets_wallet WHERE id = ANY(%s) AND client_id = ANY(%s))
"""
"""Whose the wallets are; an array, for what is one of it is looked for by an index."""
BE_BRIEF = """
    SELECT set_config('lock_timeout', '200ms', true),
           set_config('plan_cache_mode', 'force_generic_plan', true)
"""
"""For a transaction of many: whatever is named is looked up by an index, so any plan will do."""
OF_ONE = "client_id = %s"
OF_SEVERAL = "uuid_send(client_id) || uuid_send(id) = ANY(%s)"
"""Which rows an order may lock: those of its own client, whatever ids it names. The ids of several
clients are each named together with the client, as one value that can be hashed."""


class Locks(NamedTuple):
    """The statements that lock rows by id; all transactions lock in this sequence.

    Rows of other clients are never locked. Each list of ids is followed by the clients of its rows.
    """

    users: str
    wallets: str
    wallets_of_users: str

    @classmethod
    def of(cls, owned: str) -> Self:
        return cls(
            users=f"""
                SELECT {USER} FROM users_user WHERE id = ANY(%s) AND {owned}
                ORDER BY id FOR NO KEY UPDATE
            """,  # noqa: S608
            wallets=f"""
                SELECT {WALLET} FROM wallets_wallet WHERE id = ANY(%s) AND {owned}
                ORDER BY id FOR NO KEY UPDATE
            """,  # noqa: S608
            wallets_of_users=f"""
                SELECT {WALLET} FROM wallets_wallet WHERE id = ANY(ARRAY(
                    SELECT id FROM wallets_wallet WHERE id = ANY(%s) AND {owned}
                    UNION ALL
                    SELECT id FROM wallets_wallet WHERE user_id = ANY(ARRAY(
                        SELECT id FROM users_user WHERE id = ANY(%s) AND {owned}
                        UNION ALL
                        SELECT user_id FROM wallets_wallet WHERE id = ANY(%s) AND {owned}
                    )) AND client_id = ANY(%s)
                )) AND client_id = ANY(%s)
                ORDER BY id FOR NO KEY UPDATE
            """,  # noqa: S608
        )


LOCKS_OF_ONE, LOCKS_OF_SEVERAL = Locks.of(OF_ONE), Locks.of(OF_SEVERAL)


def locks(orders: Sequence[Order], clients: Collection[UUID]) -> tuple[Locks, UUID | str]:
    """The locks that the orders need, and the clients of the named rows."""
    if len(clients) == 1:
        return LOCKS_OF_ONE, next(iter(clients))
    pairs = {
        f'"\\\\x{order.client_id.hex}{each.hex}"'
        for order in orders
        for each in (*order.needs.users, *order.needs.wallets, *order.needs.limits)
    }
    return LOCKS_OF_SEVERAL, f"{{{','.join(pairs)}}}"


READ_OWNERS = f"""
    SELECT owner.id, owner.status, owner.level, source.cash_ins
    FROM (
        SELECT id, client_id, status, {EFFECTIVE_LEVEL} AS level FROM users_user
        WHERE id = ANY({OWNERS}) AND client_id = ANY(%s)
    ) AS owner
    LEFT JOIN users_client AS source ON source.id = owner.client_id AND source.id = ANY(%s)
"""  # noqa: S608
"""The owners of wallets; and the source of the cash-ins of those clients that the last value names.
It is read after the wallets are locked, so an order that comes after a change of it sees it."""


def balances_of(owners: str) -> str:
    """The sum of the balances of `owners`, an array of SQL, by currency, if their level has limits.

    Its last values are the clients, and the level from which on there is none.
    """
    return f"""
        SELECT user_id, wallet.currency, sum(balance)::bigint
        FROM users_user AS owner
        JOIN wallets_wallet AS wallet
            ON wallet.client_id = owner.client_id AND wallet.user_id = owner.id
        WHERE owner.id = ANY({owners}) AND owner.client_id = ANY(%s) AND {EFFECTIVE_LEVEL} < %s
        GROUP BY user_id, wallet.currency
    """  # noqa: S608


def flows_of(owners: str) -> str:
    """What came in to `owners` and went out in the window of limits; see `balances_of`.

    By the hour, so that it is never much to read. What was reversed still counts: it came in.
    The clock is read once, in a query of its own: an index finds what came after one instant.
    """
    return f"""
        SELECT user_id, movement.currency, movement.type, max(movement.created_at),
               sum(abs(movement.amount))::bigint
        FROM users_user AS owner
        JOIN wallets_wallet AS wallet
            ON wallet.client_id = owner.client_id AND wallet.user_id = owner.id
        JOIN wallets_movement AS movement
            ON movement.client_id = wallet.client_id AND movement.wallet_id = wallet.id
        WHERE owner.id = ANY({owners}) AND owner.client_id = ANY(%s) AND {EFFECTIVE_LEVEL} < %s
          AND movement.type IN ('CASH_IN', 'CASH_OUT')
          AND movement.status IN ('PENDING', 'SUCCESS')
          AND movement.created_at > (SELECT iocash_clock() - interval '{limits.WINDOW.days} days')
        GROUP BY user_id, movement.currency, movement.type,
            date_trunc('hour', movement.created_at)
    """  # noqa: S608


READ_BALANCES, READ_FLOWS = balances_of(OWNERS), flows_of(OWNERS)
READ_KEYS = f"""
    SELECT {KEY} FROM users_key
    WHERE (client_id, key) IN (
        SELECT client_id, key FROM json_to_recordset(%s) AS used (client_id uuid, key text)
    )
"""  # noqa: S608
READ_MOVEMENTS = f"""
    SELECT {MOVEMENT} FROM wallets_movement WHERE id = ANY(%s) AND client_id = ANY(%s)
"""  # noqa: S608
READ_REVERSED = """
    SELECT reversal_of_id, sum(abs(amount))::bigint FROM wallets_movement
    WHERE reversal_of_id = ANY(%s) AND client_id = ANY(%s) GROUP BY reversal_of_id
"""
READ_HOLDS = f"""
    SELECT {HOLD} FROM wallets_hold WHERE id = ANY(%s) AND client_id = ANY(%s)
"""  # noqa: S608
READ_OVERDUE = f"""
    SELECT {HOLD} FROM wallets_hold
    WHERE wallet_id = ANY(%s) AND client_id = ANY(%s) AND status = 'OPEN' AND expires_at <= %s
"""  # noqa: S608
READ_NEXT_EXPIRIES = """
    SELECT wallet_id, min(expires_at) FROM wallets_hold
    WHERE wallet_id = ANY(%s) AND client_id = ANY(%s) AND status = 'OPEN' AND expires_at > %s
    GROUP BY wallet_id
"""
READ_RESOURCES = {
    kind: f"""
        SELECT {", ".join(columns(kind))} FROM {kind.table}
        WHERE id = ANY(%s) AND client_id = ANY(%s)
    """  # noqa: S608
    for kind in RESOURCES
}
READ_ACTIVE = {
    kind: f"""
        SELECT {", ".join(columns(kind))} FROM {kind.table}
        WHERE wallet_id = ANY(%s) AND {kind.unique} = ANY(%s) AND client_id = ANY(%s)
          AND status = 'ACTIVE'
    """  # noqa: S608
    for kind in RESOURCES
    if kind.unique
}
"""The rows with which new ones could collide: a constraint would roll back the whole group."""
READ_SUSPENDED = "SELECT id FROM users_client WHERE id = ANY(%s) AND status = 'SUSPENDED'"
READ_LABELS = """
    SELECT id, alias, dlt_address, dlt_network, metadata FROM wallets_wallet
    WHERE id = ANY(%s) AND client_id = ANY(%s)
"""
DRAW_NUMBERS = "SELECT nextval('wallets_iban_number') FROM generate_series(1, %s)"
LOCK_STAFF = f"""
    SELECT pg_advisory_xact_lock({STAFF}, hashtext(actor))
    FROM (SELECT unnest(%s::text[]) AS actor ORDER BY 1 OFFSET 0) AS staff
"""  # noqa: S608
"""What one member of staff does is summed by one transaction at a time. Before all other locks."""
READ_DEEDS = """
    SELECT event.actor, movement.currency, sum(abs(movement.amount))::bigint
    FROM users_event AS event
    JOIN wallets_movement AS movement
        ON movement.client_id = event.client_id AND movement.id = event.subject_id
    WHERE event.actor = ANY(%s) AND event.actor LIKE 'staff:%%'
      AND event.created_at > (SELECT iocash_clock() - interval '24 hours')
      AND NOT event.data ? 'approval'
      AND CASE movement.type
          WHEN 'CASH_IN' THEN event.kind = 'movement.settled'
          WHEN 'ADJUSTMENT' THEN event.kind = 'movement.settled'
          WHEN 'REVERSAL' THEN event.kind = 'movement.settled' AND movement.amount < 0
          WHEN 'CASH_OUT' THEN event.kind = 'movement.settled'
              OR event.kind = 'movement.error' AND movement.sent_at IS NOT NULL
          ELSE false END
    GROUP BY event.actor, movement.currency
"""
"""What members of staff did alone; of a reversal the leg that pays is counted."""
READ_THRESHOLDS = """
    SELECT DISTINCT ON (kind, currency) kind, currency, amount FROM users_threshold
    WHERE cardinality(%s::text[]) > 0 ORDER BY kind, currency, version DESC
"""
READ_BLOCKS = """
    SELECT DISTINCT ON (subject_id) subject_id, data ->> 'reason' FROM users_event
    WHERE subject_id = ANY(%s) AND client_id = ANY(%s)
      AND kind IN ('user.blocked', 'wallet.blocked')
    ORDER BY subject_id, position DESC
"""
READ_CLOCK = f"SELECT {MARK}, clock_timestamp(), iocash_clock()"
"""What the transaction is known by afterwards; the time of the database's machine; and that of all
that is done, taken once."""


def allowances(
    books: Books,
    limited_ids: Iterable[UUID],
    levels: dict[UUID, int],
    balances: Rows,
    flows: Rows,
) -> dict[tuple[UUID, str], limits.Allowance]:
    """The allowances of the owners of these wallets; owners without limits are left out."""
    found = {}
    balance = {(user_id, currency): amount for user_id, currency, amount in balances}
    for wallet_id in limited_ids:
        if wallet := books.wallets.get(wallet_id):
            own = limits.limits_of(levels[wallet.user_id], wallet.currency)
            if own != limits.NO_LIMITS:
                name = wallet.user_id, wallet.currency
                found[name] = limits.Allowance(*name, own, balance.get(name, 0))
    for user_id, currency, type_, at, amount in flows:
        if allowance := found.get((user_id, currency)):
            allowance.count(type_, limits.Used(at, amount))
    return found


def capped(found: Rows) -> dict[tuple[str, str], int]:
    """The thresholds by action and currency: none is above the ceiling of the code."""
    return {
        (kind, currency): min(amount, ceiling_of(kind, currency))
        for kind, currency, amount in found
    }


def add_labels(books: Books, labels: Rows) -> None:
    """Give the locked wallets the labels that were read of them."""
    for wallet_id, *texts, metadata in labels:
        if wallet := books.wallets.get(wallet_id):  # other clients' are not locked
            wallet.alias, wallet.dlt_address, wallet.dlt_network = texts
            wallet.metadata = from_text(metadata) or {}


def record(kind: type[Row], names: tuple[str, ...], row: tuple[Any, ...]) -> Row:
    """Build a row object from a selected row; JSON is text."""
    values = dict(zip(names, row, strict=True))
    if "metadata" in values:
        values["metadata"] = from_text(values["metadata"])
    return kind(**values)


def from_text(pairs: Any) -> Any:
    """The pairs of a column of JSON, which may be text."""
    return json.loads(pairs) if isinstance(pairs, str) else pairs


def rows(answer: Answer | None) -> Rows:
    return answer.rows if answer else []
