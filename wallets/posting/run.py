"""Run an order on the books: replay, apply or refuse it."""

from __future__ import annotations

from iocash import errors
from users.models.idempotency import UsedKey
from wallets.books import Books
from wallets.orders import Order, Outcome
from wallets.posting import clocks


def run(books: Books, order: Order) -> Outcome:
    """Replay or apply one order; a refusal leaves the books as they were.

    Raises:
        Refused: a rule does not allow it.
        Inconsistent: the order changed the books before it was refused, which is a bug.
    """
    before = books.size
    try:
        order.check_key(books)
        order.check_shape(books)
        return replay(books, order) or apply(books, order)
    except errors.Refused:
        if books.size != before:
            name = type(order).__name__
            raise errors.Inconsistent(f"{name} changed the books, then refused") from None
        raise


def replay(books: Books, order: Order) -> Outcome | None:
    """The outcome of the order's key, if it was used; None for a new key.

    Raises:
        IdempotencyKeyReused: the key was used for another request.
    """
    used = books.keys.get((order.client_id, order.key)) if order.key else None
    if used is None:
        return None
    used.require_same(order.digest())
    return Outcome(used.made, used.made_id, used.status, replayed=True)


def apply(books: Books, order: Order) -> Outcome:
    """Apply an order, and store its key with the created object.

    Raises:
        DatabaseUnavailable: the last movement of a wallet is in the future.
        Refused: a rule does not allow it.
    """
    for wallet in map(books.wallets.get, order.needs.settles):
        if wallet and wallet.client_id == order.client_id:
            clocks.require_passed(wallet, books.now)
    outcome = order.apply(books)
    if order.key:
        used = UsedKey.of(
            order.client_id,
            order.key,
            order.digest(),
            made=outcome.made,
            made_id=outcome.id,
            status=outcome.status,
        )
        books.keys[used.client_id, used.key] = used
        books.used_keys.append(used)
    return outcome
