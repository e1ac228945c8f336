"""Stopping users and wallets, and letting them go on: orders of staff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from iocash import errors
from users.life import ACTIVATED, BLOCKED, require_transition
from wallets.books import Books
from wallets.life import SET_WALLET_STATUS, UserOrder
from wallets.orders import Outcome, WalletOrder
from wallets.rows import LockedUser

SET_USER_STATUS: Final = "UPDATE users_user SET status = %s WHERE id = %s"
BLOCK_REASONS: Final = (
    "CLIENT_REQUEST",
    "USER_REQUEST",
    "SUSPECTED_FRAUD",
    "LEGAL_ORDER",
    "RESOLVED",
    "OTHER",
)
"""Words from a list, for events carry no personal text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockUser(UserOrder):
    """Stop a user: its wallets neither pay nor receive until staff unblock it.

    `reason` is one of `BLOCK_REASONS`, for the record.

    Raises:
        NotFound: the client has no such user.
        InvalidTransition: the user is not activated.
    """

    reason: str

    def apply(self, books: Books) -> Outcome:
        user = self.user(books)
        require_transition(user.status, BLOCKED, user.id)
        return self.become(books, user, BLOCKED, "user.blocked", reason=self.reason)

    def become(
        self, books: Books, user: LockedUser, status: str, kind: str, **data: str
    ) -> Outcome:
        books.write(SET_USER_STATUS, status, user.id)
        books.tell("user", user.id, kind, user, self.by, **data)
        user.status = status
        return self.done(user.id)


class UnblockUser(BlockUser):
    """Let a blocked user go on: everything is as it was.

    Raises:
        NotFound: the client has no such user.
        InvalidTransition: the user is not blocked.
    """

    def apply(self, books: Books) -> Outcome:
        user = self.user(books)
        if user.status != BLOCKED:
            raise errors.InvalidTransition(user_id=user.id, status=user.status, requested=ACTIVATED)
        return self.become(books, user, ACTIVATED, "user.unblocked", reason=self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWallet(WalletOrder):
    """Stop one wallet: it neither pays nor receives until staff unblock it.

    Raises:
        NotFound: the client has no such wallet.
        InvalidTransition: the wallet is not ready.
    """

    made = "wallet"
    status = 200
    path: ClassVar[tuple[str, str, str]] = ("READY", "BLOCKED", "wallet.blocked")

    reason: str

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        before, after, kind = self.path
        if wallet.status != before:
            raise errors.InvalidTransition(
                wallet_id=wallet.id, status=wallet.status, requested=after
            )
        wallet.status = after
        books.write(SET_WALLET_STATUS, after, wallet.id)
        books.tell("wallet", wallet.id, kind, wallet, self.by, reason=self.reason)
        return self.done(wallet.id)


class UnblockWallet(BlockWallet):
    """Let a blocked wallet go on.

    Raises:
        NotFound: the client has no such wallet.
        InvalidTransition: the wallet is not blocked.
    """

    path = ("BLOCKED", "READY", "wallet.unblocked")
