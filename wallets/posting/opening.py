"""Fill the books: lock the rows that orders need, then read the rows that the locks protect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from iocash.db.outcome import Mark
from iocash.db.pipeline import Answer, Pipeline
from iocash.db.transactions import Transaction, as_array, as_rows
from users.credentials import READ_BY_IDS, Credentials
from users.models.idempotency import UsedKey
from wallets.books import Books, limits
from wallets.books.columns import columns
from wallets.books.hold_rows import LockedHold
from wallets.books.rows import Leg, LockedResource, LockedUser, LockedWallet
from wallets.orders.base import Needs, Order
from wallets.posting import clocks, read
from wallets.posting.read import Locks, Rows, record, rows


class Asking(NamedTuple):
    """The needs, idempotency keys and cached API keys of a group of orders.

    Only rows of `clients`, an array, are read.
    """

    clients: str
    needs: Needs
    keys: list[dict[str, Any]]
    credentials: tuple[UUID, ...]

    @classmethod
    def of(cls, orders: Sequence[Order], clients: set[UUID]) -> Self:
        keys = [{"client_id": order.client_id, "key": order.key} for order in orders if order.key]
        due = {known.id for order in orders if order.proof and (known := order.proof.remembered)}
        needs = Needs.of_all(order.needs for order in orders)
        return cls(as_array(clients), needs, keys, tuple(due))


class Read(NamedTuple):
    """How a need is read: its statement, its values, and the handling of its rows.

    It is skipped if the first of its values is empty.
    """

    statement: str
    values: Callable[[Asking], tuple[Any, ...]]
    load: Callable[[Rows], Any] = list

    def ask(self, pipeline: Pipeline, asking: Asking) -> Answer | None:
        values = self.values(asking)
        return pipeline.ask(self.statement, [*map(written, values)]) if values[0] else None


def written(value: Any) -> Any:
    """Encode ids as an array, and dicts as JSON rows."""
    if isinstance(value, tuple):
        return as_array(value)
    return as_rows(value) if isinstance(value, list) else value


Values = Callable[[Asking], tuple[Any, ...]]


def of_ids(need: str) -> Values:
    """The ids of a need, and the clients of their rows."""
    return lambda asking: (getattr(asking.needs, need), asking.clients)


def of_owners(need: str, *more: Any) -> Values:
    """The wallets of a need, the clients of their rows, and the clients of their owners."""
    return lambda asking: (*of_ids(need)(asking), asking.clients, *more)


def by_id(kind: Any) -> Callable[[Rows], dict[UUID, Any]]:
    names = columns(kind)
    return lambda found: {row[0]: record(kind, names, row) for row in found}


def of_resources(need: str, kind: type[LockedResource]) -> Values:
    """The columns of a need about rows of one kind, without the table; the clients of the rows."""

    def values(asking: Asking) -> tuple[Any, ...]:
        named = [rest for table, *rest in getattr(asking.needs, need) if table == kind.table]
        return (*([*zip(*named, strict=True)] or [()]), asking.clients)

    return values


def resources(need: str, statements: dict[type[LockedResource], str]) -> dict[str, Read]:
    """How a need is read for each kind of a wallet's resources."""
    return {
        f"{need} {kind.table}": Read(statement, of_resources(need, kind), by_id(kind))
        for kind, statement in statements.items()
    }


RESOURCES: Final = resources("resources", read.READ_RESOURCES) | resources(
    "new_resources", read.READ_ACTIVE
)


READS: Final = {
    "owners": Read(
        read.READ_OWNERS,
        lambda asking: (*of_owners("wallets")(asking), asking.needs.sources),
    ),
    "balances": Read(read.READ_BALANCES, of_owners("limits", limits.TOP)),
    "flows": Read(read.READ_FLOWS, of_owners("flows", limits.TOP)),
    "keys": Read(
        read.READ_KEYS,
        lambda asking: (asking.keys,),
        lambda found: {(row[0], row[1]): UsedKey(*row) for row in found},
    ),
    "movements": Read(read.READ_MOVEMENTS, of_ids("movements"), by_id(Leg)),
    "reversed": Read(read.READ_REVERSED, of_ids("movements"), dict),
    "holds": Read(read.READ_HOLDS, of_ids("holds"), by_id(LockedHold)),
    **RESOURCES,
    "suspended": Read(
        read.READ_SUSPENDED,
        lambda asking: (asking.clients,),
        lambda found: frozenset(client for (client,) in found),
    ),
    "numbers": Read(
        read.DRAW_NUMBERS,
        lambda asking: (asking.needs.numbers,),
        lambda found: [number for (number,) in found],
    ),
    "deeds": Read(
        read.READ_DEEDS,
        lambda asking: (asking.needs.staff,),
        lambda found: {(actor, currency): amount for actor, currency, amount in found},
    ),
    "thresholds": Read(
        read.READ_THRESHOLDS,
        lambda asking: (asking.needs.staff,),
        read.capped,
    ),
    "blocks": Read(read.READ_BLOCKS, of_ids("blocks"), dict),
    "labels": Read(read.READ_LABELS, of_ids("labels")),
    "credentials": Read(
        READ_BY_IDS,
        lambda asking: (asking.credentials,),
        lambda found: {row[0]: Credentials.of_row(row) for row in found},
    ),
}
"""How each need is read, in this order. A new kind of row needs a field of `Needs` and a line.
Resources of a wallet need neither: their classes declare it."""

READS_WITHOUT_RESOURCES: Final = {
    name: each for name, each in READS.items() if name not in {*RESOURCES, "suspended"}
}
"""The same for orders that name no resources, as most do."""


def open_books(
    pipeline: Pipeline,
    own: Transaction,
    orders: Sequence[Order],
    clients: set[UUID],
    *,
    is_brief: bool = False,
) -> Books:
    """Lock the needed rows, read the rows that the locks protect, and expire overdue holds."""
    asking = Asking.of(orders, clients)
    if is_brief:
        pipeline.ask(read.BE_BRIEF)
    users, wallets = lock(pipeline, asking, *read.locks(orders, clients))
    reads = READS if asking.needs.names_resources else READS_WITHOUT_RESOURCES
    answers = {name: each.ask(pipeline, asking) for name, each in reads.items()}
    clock = pipeline.ask(read.READ_CLOCK)
    pipeline.send()
    *mark, machine, now = clock.rows[0]
    own.mark, own.at = Mark.of_row(*mark, pipeline=pipeline), now
    clocks.require_agreement(machine)
    found = {name: READS[name].load(rows(answer)) for name, answer in answers.items()}
    apart = "owners", "balances", "flows", "labels"
    owners, balances, flows, labels = (found.pop(name) for name in apart)
    if reads is READS:
        for name in RESOURCES:
            found.setdefault("resources", {}).update(found.pop(name))
    books = Books(
        now=now,
        users={row[0]: LockedUser(*row) for row in rows(users)},
        wallets={row[0]: LockedWallet(*row) for row in rows(wallets)},
        **found,
    )
    owner_of = {user_id: (status, source or "") for user_id, status, _, source in owners}
    for wallet in books.wallets.values():
        wallet.owner, wallet.cash_ins = owner_of.get(wallet.user_id, ("", ""))
    read.add_labels(books, labels)
    levels = {user_id: level for user_id, _, level, _ in owners}
    books.allowances = read.allowances(books, asking.needs.limits, levels, balances, flows)
    expire_overdue(pipeline, books, clients)
    return books


def lock(
    pipeline: Pipeline, asking: Asking, locks: Locks, whose: UUID | str
) -> tuple[Answer | None, Answer]:
    """Lock users by id, then wallets by id, including those of the users and of limited owners.

    The members of staff whose actions are summed come first.
    """
    needs = asking.needs
    if needs.staff:
        pipeline.ask(read.LOCK_STAFF, [as_array(needs.staff)])
    ids = [as_array(each) for each in (needs.wallets, needs.users, needs.limits)]
    if not (needs.users or needs.limits):
        return None, pipeline.ask(locks.wallets, [ids[0], whose])
    users = pipeline.ask(locks.users, [ids[1], whose]) if needs.users else None
    named = [value for each in ids for value in (each, whose)]
    return users, pipeline.ask(locks.wallets_of_users, [*named, asking.clients, asking.clients])


def expire_overdue(pipeline: Pipeline, books: Books, clients: set[UUID]) -> None:
    """End the overdue holds of the locked wallets; usually there are none."""
    overdue = [
        wallet
        for wallet in books.wallets.values()
        if wallet.next_expiry and wallet.next_expiry <= books.now and wallet.client_id in clients
    ]
    if not overdue:
        return
    values = [as_array(wallet.id for wallet in overdue), as_array(clients), books.now]
    holds = pipeline.ask(read.READ_OVERDUE, values)
    expiries = pipeline.ask(read.READ_NEXT_EXPIRIES, values)
    pipeline.send()
    next_expiry: dict[UUID, datetime] = dict(rows(expiries))
    for wallet in overdue:
        wallet.next_expiry = next_expiry.get(wallet.id)
        wallet.is_changed = True
    for hold_id, hold in READS["holds"].load(rows(holds)).items():
        books.holds.setdefault(hold_id, hold)
    books.expire_holds()
