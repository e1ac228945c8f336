"""Orders about users and all of their wallets: activate, unsubscribe, block and unblock them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from iocash import errors
from users.models import User
from users.models.events import EventKind
from users.users import ACTIVATED, BLOCKED, CREATED, UNSUBSCRIBED, VERIFIED, require_transition
from wallets.books import Books
from wallets.books.deeds import FRAUD, require_no_fraud
from wallets.books.rows import LockedUser
from wallets.orders.base import Needs, Outcome, UserOrder
from wallets.orders.wallets import OpenWallet, close_wallet

BLOCK_REASONS: Final = (
    "CLIENT_REQUEST",
    "USER_REQUEST",
    FRAUD,
    "LEGAL_ORDER",
    "RESOLVED",
    "OTHER",
)
"""A fixed list, because events contain no personal texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateUser(UserOrder):
    """Mark `phone` as verified; activate a new user and open its first wallet.

    The one-time password was compared before; it is voided here, under the lock.

    Raises:
        NotFound: the client has no such user.
        AlreadyVerified: of two at the same time, the other was first.
        OtpExpired: the number has changed since the password was sent.
        AlreadyExists: another user has taken the number in the meantime.
    """

    refuses: ClassVar[errors.Refusals] = (
        errors.NotFound,
        errors.AlreadyVerified,
        errors.OtpExpired,
        errors.AlreadyExists,
    )

    phone: str

    def apply(self, books: Books) -> Outcome:
        user = self.user(books)
        waiting = user.unverified_phone or (user.mobile_phone if user.status == CREATED else "")
        if not waiting:
            raise errors.AlreadyVerified(user_id=user.id, status=user.status)
        if waiting != self.phone:
            raise errors.OtpExpired(user_id=user.id)
        user.mobile_phone, user.unverified_phone = self.phone, ""
        user.voids_otps = True
        books.update(user)
        books.record("user", user.id, EventKind.USER_PHONE_VERIFIED, user, self.by)
        if user.status == CREATED:
            self.activate(books, user)
        return self.outcome(user.id)

    def explain(self, constraint: str) -> errors.Refused | None:
        if constraint != "user_mobile_phone_is_taken_once":
            return None
        other = User.objects.filter(client=self.client_id, mobile_phone=self.phone).first()
        if other is None:  # the user has changed the number meanwhile
            return None
        return errors.AlreadyExists(field="mobilePhone", user_id=other.id)

    def activate(self, books: Books, user: LockedUser) -> None:
        for status in (VERIFIED, ACTIVATED):
            user.status = status
            books.record("user", user.id, EventKind(f"user.{status.lower()}"), user, self.by)
        first = OpenWallet(
            client_id=self.client_id,
            by=self.by,
            user_id=user.id,
            dlt_address=user.dlt_address,
            dlt_network=user.dlt_network,
        )
        first.open(books, user)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeUser(UserOrder):
    """Close a user and its wallets permanently.

    Raises:
        NotFound: the client has no such user.
        InvalidTransition: the user's status can't become UNSUBSCRIBED.
        WalletNotEmpty: one of its wallets holds money.
    """

    refuses: ClassVar[errors.Refusals] = (
        errors.NotFound,
        errors.InvalidTransition,
        errors.WalletNotEmpty,
    )

    def apply(self, books: Books) -> Outcome:
        user = self.user(books)
        if user.status != UNSUBSCRIBED:
            self.unsubscribe(books, user)
        return self.outcome(user.id)

    def unsubscribe(self, books: Books, user: LockedUser) -> None:
        require_transition(user.status, UNSUBSCRIBED, user.id)
        wallets = books.wallets_of(user.id)
        for wallet in wallets:
            wallet.require_empty()
        for wallet in wallets:
            close_wallet(books, wallet, self)
        user.status, user.unverified_phone = UNSUBSCRIBED, ""
        user.unsubscribed_at = books.now
        user.voids_otps = True
        books.update(user)
        books.record("user", user.id, EventKind.USER_UNSUBSCRIBED, user, self.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockUser(UserOrder):
    """Block a user: its wallets can't pay or receive until staff unblock it.

    `reason` is one of `BLOCK_REASONS` and is recorded in the event.

    Raises:
        NotFound: the client has no such user.
        InvalidTransition: the user is not activated.
    """

    refuses: ClassVar[errors.Refusals] = (errors.NotFound, errors.InvalidTransition)
    path: ClassVar[tuple[str, str, EventKind]] = (ACTIVATED, BLOCKED, EventKind.USER_BLOCKED)

    reason: str

    def apply(self, books: Books) -> Outcome:
        user = self.user(books)
        before, after, kind = self.path
        if user.status != before:
            raise errors.InvalidTransition(user_id=user.id, status=user.status, requested=after)
        user.status = after
        books.update(user)
        books.record("user", user.id, kind, user, self.by, reason=self.reason)
        return self.outcome(user.id)


class UnblockUser(BlockUser):
    """Unblock a user: its wallets have the status that they had before.

    Raises:
        NotFound: the client has no such user.
        InvalidTransition: the user is not blocked.
        ApprovalRequired: it was blocked for suspected fraud, and one member of staff unblocks it.
    """

    refuses: ClassVar[errors.Refusals] = (*BlockUser.refuses, errors.ApprovalRequired)
    path: ClassVar[tuple[str, str, EventKind]] = (BLOCKED, ACTIVATED, EventKind.USER_UNBLOCKED)

    def needed(self) -> Needs:
        blocks = (self.user_id,) if self.by.is_alone else ()
        return super().needed()._replace(blocks=blocks)

    def apply(self, books: Books) -> Outcome:
        if self.user(books).status == BLOCKED:
            require_no_fraud(books, self.by, self.user_id)
        return super().apply(books)
