"""The open books: locked rows in memory, and the changes of which every order is made.

The books access no database, clock or request. `posting` fills them with rows that it has read
under lock, and writes the changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from iocash import errors
from users.models.events import By, EventKind
from users.models.ids import new_id
from wallets.books import chain
from wallets.books.holds import Holds
from wallets.books.limits import Used
from wallets.books.rows import Cause, Leg, LockedWallet


@dataclass(slots=True)
class Books(Holds):
    """Locked rows, the changes of which every order is made, and what is written in the end."""

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

    def recall_cash_out(self, wallet: LockedWallet, leg: Leg, by: By) -> Leg:
        """Let a cash-out that was sent with a file wait again: the file never left us."""
        leg.sent_at = leg.bank_file_id = None
        leg.updated_at = self.now
        self.changed_legs.append(leg)
        self.record("movement", leg.id, EventKind.MOVEMENT_RECALLED, wallet, by)
        return leg

    def move_to_file(self, leg: Leg, file_id: UUID | None) -> Leg:
        """Put a pending cash-out into a file for the bank; None: take it out.

        The files of the institution are no concern of clients, so there is no event.
        """
        leg.bank_file_id = file_id
        self.changed_legs.append(leg)
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

    def return_cash_out(self, wallet: LockedWallet, amount: int, cause: Cause, paid: Leg) -> Leg:
        """Settle `amount` of the paid cash-out that the bank has returned: one leg."""
        leg = self.new_leg(wallet, amount, cause, iban=paid.iban, holder_name=paid.holder_name)
        self.add_reversal(leg, paid)
        self.legs.append(leg)
        return self.settle(wallet, leg, cause.by)

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
        if wallet.has_fallen_below_its_alert(leg.amount):
            self.record_alert(wallet, by)
        return leg

    def record_alert(self, wallet: LockedWallet, by: By) -> None:
        """Record that the balance has fallen below the alert of the wallet."""
        self.record(
            "wallet",
            wallet.id,
            EventKind.WALLET_BALANCE_BELOW,
            wallet,
            by,
            alert_below=wallet.alert_below,
            balance=wallet.balance,
            seq=wallet.seq,
            currency=wallet.currency,
        )
