"""The locked rows, the look-ups of orders, and what is written of the rows in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from iocash import errors
from users.credentials import Credentials
from users.models.events import By, EventKind, Fact
from users.models.idempotency import UsedKey
from wallets.books.hold_rows import LockedHold
from wallets.books.limits import Allowance
from wallets.books.rows import Leg, LockedResource, LockedUser, LockedWallet

Resource = TypeVar("Resource", bound=LockedResource)


@dataclass(slots=True)
class Opened:
    """Locked rows, the rows that they protect, and `now`, the time of all changes."""

    now: datetime
    users: dict[UUID, LockedUser]
    wallets: dict[UUID, LockedWallet]
    keys: dict[tuple[UUID, str], UsedKey]
    movements: dict[UUID, Leg] = field(default_factory=dict)
    reversed: dict[UUID, int] = field(default_factory=dict)
    holds: dict[UUID, LockedHold] = field(default_factory=dict)
    resources: dict[UUID, LockedResource] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    allowances: dict[tuple[UUID, str], Allowance] = field(default_factory=dict)
    credentials: dict[UUID, Credentials] = field(default_factory=dict)
    suspended: frozenset[UUID] = frozenset()
    """The suspended clients; read for orders that name resources of wallets."""
    thresholds: dict[tuple[str, str], int] = field(default_factory=dict)
    """The thresholds of staff, in minor units, by action and currency."""
    deeds: dict[tuple[str, str], int] = field(default_factory=dict)
    """What members of staff did alone in 24 hours, in minor units, by actor and currency."""
    blocks: dict[UUID, str] = field(default_factory=dict)
    """Why users and wallets were blocked the last time; read for members of staff who unblock."""

    def user(self, user_id: UUID, client_id: UUID) -> LockedUser | None:
        """The locked user, if the client has it."""
        user = self.users.get(user_id)
        return user if user and user.client_id == client_id else None

    def find_wallet(self, wallet_id: UUID, client_id: UUID) -> LockedWallet | None:
        """The locked wallet, when it is this client's."""
        wallet = self.wallets.get(wallet_id)
        return wallet if wallet and wallet.client_id == client_id else None

    def wallet(self, wallet_id: UUID, client_id: UUID) -> LockedWallet:
        """The locked wallet that the path names, or NotFound."""
        wallet = self.find_wallet(wallet_id, client_id)
        if wallet is None:
            raise errors.NotFound()
        return wallet

    def wallets_of(self, user_id: UUID) -> list[LockedWallet]:
        return [wallet for wallet in self.wallets.values() if wallet.user_id == user_id]

    def movement(self, movement_id: UUID, wallet: LockedWallet) -> Leg:
        """The movement of the path in this wallet. Raises NotFound."""
        leg = self.movements.get(movement_id)
        if leg is None or leg.wallet_id != wallet.id:
            raise errors.NotFound()
        return leg

    def hold(self, hold_id: UUID, wallet: LockedWallet) -> LockedHold:
        """The hold of the path in this wallet, which is no freeze. Raises NotFound."""
        hold = self.holds.get(hold_id)
        if hold is None or hold.wallet_id != wallet.id or hold.is_freeze:
            raise errors.NotFound()
        if hold.is_overdue(self.now):
            raise errors.Inconsistent("the wallet did not know when its next hold expires")
        return hold

    def freeze(self, freeze_id: UUID, wallet: LockedWallet) -> LockedHold:
        """The freeze of this wallet. Raises NotFound, also for a hold with a target."""
        freeze = self.holds.get(freeze_id)
        if freeze is None or freeze.wallet_id != wallet.id or not freeze.is_freeze:
            raise errors.NotFound()
        return freeze

    def resource(
        self, kind: type[Resource], resource_id: UUID, wallet: LockedWallet
    ) -> Resource | None:
        """The external account or other resource, if this wallet has it."""
        found = self.resources.get(resource_id)
        return found if isinstance(found, kind) and found.wallet_id == wallet.id else None

    def active(self, kind: type[Resource], value: str, wallet: LockedWallet) -> Resource | None:
        """The active resource of this wallet whose unique column has the value, if any."""
        for found in self.resources.values():
            if not isinstance(found, kind) or found.wallet_id != wallet.id:
                continue
            if found.is_active and getattr(found, kind.unique) == value:
                return found
        return None

    def allowance(self, wallet: LockedWallet) -> Allowance | None:
        """The allowance of the wallet's owner in its currency; None without limits."""
        if not self.allowances:
            return None
        return self.allowances.get((wallet.user_id, wallet.currency))


@dataclass(slots=True)
class Changes(Opened):
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

    @property
    def size(self) -> tuple[int, int, int]:
        """How much was changed: nothing changes without an event, or a row to write."""
        return (
            len(self.legs) + len(self.changed_legs),
            len(self.facts),
            len(self.inserts) + len(self.updates),
        )

    @property
    def is_idle(self) -> bool:
        """Whether no answer depends on this COMMIT.

        A corrected `next_expiry` can be lost, because the next order corrects it again.
        """
        return not (any(self.size) or self.used_keys)

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
        **data: Any,
    ) -> None:
        """Record an event about an object of `owner`; `data` contains ids and codes only.

        An event of a wallet contains the wallet's money after the change. Amounts are in minor
        units.
        """
        about: dict[str, Any] = data
        if by.approval:
            about = {"approval": str(by.approval), **data}
        wallet_id = None
        if isinstance(owner, LockedWallet):
            wallet_id = owner.id
            about = {"balance": owner.balance, "held": owner.held, "seq": owner.seq, **about}
        self.facts.append(Fact(owner.client_id, subject, subject_id, kind, by, wallet_id, about))
