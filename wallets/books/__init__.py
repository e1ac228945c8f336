"""The books: locked rows in memory while orders are applied, and the primitives of all orders.

The books access no database, clock or request. `posting` fills them with rows that it has read
under lock, and writes the changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from iocash import errors
from users.models.clients import new_id
from users.models.events import By, EventKind, Fact
from wallets.books import chain
from wallets.books.limits import Used
from wallets.books.opened import Opened
from wallets.books.rows import Cause, Leg, LockedHold, LockedUser, LockedWallet, UsedKey

CLOCK: Final = By("system:clock")
"""The actor of expirations."""


@dataclass(slots=True)
class Books(Opened):
    """Locked rows, their changes, and the rows to insert."""

    operation_id: UUID | None = None
    legs: list[Leg] = field(default_factory=list)
    changed: list[Leg] = field(default_factory=list)
    placed: list[LockedHold] = field(default_factory=list)
    changed_holds: list[LockedHold] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    used: list[UsedKey] = field(default_factory=list)
    statements: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)

    # Changes

    @property
    def size(self) -> tuple[int, int, int]:
        """The number of changes: each change has an event or a row to write."""
        return len(self.legs), len(self.facts), len(self.statements)

    @property
    def is_idle(self) -> bool:
        """Whether no answer depends on this COMMIT.

        A corrected `next_expiry` can be lost, because the next order corrects it again.
        """
        return not (any(self.size) or self.used)

    # All or none

    def part(self, wallets: Iterable[UUID], operation_id: UUID) -> Books:
        """A copy of these wallets, to apply several orders as one operation."""
        return Books(
            now=self.now,
            users={},
            wallets={
                wallet_id: self.wallets[wallet_id].copy()
                for wallet_id in {*wallets}
                if wallet_id in self.wallets
            },
            keys={},
            accounts=self.accounts,
            allowances={name: each.copy() for name, each in self.allowances.items()},
            operation_id=operation_id,
        )

    def absorb(self, part: Books) -> None:
        """Apply all changes of a part to these books."""
        self.wallets |= part.wallets
        self.allowances |= part.allowances
        self.holds |= part.holds
        self.legs += part.legs
        self.placed += part.placed
        self.facts += part.facts
        if part.changed or part.changed_holds or part.statements:
            raise errors.Inconsistent("a batch has changed what it can't take over")

    # Moving money

    def cross(
        self,
        wallet: LockedWallet,
        amount: int,
        cause: Cause,
        *,
        reverses: Leg | None = None,
    ) -> Leg:
        """Settle one leg from or to the outside; a negative `amount` is outgoing."""
        leg = self.leg(wallet, amount, cause)
        if reverses:
            self.note_reversal(leg, reverses)
        self.legs.append(leg)
        return self.settle(wallet, leg, cause.by)

    def set_aside(self, wallet: LockedWallet, amount: int, cause: Cause, iban: str) -> Leg:
        """Hold `amount` for a pending cash-out."""
        leg = self.leg(wallet, -amount, cause, iban=iban)
        leg.digest = chain.digest_cash_out(leg)
        wallet.held += amount
        wallet.is_changed = True
        self.legs.append(leg)
        self.record("movement", leg.id, EventKind.MOVEMENT_PENDING, wallet, cause.by)
        return leg

    def take(self, wallet: LockedWallet, leg: Leg, by: By) -> Leg:
        """Settle a pending cash-out: deduct the held amount."""
        wallet.held += leg.amount
        self.changed.append(leg)
        return self.settle(wallet, leg, by)

    def mark_sent(self, wallet: LockedWallet, leg: Leg, by: By) -> Leg:
        """Mark a pending cash-out as sent."""
        leg.sent_at = self.now
        self.changed.append(leg)
        self.record("movement", leg.id, EventKind.MOVEMENT_SENT, wallet, by)
        return leg

    def give_back(self, wallet: LockedWallet, leg: Leg, status: str, by: By) -> Leg:
        """Release the held amount of a cash-out, which ends without settling."""
        wallet.held += leg.amount
        wallet.is_changed = True
        leg.status = status
        self.changed.append(leg)
        self.record("movement", leg.id, EventKind(f"movement.{status.lower()}"), wallet, by)
        return leg

    def pay(
        self,
        source: LockedWallet,
        target: LockedWallet,
        amount: int,
        cause: Cause,
        *,
        hold_id: UUID | None = None,
        reverses: tuple[Leg, Leg] | None = None,
    ) -> tuple[Leg, Leg]:
        """Settle a payment between two wallets: the payer's leg and the payee's.

        `reverses` are the legs that these two reverse, in the same two wallets.
        """
        out = self.leg(source, -amount, cause, counterparty=target, hold_id=hold_id)
        into = out.mirrored(new_id())
        if reverses:
            self.note_reversal(out, reverses[0])
            self.note_reversal(into, reverses[1])
        self.legs += [into, out]
        self.settle(target, into, cause.by)
        return self.settle(source, out, cause.by), into

    def note_reversal(self, leg: Leg, reversed_leg: Leg) -> None:
        """Record that `leg` reverses another leg, in full or in part."""
        leg.reversal_of_id = reversed_leg.id
        self.reversed[reversed_leg.id] = self.given_back(reversed_leg) + leg.magnitude

    def given_back(self, leg: Leg) -> int:
        """The reversed amount of `leg`, in minor units."""
        return self.reversed.get(leg.id, 0)

    def leg(
        self,
        wallet: LockedWallet,
        amount: int,
        cause: Cause,
        *,
        counterparty: LockedWallet | None = None,
        iban: str | None = None,
        hold_id: UUID | None = None,
    ) -> Leg:
        """Create one leg of an operation, not yet settled; it counts towards limits."""
        salt, details_digest = chain.seal(cause.concept, iban, cause.metadata)
        leg = Leg(
            id=new_id(),
            client_id=wallet.client_id,
            wallet_id=wallet.id,
            operation_id=self.operation_id or new_id(),
            type=cause.type,
            status="PENDING",
            amount=amount,
            currency=wallet.currency,
            counterparty_id=counterparty.id if counterparty else None,
            created_at=self.moment(wallet, counterparty),
            concept=cause.concept or None,
            iban=iban,
            metadata=cause.metadata or None,
            salt=salt,
            details_digest=details_digest,
            hold_id=hold_id,
        )
        if allowance := self.allowance(wallet):
            allowance.count(leg.type, Used(leg.created_at, leg.magnitude))
        return leg

    def moment(self, *wallets: LockedWallet | None) -> datetime:
        """The time of a change: later than every earlier change of these wallets."""
        moment = self.now
        for wallet in wallets:
            if wallet and wallet.settled_at and wallet.settled_at >= moment:
                moment = wallet.settled_at + chain.TICK
        return moment

    def settle(self, wallet: LockedWallet, leg: Leg, by: By) -> Leg:
        """Settle a leg: update the balance, `seq` and the head of the chain."""
        if allowance := self.allowance(wallet):
            allowance.balance += leg.amount
        wallet.balance += leg.amount
        wallet.received += max(leg.amount, 0)
        wallet.seq += 1
        leg.status = "SUCCESS"
        leg.seq = wallet.seq
        leg.balance_after = wallet.balance
        leg.received_after = wallet.received
        leg.settled_at = wallet.settled_at = max(leg.created_at, self.moment(wallet))
        leg.digest = wallet.head = chain.digest(wallet.head, leg)
        wallet.is_changed = True
        self.record("movement", leg.id, EventKind.MOVEMENT_SETTLED, wallet, by)
        return leg

    # Holds

    def place(
        self,
        wallet: LockedWallet,
        target: LockedWallet,
        amount: int,
        cause: Cause,
        expires_at: datetime | None,
    ) -> LockedHold:
        """Place a hold of `amount` for `target`, until `expires_at` or without an expiry."""
        salt, details_digest = chain.seal(cause.concept, None, cause.metadata)
        hold = LockedHold(
            id=new_id(),
            client_id=wallet.client_id,
            wallet_id=wallet.id,
            target_id=target.id,
            currency=wallet.currency,
            amount=amount,
            remaining=amount,
            status="OPEN",
            expires_at=expires_at,
            created_at=self.now,
            concept=cause.concept or None,
            metadata=cause.metadata or None,
            salt=salt,
            details_digest=details_digest,
        )
        hold.digest = chain.digest_hold(hold)
        wallet.held += amount
        wallet.is_changed = True
        wallet.expect(expires_at)
        self.holds[hold.id] = hold
        self.placed.append(hold)
        self.record("hold", hold.id, EventKind.HOLD_PLACED, wallet, cause.by)
        return hold

    def draw(
        self, wallet: LockedWallet, hold: LockedHold, amount: int, by: By, *, keep_open: bool
    ) -> None:
        """Release `amount` of an open hold to pay it; the rest too, unless it is kept open."""
        wallet.held -= amount
        wallet.is_changed = True
        hold.remaining -= amount
        if not (keep_open and hold.remaining):
            self.end(wallet, hold, "EXECUTED", by)
            return
        self.changed_holds.append(hold)
        self.record("hold", hold.id, EventKind.HOLD_PARTLY_EXECUTED, wallet, by)

    def end(self, wallet: LockedWallet, hold: LockedHold, status: str, by: By) -> None:
        """End an open hold: the remaining amount is available again."""
        wallet.held -= hold.remaining
        wallet.is_changed = True
        hold.remaining = 0
        hold.status = status
        hold.ended_at = hold.expires_at if status == "EXPIRED" else self.now
        self.changed_holds.append(hold)
        self.record("hold", hold.id, EventKind(f"hold.{status.lower()}"), wallet, by)

    def renew(
        self, wallet: LockedWallet, hold: LockedHold, expires_at: datetime | None, by: By
    ) -> None:
        """Change the expiry of an open hold; None is no expiry."""
        hold.expires_at = expires_at
        wallet.expect(expires_at)
        self.changed_holds.append(hold)
        self.record("hold", hold.id, EventKind.HOLD_RENEWED, wallet, by)

    def expire(self) -> None:
        """End every overdue hold. Each transaction that locks wallets does this first."""
        for hold in self.holds.values():
            wallet = self.wallets.get(hold.wallet_id)
            if wallet and hold.is_overdue(self.now):
                self.end(wallet, hold, "EXPIRED", CLOCK)

    # Other rows

    def record(
        self,
        subject: str,
        subject_id: UUID,
        kind: EventKind,
        owner: LockedWallet | LockedUser,
        by: By,
        **data: str,
    ) -> None:
        """Record an event about an object of `owner`; `data` contains ids and codes only."""
        wallet_id = owner.id if isinstance(owner, LockedWallet) else None
        self.facts.append(Fact(owner.client_id, subject, subject_id, kind, by, wallet_id, data))

    def write(self, statement: str, *values: Any) -> None:
        """Queue a statement for the same transaction, for rows without money."""
        self.statements.append((statement, values))
