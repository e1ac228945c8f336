"""The base classes of orders, what they need, and their outcomes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import chain
from typing import Any, ClassVar, Final, NamedTuple, Self
from uuid import UUID

from iocash import errors
from iocash.db.replica import Written
from users.credentials import Proof
from users.models import fingerprints
from users.models.approvals import ApprovalKind
from users.models.events import By
from users.models.fingerprints import Asked
from wallets.books import Books
from wallets.books.deeds import WatchedAction
from wallets.books.hold_rows import LockedHold
from wallets.books.rows import Cause, Leg, LockedUser, LockedWallet

ENVELOPE: Final = frozenset({"client_id", "by", "key", "proof", "if_match", "expected_currency"})
"""The fields of the caller and its conditions, which don't describe the request itself."""


class Needs(NamedTuple):
    """The rows that an order needs. Its rules can't read other rows."""

    users: tuple[UUID, ...] = ()
    """The users to lock, and all of their wallets with them."""
    wallets: tuple[UUID, ...] = ()
    """The wallets to lock."""
    settles: tuple[UUID, ...] = ()
    """The wallets in which it creates or settles movements; times must not decrease in them."""
    limits: tuple[UUID, ...] = ()
    """The wallets whose owners' limits apply: all wallets of those owners are locked."""
    flows: tuple[UUID, ...] = ()
    """Of these, the wallets whose owners' flows of the last 30 days count."""
    movements: tuple[UUID, ...] = ()
    """The movements to read after their wallets are locked, with their reversed amounts."""
    holds: tuple[UUID, ...] = ()
    """The holds to read after their wallets are locked."""
    resources: tuple[tuple[str, UUID], ...] = ()
    """The tables and ids of the external accounts and other resources to read."""
    new_resources: tuple[tuple[str, UUID, str], ...] = ()
    """The tables, wallets and unique values of the resources to add."""
    labels: tuple[UUID, ...] = ()
    """The wallets whose alias, DLT address and metadata to read after they are locked."""
    sources: tuple[UUID, ...] = ()
    """The clients whose source of cash-ins is read."""
    blocks: tuple[UUID, ...] = ()
    """The users and wallets of which to read why they were blocked, after they are locked."""
    staff: tuple[str, ...] = ()
    """The actors whose actions of the last 24 hours count; they are locked before all rows."""
    numbers: int = 0
    """The number of values to take from the sequence of account numbers."""

    @property
    def names_resources(self) -> bool:
        """Whether resources of wallets are to be read, whatever their table."""
        return bool(self.resources or self.new_resources)

    @classmethod
    def of_all(cls, needs: Iterable[Needs]) -> Self:
        """Merge the needs of several orders without duplicates, in the order of locking."""
        columns: Any = [*zip(*needs, strict=True)] or [()] * len(cls._fields)
        joined: Any = (tuple(sorted({*chain(*column)})) for column in columns[:-1])
        return cls._make([*joined, sum(columns[-1])])


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an order that was not refused.

    `legs` are the movements that it created in the wallet of the path; those of a TransferOperation
    are in all its wallets. They are empty after a replay and for other resources; then read the
    current resource. `hold` is the hold that it placed. The outcome of a dry run `is_predicted`:
    what it names does not exist.
    """

    made: str
    id: UUID
    status: int
    replayed: bool = False
    legs: tuple[Leg, ...] = ()
    hold: LockedHold | None = None
    is_predicted: bool = False
    written: Written | None = None
    """The transaction that posted it, if a replica may be asked about it."""


Result = Outcome | errors.Refused
"""The answer to an order: its outcome, or its refusal."""


def attempt(do: Callable[[], Outcome]) -> Result:
    """Return a refusal as the answer, so that other orders can continue.

    Its traceback is dropped, because it would keep the frames and their objects in a cycle.
    """
    try:
        return do()
    except errors.Refused as refusal:
        return refusal.with_traceback(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A command: an immutable record that can be applied to the books."""

    made: ClassVar[str]
    """The kind of object that it creates or changes: `movement`, `wallet`, …"""
    status: ClassVar[int] = 201
    """The HTTP status of having done it."""
    is_watched: ClassVar[bool] = False
    """Whether it is one of the actions that staff may not do alone above a threshold."""
    refuses: ClassVar[errors.Refusals] = ()
    """What its rules may refuse it with: all that its docstring names under `Raises:`.

    What any order may be refused with before its rules are asked is not part of it: a changed API
    key, a reused idempotency key, a clock that is wrong, an action of staff that needs an approval.
    """

    client_id: UUID
    by: By
    key: str | None = None
    proof: Proof | None = None
    """The proof of the caller's API key; while due, the key is read in the same transaction."""
    if_match: frozenset[str] | None = None
    """The versions that the caller accepts; None is any."""

    needs: Needs = field(init=False, repr=False, compare=False)
    """The rows to lock and read."""

    def __post_init__(self) -> None:
        needs = self.needed()
        if self.is_watched and self.by.is_alone:
            needs = needs._replace(staff=(self.by.actor,))
        object.__setattr__(self, "needs", needs)

    @property
    def weight(self) -> int:
        """Its size in a group: 1, or its number of items."""
        return 1

    @property
    def is_shared(self) -> bool:
        """Whether it can share a transaction with other orders.

        Orders that lock users are posted alone.
        """
        return not self.needs.users

    def needed(self) -> Needs:
        """The rows to lock and read; called once, when the order is created."""
        return Needs()

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        """The actions whose amounts count for a member of staff who does them alone.

        Asked after `check_shape`, and only if it is watched. What does not exist is left to the
        rules.
        """
        return ()

    def check_key(self, books: Books) -> None:
        """Raise StaleKey if the API key has changed since it was cached; the first rule."""
        if self.proof:
            self.proof.check(books.credentials)

    def check_shape(self, books: Books) -> None:
        """Refuse what is wrong in every state; checked before a replay."""

    def apply(self, books: Books) -> Outcome:
        """Check all rules, raise a Refused if one fails, and only then change the books."""
        raise NotImplementedError

    def outcome(self, thing_id: UUID, *legs: Leg, status: int | None = None) -> Outcome:
        """Return the outcome: what was made or changed, and its legs."""
        return Outcome(self.made, thing_id, status or self.status, legs=legs)

    def movement_outcome(self, leg: Leg) -> Outcome:
        """Return the outcome for a movement: the leg in the wallet of the path."""
        return self.outcome(leg.id, leg)

    def explain(self, constraint: str) -> errors.Refused | None:
        """The refusal for a violated constraint; None if the violation is a bug."""
        return None

    def asked(self) -> Asked:
        """The fields that describe the request, without those of the caller."""
        kind: Any = type(self)
        return Asked(kind.__name__, {name: getattr(self, name) for name in ordered(kind)})

    def digest(self) -> bytes:
        """The digest of the request, to recognise it when it is repeated."""
        return fingerprints.canonical_digest(self.asked())


@cache
def ordered(kind: Any) -> tuple[str, ...]:
    """The names of the fields that describe the request, for each class of order."""
    fields = (item.name for item in dataclasses.fields(kind) if item.init)
    return tuple(name for name in fields if name not in ENVELOPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletOrder(Order):
    """An order about the wallet of the path, or about a resource in it."""

    refuses: ClassVar[errors.Refusals] = (errors.NotFound,)

    wallet_id: UUID

    def needed(self) -> Needs:
        return Needs(wallets=(self.wallet_id,))

    def wallet(self, books: Books) -> LockedWallet:
        return books.wallet(self.wallet_id, self.client_id)

    def never_alone(self, kind: ApprovalKind, books: Books) -> Sequence[WatchedAction]:
        """The action of a payment with the money of the wallet, which staff never order alone."""
        wallet = books.find_wallet(self.wallet_id, self.client_id)
        return [WatchedAction(kind, wallet.currency)] if wallet else []


@dataclass(frozen=True, slots=True, kw_only=True)
class WordedOrder(WalletOrder):
    """An order that moves or holds money, with concept and metadata."""

    made = "movement"
    type: ClassVar[str] = ""

    concept: str | None = None
    metadata: Mapping[str, str] | None = None
    reference: str | None = None
    expected_currency: str | None = None
    """The currency that the wallet must have; None is any."""

    @property
    def cause(self) -> Cause:
        return Cause(self.type, self.by, self.concept, self.metadata, self.reference)

    def inheriting(self, reference: str | None) -> Cause:
        """The cause; without a reference of its own it has that of what the order follows."""
        return self.cause._replace(reference=self.reference or reference)

    def needed(self) -> Needs:
        wallets = (self.wallet_id,)
        return Needs(wallets=wallets, settles=wallets)

    def to_minor(self, amount: Decimal, books: Books) -> int:
        """The amount in minor units of the wallet.

        Raises:
            CurrencyMismatch: the caller expects another currency.
            InvalidFields: the amount is not one of the wallet's currency.
        """
        wallet = self.wallet(books)
        wallet.require_currency(self.expected_currency or wallet.currency)
        return wallet.to_minor(amount)

    def check_amount(self, amount: Decimal | None, books: Books) -> None:
        """Refuse an amount that is not one of the wallet's currency (InvalidFields).

        An amount of another currency is left to the rules.
        """
        currency = self.wallet(books).currency
        if amount is not None and self.expected_currency in {None, currency}:
            self.to_minor(amount, books)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyOrder(WordedOrder):
    """An order with an amount: a positive decimal of the wallet's currency."""

    refuses: ClassVar[errors.Refusals] = (
        *WordedOrder.refuses,
        errors.InvalidFields,
        errors.CurrencyMismatch,
    )

    amount: Decimal

    def check_shape(self, books: Books) -> None:
        self.check_amount(self.amount, books)

    def minor(self, books: Books) -> int:
        """The amount in minor units; see `to_minor`."""
        return self.to_minor(self.amount, books)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOrder(WordedOrder):
    """An order about a part of a hold or movement; without an amount, about the remainder."""

    refuses: ClassVar[errors.Refusals] = (
        *WordedOrder.refuses,
        errors.InvalidFields,
        errors.CurrencyMismatch,
    )

    amount: Decimal | None = None

    def check_shape(self, books: Books) -> None:
        self.check_amount(self.amount, books)

    def minor_or_none(self, books: Books) -> int | None:
        """The amount in minor units, or None when it names none; see `to_minor`."""
        wallet = self.wallet(books)
        wallet.require_currency(self.expected_currency or wallet.currency)
        return None if self.amount is None else wallet.to_minor(self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(MoneyOrder):
    """An order that pays the wallet `target_id` of the same client, now or later."""

    refuses: ClassVar[errors.Refusals] = (*MoneyOrder.refuses, errors.TargetWalletNotFound)

    target_id: UUID

    def needed(self) -> Needs:
        both = (self.wallet_id, self.target_id)
        return Needs(wallets=both, settles=both, limits=(self.target_id,))

    def check_shape(self, books: Books) -> None:
        self.check_amount(self.amount, books)
        self.require_two_wallets()

    def require_two_wallets(self) -> None:
        """Raise InvalidFields if the target is the wallet itself."""
        if self.wallet_id == self.target_id:
            raise errors.InvalidFields(
                errors.FieldError("targetWalletId", "same_wallet", "Must be another wallet.")
            )

    def target(self, books: Books) -> LockedWallet:
        """The payee's wallet, or TargetWalletNotFound."""
        target = books.find_wallet(self.target_id, self.client_id)
        if target is None:
            raise errors.TargetWalletNotFound(target_wallet_id=self.target_id)
        return target


@dataclass(frozen=True, slots=True, kw_only=True)
class UserOrder(Order):
    """An order about one user, which locks the user and all its wallets."""

    made = "user"
    status = 200

    user_id: UUID

    def needed(self) -> Needs:
        return Needs(users=(self.user_id,))

    def user(self, books: Books) -> LockedUser:
        user = books.user(self.user_id, self.client_id)
        if user is None:
            raise errors.NotFound()
        return user
