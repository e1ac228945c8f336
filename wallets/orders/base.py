"""What a verb wants done, before it is posted; and what became of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Final
from uuid import UUID

from iocash import errors
from users.credentials import Proof
from users.models import fingerprints
from users.models.events import By
from users.models.fingerprints import Asked
from wallets.books import Books
from wallets.books.rows import Cause, Leg, LockedUser, LockedWallet
from wallets.orders.needs import Needs

ENVELOPE: Final = frozenset({"client_id", "by", "key", "proof", "if_match"})
"""What says whose order it is, and on what condition, but not what is ordered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order that was not refused.

    `legs` are what it just made, in the wallet of its path; none when it was replayed, or made
    something else: read the thing again then, as it is now.
    """

    made: str
    id: UUID
    status: int
    replayed: bool = False
    legs: tuple[Leg, ...] = ()


Result = Outcome | errors.Refused
"""What an order is answered: its outcome, or why a rule does not allow it."""


def attempt(do: Callable[[], Outcome]) -> Result:
    """Take a refusal as an answer, for those who have more to do.

    Where it was raised is forgotten: that would keep all that was in hand there, in a circle.
    """
    try:
        return do()
    except errors.Refused as refusal:
        return refusal.with_traceback(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a verb wants done: an immutable record that can apply itself to the books."""

    made: ClassVar[str]
    """What it makes, or changes: `movement`, `wallet`, …"""
    status: ClassVar[int] = 201
    """The HTTP status of having done it."""
    refuses: ClassVar[errors.Refusals] = ()
    """What its rules may refuse it with: all that its docstring names under `Raises:`.

    What any order may be refused with before its rules are asked is not part of it: a changed API
    key, a reused idempotency key, a clock that is wrong.
    """

    client_id: UUID
    by: By
    key: str | None = None
    proof: Proof | None = None
    """That of the caller's key: it is read in the order's transaction, while it is due."""
    if_match: frozenset[str] | None = None
    """The versions of what it changes that the caller will have changed; None: any."""

    needs: Needs = field(init=False, repr=False, compare=False)
    """What is locked and read for it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "needs", self.needed())

    @property
    def weight(self) -> int:
        """How many orders it is."""
        return 1

    @property
    def is_shared(self) -> bool:
        """Whether it may be posted in one transaction with the orders of others.

        Not who locks users, or looks at the row of a wallet before it is locked.
        """
        return not self.needs.users and not self.needs.versions

    def needed(self) -> Needs:
        """Name the rows that are locked and read for it; asked once, when it is made."""
        return Needs()

    def check_key(self, books: Books) -> None:
        """Refuse if the API key has changed since it was remembered (StaleKey); the first rule."""
        if self.proof:
            self.proof.check(books.credentials)

    def check_shape(self, books: Books) -> None:
        """Refuse what is wrong whatever the state: this comes before any replay."""

    def apply(self, books: Books) -> Outcome:
        """Require all that the rules ask, or raise a Refused; only then change the books."""
        raise NotImplementedError

    def outcome(self, thing_id: UUID, *legs: Leg, status: int | None = None) -> Outcome:
        """Return the outcome: what was made or changed, and its legs."""
        return Outcome(self.made, thing_id, status or self.status, legs=legs)

    def movement_outcome(self, leg: Leg) -> Outcome:
        """Return the outcome for a movement: the leg in the wallet of the path."""
        return self.outcome(leg.id, leg)

    def explain(self, constraint: str) -> errors.Refused | None:
        """Say in our words what it means that the database refused `constraint`; None: a bug."""
        return None

    def asked(self) -> Asked:
        """Return what is ordered, without whose order it is."""
        kind: Any = type(self)
        return Asked(kind.__name__, {name: getattr(self, name) for name in ordered(kind)})

    def digest(self) -> bytes:
        """Digest what is ordered, so that the same order is known when it comes again."""
        return fingerprints.digest(self.asked())


@cache
def ordered(kind: Any) -> tuple[str, ...]:
    """The names of the fields that say what is ordered, by the class of an order."""
    fields = (item.name for item in dataclasses.fields(kind) if item.init)
    return tuple(name for name in fields if name not in ENVELOPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletOrder(Order):
    """An order about one wallet, or about something of it: the wallet that the path names."""

    refuses: ClassVar[errors.Refusals] = (errors.NotFound,)

    wallet_id: UUID

    def needed(self) -> Needs:
        return Needs(wallets=(self.wallet_id,))

    def wallet(self, books: Books) -> LockedWallet:
        return books.wallet(self.wallet_id, self.client_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordedOrder(WalletOrder):
    """An order that moves or holds money, with the payer's words."""

    made = "movement"
    type: ClassVar[str] = ""

    concept: str | None = None
    metadata: Mapping[str, str] | None = None

    @property
    def cause(self) -> Cause:
        return Cause(self.type, self.by, self.concept, self.metadata)

    def needed(self) -> Needs:
        wallets = (self.wallet_id,)
        return Needs(wallets=wallets, settles=wallets)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyOrder(WordedOrder):
    """An order about an amount that it names: a positive decimal of the wallet's currency."""

    refuses: ClassVar[errors.Refusals] = (*WordedOrder.refuses, errors.InvalidFields)

    amount: Decimal

    def check_shape(self, books: Books) -> None:
        self.minor(books)

    def minor(self, books: Books) -> int:
        """The amount in minor units, or InvalidFields."""
        return self.wallet(books).to_minor(self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOrder(WordedOrder):
    """An order about a part of something, or, when it names no amount, about all that is left."""

    refuses: ClassVar[errors.Refusals] = (*WordedOrder.refuses, errors.InvalidFields)

    amount: Decimal | None = None

    def check_shape(self, books: Books) -> None:
        self.minor_or_none(books)

    def minor_or_none(self, books: Books) -> int | None:
        """The amount in minor units, None when it names none, or InvalidFields."""
        wallet = self.wallet(books)
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
        self.minor(books)
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
    """An order about one user: the user and all of its wallets are locked for it."""

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
