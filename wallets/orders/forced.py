"""Refusals that a caller of a sandbox asks for: the concept of an order names the code.

`sandbox:refuse:insufficient_funds` is such a concept. Outside of sandboxes it is a concept like any
other. Whether the database is a sandbox is known to the process, so this costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from iocash import errors, money
from iocash.db.sandbox import FORCED as PREFIX
from iocash.db.sandbox import is_sandbox
from wallets.books import Books
from wallets.orders.base import Order, Outcome, WordedOrder
from wallets.orders.cash_outs import CashOut
from wallets.orders.holds import ExecuteHold, PlaceHold
from wallets.orders.payments import CashIn, Reverse, Transfer

ANYWHERE: Final[errors.Refusals] = (
    errors.RateLimited,
    errors.Overloaded,
    errors.LockTimeout,
    errors.StatementTimeout,
    errors.DatabaseUnavailable,
    errors.OutcomeUnknown,
    errors.InternalError,
)
"""What every order can be refused with, whatever its rules are."""

SHAPE: Final[errors.Refusals] = (errors.InvalidFields, errors.NotFound)
"""What a caller gets by a wrong body or address; no concept asks for it."""


REQUESTS: Final[dict[str, type[Order]]] = {
    "cash-in": CashIn,
    "transfer": Transfer,
    "cash-out": CashOut,
    "hold": PlaceHold,
    "execution": ExecuteHold,
    "reversal": Reverse,
}
"""The requests with a concept, in the words of the guide. Items of batches and operations, and
scheduled executions, are such orders too."""


def forceable(kind: type[Order]) -> list[type[errors.Refused]]:
    """The refusals that a concept can ask an order of this class for."""
    return [*(each for each in dict.fromkeys(kind.refuses) if each not in SHAPE), *ANYWHERE]


class ForcedRow(NamedTuple):
    """A refusal that a concept asks for, and which requests can be refused with it."""

    concept: str
    status: int
    code: str
    requests: tuple[str, ...]


def forced_rows() -> list[ForcedRow]:
    """The table of the guide: every concept that asks for a refusal, by status and code."""
    kinds = {kind for order in REQUESTS.values() for kind in forceable(order)}
    return [
        ForcedRow(
            PREFIX + kind.code,
            kind.status,
            kind.code,
            tuple(name for name, order in REQUESTS.items() if kind in forceable(order)),
        )
        for kind in sorted(kinds, key=lambda kind: (kind.status, kind.code))
    ]


def refuse_if_asked(order: Order, books: Books, *, by_rules_only: bool = False) -> None:
    """Raise the refusal that the concept of the order asks for, in a sandbox.

    Raises:
        InvalidFields: the order can't be refused with what is asked for.
        Refused: the order asks for it.
    """
    concept = order.concept if isinstance(order, WordedOrder) else None
    if not concept or not concept.startswith(PREFIX) or not is_sandbox():
        return
    known = {each.code: each for each in forceable(type(order))}
    kind = known.get(concept.removeprefix(PREFIX))
    if kind is None:
        words = "In this sandbox, must be one of: {concepts}."
        listed = ", ".join(PREFIX + code for code in known)
        message = errors.Message(words, concepts=listed)
        raise errors.InvalidFields(errors.FieldError("concept", "invalid_choice", message))
    if not (by_rules_only and kind in ANYWHERE):
        raise kind(**facts_asked_for(kind, order, books))


def apply_unless_asked(order: Order, books: Books) -> Outcome:
    """Apply an item of another order, unless its concept asks for a refusal."""
    refuse_if_asked(order, books)
    return order.apply(books)


def facts_asked_for(kind: type[errors.Refused], order: Order, books: Books) -> dict[str, Any]:
    """The facts of a refusal that was asked for, about the wallet of the order."""
    if issubclass(kind, errors.Unavailable):
        return {}
    known = dict(plausible_facts(kind, order, books))
    return {name: known[name] for name in kind.carries if name in known}


STATUSES: Final[dict[type[errors.Refused], str]] = {
    errors.HoldNotOpen: "EXPIRED",
    errors.MovementNotSettled: "PENDING",
}
"""The status in a refusal; others say BLOCKED."""


def plausible_facts(
    kind: type[errors.Refused], order: Any, books: Books
) -> Iterator[tuple[str, Any]]:
    wallet = books.find_wallet(order.wallet_id, order.client_id)
    if wallet is None:
        raise errors.NotFound()
    minor = 1 if getattr(order, "amount", None) is None else wallet.to_minor(order.amount)
    amount, nothing = (money.to_text(each, wallet.currency) for each in (minor, 0))
    yield from {"user_id": wallet.user_id, "currency": wallet.currency}.items()
    yield from {"required": amount, "requested": amount, "amount": amount}.items()
    yield from {"available": nothing, "left": nothing, "remaining": nothing}.items()
    yield from {"limit": nothing, "used": nothing, "reversed": nothing}.items()
    yield "status", STATUSES.get(kind, "BLOCKED")
    yield "order_currency", "USD" if wallet.currency != "USD" else "EUR"
    if kind is errors.LimitExceeded:
        outgoing = order.type == "CASH_OUT"
        yield from {"limit_type": "cashOut" if outgoing else "balance", "resets_at": None}.items()
        return
    yield from {"wallet_id": wallet.id, "type": "CASH_OUT"}.items()
    for name in ("hold_id", "movement_id"):
        yield name, getattr(order, name, None)
    yield "target_wallet_id", getattr(order, "target_id", None)
    yield "external_account_id", getattr(order, "account_id", None) or wallet.id
