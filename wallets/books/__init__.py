"""The open books: locked rows in memory, and the changes of which every order is made.

The books access no database, clock or request. `posting` fills them with rows that it has read
under lock, and writes the changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from iocash import errors
from users.models.events import By, EventKind, Fact
from users.models.idempotency import UsedKey
from users.models.ids import new_id
from wallets.books import chain
from wallets.books.limits import Used
from wallets.books.opened import Opened
from wallets.books.rows import Cause, Leg, LockedHold, LockedResource, LockedUser, LockedWallet

CLOCK: Final = By("system:clock")
"""The actor that expires overdue holds."""


@dataclass(slots=True)
class Books(Opened):
    """Locked rows, and what is written of them in the end."""

    operation_id: UUID | None = None
    legs: list[Leg] = field(default_factory=list)
    changed_legs: list[Leg] = field(default_factory=list)
    placed_holds: list[LockedHold] = field(default_factory=list)
    changed_holds: list[LockedHold] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    used_keys: list[UsedKey] = field(default_factory=list)
    inserts: list[LockedWallet | LockedResource] = field(default_factory=list)
    updates: dict[UUID, LockedUser | LockedWallet | LockedResource] = field(default_factory=dict)

    # Changes

    @property
    def size(self) -> tuple[int, int, int]:
        """How much was changed: nothing changes without an event, or a row to write."""
        return len(self.legs), len(self.facts), len(self.inserts) + len(self.updates)

    @property
    def is_idle(self) -> bool:
        """Whether no answer depends on this COMMIT.

        A corrected `next_expiry` can be lost, because the next order corrects it again.
        """
        return not (any(self.size) or self.used_keys)

    # All or none

    def fork(self, wallets: Iterable[UUID], operation_id: UUID) -> Books:
        """Copy `wallets` as they are now, to try several orders as one operation."""
        return Books(
            now=self.now,
            users={},
            wallets={
                wallet_id: self.wallets[wallet_id].copy()
                for wallet_id in {*wallets}
                if wallet_id in self.wallets
            },
            keys={},
            resources=self.resources,
            allowances={name: each.copy() for name, each in self.allowances.items()},
            operation_id=operation_id,
        )

    def merge(self, fork: Books) -> None:
        """Take over all changes of a fork."""
        self.wallets |= fork.wallets
        self.allowances |= fork.allowances
        self.holds |= fork.holds
        self.legs += fork.legs
        self.placed_holds += fork.placed_holds
        self.facts += fork.facts
        if fork.changed_legs or fork.changed_holds or fork.inserts or fork.updates:
            raise errors.Inconsistent("a batch has changed what a fork can't")

    # Moving money

    def credit(self, wallet: LockedWallet, amount: int, cause: Cause) -> Leg:
        """Settle `amount` that enters the wallet from outside: one leg."""
        leg = self.new_leg(wallet, amount, cause)
        self.legs.append(leg)
        return self.settle(wallet, leg, cause.by)

    def debit(
        self,
        wallet: LockedWallet,
        amount: int,
        cause: Cause,
        *,
        reverses: Leg | None = None,
    ) -> Leg:
        """Settle `amount` that leaves the wallet for outside: one leg.

        `reverses` is the leg that it reverses, in the same wallet.
        """
        leg = self.new_leg(wallet, -amount, cause)
        if reverses:
            self.add_reversal(leg, reverses)
        self.legs.append(leg)
        return self.settle(wallet, leg, cause.by)

    def reserve_cash_out(
        self,
        wallet: LockedWallet,
        amount: int,
        cause: Cause,
        iban: str,
        holder_name: str | None = None,
        *,
        account_id: UUID | None = None,
    ) -> Leg:
        """Reserve `amount` for a pending movement, until the bank has paid it.

        `account_id` is the external account that has the `iban`, if one was named.
        """
        leg = self.new_leg(wallet, -amount, cause, iban=iban, holder_name=holder_name or None)
        leg.external_account_id = account_id
        leg.digest = chain.digest_cash_out(leg)
        wallet.held += amount
        wallet.is_changed = True
        self.legs.append(leg)
        self.record("movement", leg.id, EventKind.MOVEMENT_PENDING, wallet, cause.by)
        return leg

    def settle_cash_out(self, wallet: LockedWallet, leg: Leg, by: By) -> Leg:
        """Settle a pending cash-out: the reserved amount leaves the wallet."""
        wallet.held += leg.amount
        self.changed_legs.append(leg)
        leg = self.settle(wallet, leg, by)
        leg.updated_at = leg.settled_at
        return leg

    def mark_cash_out_sent(self, wallet: LockedWallet, leg: Leg, by: By) -> Leg:
        """Note when a pending cash-out was sent to the bank."""
        leg.sent_at = leg.updated_at = self.now
        self.changed_legs.append(leg)
        self.record("movement", leg.id, EventKind.MOVEMENT_SENT, wallet, by)
        return leg

    def release_cash_out(self, wallet: LockedWallet, leg: Leg, status: str, by: By) -> Leg:
        """End a pending cash-out unpaid, as `status`: the reserved amount is available again."""
        wallet.held += leg.amount
        wallet.is_changed = True
        leg.status = status
        leg.ended_at = leg.updated_at = self.now
        self.changed_legs.append(leg)
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
        """Settle `amount` from `source` to `target`: the payer's leg and the payee's.

        `reverses` are the legs that these two reverse, in the same two wallets.
        """
        out = self.new_leg(source, -amount, cause, counterparty=target, hold_id=hold_id)
        into = out.mirrored(new_id())
        if reverses:
            self.add_reversal(out, reverses[0])
            self.add_reversal(into, reverses[1])
        self.legs += [into, out]
        self.settle(target, into, cause.by)
        return self.settle(source, out, cause.by), into

    def add_reversal(self, leg: Leg, reversed_leg: Leg) -> None:
        """Note that `leg` reverses another, in whole or in part."""
        leg.reversal_of_id = reversed_leg.id
        self.reversed[reversed_leg.id] = self.reversed_amount(reversed_leg) + leg.magnitude

    def reversed_amount(self, leg: Leg) -> int:
        """Return how much of `leg` was reversed until now, in minor units."""
        return self.reversed.get(leg.id, 0)

    def new_leg(
        self,
        wallet: LockedWallet,
        amount: int,
        cause: Cause,
        *,
        counterparty: LockedWallet | None = None,
        iban: str | None = None,
        holder_name: str | None = None,
        hold_id: UUID | None = None,
    ) -> Leg:
        """Create one leg of an operation, not yet settled, and count it towards limits."""
        salt, details_digest = chain.seal(
            cause.concept, iban, cause.metadata, holder_name, reference=cause.reference
        )
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
            created_at=self.time_of_change(wallet, counterparty),
            concept=cause.concept or None,
            iban=iban,
            holder_name=holder_name,
            metadata=cause.metadata or None,
            reference=cause.reference or None,
            salt=salt,
            details_digest=details_digest,
            hold_id=hold_id,
        )
        if allowance := self.allowance(wallet):
            allowance.count(leg.type, Used(leg.created_at, leg.magnitude))
        return leg

    def time_of_change(self, *wallets: LockedWallet | None) -> datetime:
        """Return the time of a change: later than every change of these wallets before it."""
        moment = self.now
        for wallet in wallets:
            if wallet and wallet.settled_at and wallet.settled_at >= moment:
                moment = wallet.settled_at + chain.TICK
        return moment

    def settle(self, wallet: LockedWallet, leg: Leg, by: By) -> Leg:
        """Settle a leg: change the balance, take the next `seq`, extend the chain."""
        if allowance := self.allowance(wallet):
            allowance.balance += leg.amount
        wallet.balance += leg.amount
        wallet.received += max(leg.amount, 0)
        wallet.seq += 1
        leg.status = "SUCCESS"
        leg.seq = wallet.seq
        leg.balance_after = wallet.balance
        leg.received_after = wallet.received
        leg.settled_at = wallet.settled_at = max(leg.created_at, self.time_of_change(wallet))
        leg.digest = wallet.head = chain.digest(wallet.head, leg)
        wallet.is_changed = True
        self.record("movement", leg.id, EventKind.MOVEMENT_SETTLED, wallet, by)
        return leg

    # Holds

    def place_hold(
        self,
        wallet: LockedWallet,
        target: LockedWallet,
        amount: int,
        cause: Cause,
        expires_at: datetime | None,
    ) -> LockedHold:
        """Hold `amount` for `target` until `expires_at`; None: until the hold is ended."""
        salt, details_digest = chain.seal(
            cause.concept, None, cause.metadata, reference=cause.reference
        )
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
            updated_at=self.now,
            concept=cause.concept or None,
            metadata=cause.metadata or None,
            reference=cause.reference or None,
            salt=salt,
            details_digest=details_digest,
        )
        hold.digest = chain.digest_hold(hold)
        wallet.held += amount
        wallet.is_changed = True
        wallet.note_expiry(expires_at)
        self.holds[hold.id] = hold
        self.placed_holds.append(hold)
        self.record("hold", hold.id, EventKind.HOLD_PLACED, wallet, cause.by)
        return hold

    def execute_hold(
        self, wallet: LockedWallet, hold: LockedHold, amount: int, by: By, *, keep_open: bool
    ) -> None:
        """Release `amount` of an open hold, to be paid; the rest too, unless it is kept open."""
        wallet.held -= amount
        wallet.is_changed = True
        hold.remaining -= amount
        hold.updated_at = self.now
        if not (keep_open and hold.remaining):
            self.end_hold(wallet, hold, "EXECUTED", by)
            return
        self.changed_holds.append(hold)
        self.record("hold", hold.id, EventKind.HOLD_PARTLY_EXECUTED, wallet, by)

    def end_hold(self, wallet: LockedWallet, hold: LockedHold, status: str, by: By) -> None:
        """End an open hold, as `status`: its remaining amount is available again."""
        wallet.held -= hold.remaining
        wallet.is_changed = True
        hold.remaining = 0
        hold.status = status
        ended_at = hold.expires_at if status == "EXPIRED" else None
        hold.ended_at = hold.updated_at = ended_at or self.now
        self.changed_holds.append(hold)
        self.record("hold", hold.id, EventKind(f"hold.{status.lower()}"), wallet, by)

    def renew_hold(
        self, wallet: LockedWallet, hold: LockedHold, expires_at: datetime | None, by: By
    ) -> None:
        """Change when an open hold expires; None: never."""
        hold.expires_at = expires_at
        hold.updated_at = self.now
        wallet.note_expiry(expires_at)
        self.changed_holds.append(hold)
        self.record("hold", hold.id, EventKind.HOLD_RENEWED, wallet, by)

    def expire_holds(self) -> None:
        """Expire all overdue holds, before any order is run."""
        for hold in self.holds.values():
            wallet = self.wallets.get(hold.wallet_id)
            if wallet and hold.is_overdue(self.now):
                self.end_hold(wallet, hold, "EXPIRED", CLOCK)

    # Changing what is not money

    def insert(self, row: LockedWallet | LockedResource) -> None:
        """Add a new wallet or resource of one. A wallet is opened READY and without money."""
        self.inserts.append(row)
        if isinstance(row, LockedResource):
            self.resources[row.id] = row

    def update(self, row: LockedUser | LockedWallet | LockedResource) -> None:
        """Write the columns of a locked row that are not money, as they are in the end.

        By id: a batch replaces the rows of its wallets, and only the last row has all changes.
        """
        self.updates[row.id] = row

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
