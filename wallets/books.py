"""The open books: rows in memory while orders are applied, and the primitives of every verb.

Nothing here touches the database, reads the clock or knows the request: the vault opens the books
with rows that it read under lock, and writes back what changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from iocash import errors
from users.models.clients import fingerprint, new_id
from users.models.events import By, Fact
from wallets import chain
from wallets.rows import Leg, LockedUser, LockedWallet, UsedKey

ENVELOPE: Final = frozenset({"client_id", "by", "key"})
"""What says whose order it is, and not what is ordered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order that was not refused.

    `thing` is what it just made; None when it was replayed: read it again then, as it is now.
    """

    made: str
    id: UUID
    status: int
    replayed: bool = False
    thing: Leg | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a verb wants done: an immutable record that can apply itself to the books."""

    made: ClassVar[str]
    status: ClassVar[int] = 201

    client_id: UUID
    by: By
    key: str | None = None

    def users(self) -> tuple[UUID, ...]:
        """The users to lock, and all of their wallets with them."""
        return ()

    def wallets(self) -> tuple[UUID, ...]:
        """The wallets to lock."""
        return ()

    def movements(self) -> tuple[UUID, ...]:
        """The movements to read once their wallets are locked."""
        return ()

    def check_shape(self, books: Books) -> None:
        """Refuse what is wrong whatever the state: this comes before any replay."""

    def apply(self, books: Books) -> Outcome:
        """Require all that the rules ask, or raise a Refused; only then change the books."""
        raise NotImplementedError

    def explain(self, constraint: str) -> errors.Refused | None:
        """Say in our words what it means that the database refused `constraint`; None: a bug."""
        return None

    def fingerprint(self) -> bytes:
        """Digest what is ordered, so that the same order is known when it comes again."""
        values = {
            item.name: canonical(getattr(self, item.name))
            for item in dataclasses.fields(self)
            if item.name not in ENVELOPE
        }
        return fingerprint(type(self).__name__, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyOrder(Order):
    """An order that makes movements of one amount, with the payer's words."""

    made = "movement"
    type: ClassVar[str]

    amount: Decimal
    concept: str | None = None
    metadata: Mapping[str, str] | None = None

    @property
    def account(self) -> str | None:
        """The IBAN on the other side, when the money goes to a bank."""
        return None


def canonical(value: object) -> object:
    """Spell equal values equally: 1, 1.0 and 1.00 are the same amount."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, Mapping):
        return sorted(value.items())
    return value


@dataclass(slots=True)
class Books:
    """Locked rows, what changed in them, and what is to be written."""

    now: datetime
    users: dict[UUID, LockedUser]
    wallets: dict[UUID, LockedWallet]
    keys: dict[tuple[UUID, str], UsedKey]
    movements: dict[UUID, Leg] = field(default_factory=dict)
    legs: list[Leg] = field(default_factory=list)
    changed: list[Leg] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    used: list[UsedKey] = field(default_factory=list)
    statements: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    # Running orders

    def run(self, order: Order) -> Outcome:
        """Replay or apply one order; a refusal leaves the books as they were."""
        before = self.size
        try:
            order.check_shape(self)
            return self.replay(order) or self.apply(order)
        except errors.Refused:
            assert self.size == before, f"{type(order).__name__} changed the books, then refused"
            raise

    @property
    def size(self) -> tuple[int, int, int, int]:
        return len(self.legs), len(self.changed), len(self.facts), len(self.statements)

    def replay(self, order: Order) -> Outcome | None:
        """Find what the order's key made before; None when the key is new."""
        used = self.keys.get((order.client_id, order.key)) if order.key else None
        if used is None:
            return None
        if used.fingerprint != order.fingerprint():
            raise errors.IdempotencyKeyReused(
                idempotency_key=used.key, resource=used.made, id=used.made_id
            )
        return Outcome(used.made, used.made_id, used.status, replayed=True)

    def apply(self, order: Order) -> Outcome:
        outcome = order.apply(self)
        if order.key:
            used = UsedKey(
                order.client_id,
                order.key,
                order.fingerprint(),
                outcome.made,
                outcome.id,
                outcome.status,
            )
            self.keys[used.client_id, used.key] = used
            self.used.append(used)
        return outcome

    # Finding

    def user(self, user_id: UUID, client_id: UUID) -> LockedUser | None:
        """The locked user, when it is this client's."""
        user = self.users.get(user_id)
        return user if user and user.client_id == client_id else None

    def find(self, wallet_id: UUID, client_id: UUID) -> LockedWallet | None:
        """The locked wallet, when it is this client's."""
        wallet = self.wallets.get(wallet_id)
        return wallet if wallet and wallet.client_id == client_id else None

    def wallet(self, wallet_id: UUID, client_id: UUID) -> LockedWallet:
        """The locked wallet that the path names, or NotFound."""
        wallet = self.find(wallet_id, client_id)
        if wallet is None:
            raise errors.NotFound()
        return wallet

    def wallets_of(self, user_id: UUID) -> list[LockedWallet]:
        return [wallet for wallet in self.wallets.values() if wallet.user_id == user_id]

    def movement(self, movement_id: UUID, wallet: LockedWallet) -> Leg:
        """The movement that the path names, if it is this wallet's, or NotFound."""
        leg = self.movements.get(movement_id)
        if leg is None or leg.wallet_id != wallet.id:
            raise errors.NotFound()
        return leg

    # Moving money

    def cross(self, wallet: LockedWallet, amount: int, order: MoneyOrder) -> Leg:
        """Settle `amount` crossing to or from the outside: one leg; negative goes out."""
        leg = self.leg(wallet, amount, order)
        self.legs.append(leg)
        return self.settle(wallet, leg, order.by)

    def set_aside(self, wallet: LockedWallet, amount: int, order: MoneyOrder) -> Leg:
        """Hold `amount` for a movement that goes out when the outside confirms it."""
        leg = self.leg(wallet, -amount, order)
        wallet.held += amount
        wallet.is_changed = True
        self.legs.append(leg)
        self.tell("movement", leg.id, "movement.pending", wallet, order.by)
        return leg

    def take(self, wallet: LockedWallet, leg: Leg, by: By) -> Leg:
        """Let what was set aside go out."""
        wallet.held += leg.amount
        self.changed.append(leg)
        return self.settle(wallet, leg, by)

    def mark_sent(self, wallet: LockedWallet, leg: Leg, by: By) -> Leg:
        """Note that what was set aside is on its way."""
        leg.sent_at = self.now
        self.changed.append(leg)
        self.tell("movement", leg.id, "movement.sent", wallet, by)
        return leg

    def give_back(self, wallet: LockedWallet, leg: Leg, status: str, by: By) -> Leg:
        """Free what was set aside: the movement ends without having moved anything."""
        wallet.held += leg.amount
        wallet.is_changed = True
        leg.status = status
        self.changed.append(leg)
        self.tell("movement", leg.id, f"movement.{status.lower()}", wallet, by)
        return leg

    def pay(
        self, source: LockedWallet, target: LockedWallet, amount: int, order: MoneyOrder
    ) -> Leg:
        """Settle `amount` going from one wallet to another: two legs, of which the payer's."""
        out = self.leg(source, -amount, order, target)
        into = dataclasses.replace(
            out,
            id=new_id(),
            wallet_id=target.id,
            counterparty_id=source.id,
            amount=amount,
        )
        self.legs += [into, out]
        self.settle(target, into, order.by)
        return self.settle(source, out, order.by)

    def leg(
        self,
        wallet: LockedWallet,
        amount: int,
        order: MoneyOrder,
        counterparty: LockedWallet | None = None,
    ) -> Leg:
        """Write down one leg of a new operation, not yet settled."""
        salt, details_digest = chain.seal(order.concept, order.account, order.metadata)
        return Leg(
            id=new_id(),
            client_id=wallet.client_id,
            wallet_id=wallet.id,
            operation_id=new_id(),
            type=order.type,
            status="PENDING",
            amount=amount,
            currency=wallet.currency,
            counterparty_id=counterparty.id if counterparty else None,
            created_at=self.moment(wallet, counterparty),
            concept=order.concept or None,
            iban=order.account,
            metadata=order.metadata,
            salt=salt,
            details_digest=details_digest,
        )

    def moment(self, *wallets: LockedWallet | None) -> datetime:
        """Tell the time of a change: later than every change of these wallets before it."""
        past = [wallet.settled_at for wallet in wallets if wallet and wallet.settled_at]
        return max([self.now, *(moment + chain.TICK for moment in past)])

    def settle(self, wallet: LockedWallet, leg: Leg, by: By) -> Leg:
        """Let the leg take effect: balance, next `seq`, and the new head of the chain."""
        wallet.balance += leg.amount
        wallet.seq += 1
        leg.status = "SUCCESS"
        leg.seq = wallet.seq
        leg.balance_after = wallet.balance
        leg.settled_at = wallet.settled_at = max(leg.created_at, self.moment(wallet))
        leg.digest = wallet.head = chain.digest(wallet.head, leg)
        wallet.is_changed = True
        self.tell("movement", leg.id, "movement.settled", wallet, by)
        return leg

    # Writing other things down

    def tell(
        self,
        subject: str,
        subject_id: UUID,
        kind: str,
        owner: LockedWallet | LockedUser,
        by: By,
        **data: str,
    ) -> None:
        """Record an event about something of `owner`; `data` is ids and codes only."""
        wallet_id = owner.id if isinstance(owner, LockedWallet) else None
        self.facts.append(Fact(owner.client_id, subject, subject_id, kind, by, wallet_id, data))

    def write(self, statement: str, *values: Any) -> None:
        """Write what is not money in the same transaction."""
        self.statements.append((statement, values))
