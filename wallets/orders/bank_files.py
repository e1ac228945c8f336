"""Orders about cash-outs in files for the bank, and about what the bank answers.

A file is the institution's and can have cash-outs of several clients, so each cash-out has an order
of its own. Who submits them posts all orders of a file in one transaction (`wallets.bank.files`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from iocash import errors
from wallets.books import Books
from wallets.orders.base import Needs, Outcome, PartOrder
from wallets.orders.cash_outs import CashOutOrder, RejectCashOut, SettleCashOut


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOrder(CashOutOrder):
    """An order about a cash-out in the file `file_id`."""

    file_id: UUID


class AddToFile(FileOrder):
    """Put a cash-out into a file. From then on only the file decides about it.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutSent: it was sent before.
        CashOutInFile: it is in a file.
        UserNotActive: its user is not activated.
    """

    refuses: ClassVar[errors.Refusals] = (
        *FileOrder.refuses,
        errors.CashOutSent,
        errors.CashOutInFile,
        errors.UserNotActive,
    )

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.require_unsent()
        leg.require_in_no_file()
        wallet.require_active_owner()
        return self.movement_outcome(books.move_to_file(leg, self.file_id))


class RemoveFromFile(FileOrder):
    """Take a cash-out out of a file that is discarded: it waits in the queue again.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutSent: it was sent.
        CashOutNotInFile: it is not in the file.
    """

    refuses: ClassVar[errors.Refusals] = (
        *FileOrder.refuses,
        errors.CashOutSent,
        errors.CashOutNotInFile,
    )

    def apply(self, books: Books) -> Outcome:
        _wallet, leg = self.pending(books)
        leg.require_unsent()
        leg.require_in_file(self.file_id)
        return self.movement_outcome(books.move_to_file(leg, None))


class SendInFile(FileOrder):
    """Mark a cash-out as sent to the bank, with the file that was approved.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutSent: it was sent before.
        CashOutNotInFile: it is not in the file.
        UserNotActive: its user is not activated any more.
    """

    refuses: ClassVar[errors.Refusals] = (
        *FileOrder.refuses,
        errors.CashOutSent,
        errors.CashOutNotInFile,
        errors.UserNotActive,
    )

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.require_unsent()
        leg.require_in_file(self.file_id)
        wallet.require_active_owner()
        return self.movement_outcome(books.mark_cash_out_sent(wallet, leg, self.by))


class RecallFromFile(FileOrder):
    """Take a cash-out back with its file, which was approved and never handed over.

    It waits in the queue again, as if it had not been sent. The database requires that its file was
    taken back in the same transaction.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutNotSent: it was not sent.
        CashOutNotInFile: it is not in the file.
    """

    refuses: ClassVar[errors.Refusals] = (
        *FileOrder.refuses,
        errors.CashOutNotSent,
        errors.CashOutNotInFile,
    )

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.require_sent()
        leg.require_in_file(self.file_id)
        return self.movement_outcome(books.recall_cash_out(wallet, leg, self.by))


class SettleByBank(SettleCashOut):
    """Settle a cash-out because the bank says that it has paid: by its answer or its statement.

    Or because two members of staff say so of one in a file.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutNotSent: it never went to the bank.
    """

    refuses: ClassVar[errors.Refusals] = (*CashOutOrder.refuses, errors.CashOutNotSent)

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.require_sent()
        return self.movement_outcome(books.settle_cash_out(wallet, leg, self.by))


class RejectByBank(RejectCashOut):
    """Reject a cash-out because the bank did: the reserved amount is available again.

    Or because two members of staff say so of one in a file.

    Raises:
        NotFound: the wallet has no such movement.
        MovementNotPending: it has ended.
        CashOutNotSent: it never went to the bank.
    """

    refuses: ClassVar[errors.Refusals] = (*CashOutOrder.refuses, errors.CashOutNotSent)

    def apply(self, books: Books) -> Outcome:
        wallet, leg = self.pending(books)
        leg.require_sent()
        leg.reason = self.reason
        return self.movement_outcome(books.release_cash_out(wallet, leg, "ERROR", self.by))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnCashOut(PartOrder):
    """Give back `amount` of a settled cash-out that the bank returned, or all that is left of it.

    The money is in the institution's account again, so neither limits nor a block refuse it. The
    movement has the IBAN and the holder of the cash-out; without a `reference` of its own, also
    that.

    Raises:
        NotFound: the wallet has no such movement.
        InvalidFields: `amount` is not one of the wallet's currency.
        CurrencyMismatch: the caller expects another currency.
        MovementNotReversible: it is no cash-out.
        MovementNotSettled: it is a cash-out that the bank has not paid.
        ReversalExceeded: less than `amount` is left to return, or nothing.
        WalletNotReady: the wallet is closed.
        LimitExceeded: the balance would pass its ceiling.
    """

    type = "REVERSAL"
    refuses: ClassVar[errors.Refusals] = (
        *PartOrder.refuses,
        errors.MovementNotReversible,
        errors.MovementNotSettled,
        errors.ReversalExceeded,
        errors.WalletNotReady,
        errors.LimitExceeded,
    )

    movement_id: UUID

    def needed(self) -> Needs:
        wallets = (self.wallet_id,)
        return Needs(wallets=wallets, settles=wallets, movements=(self.movement_id,))

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        leg = books.movement(self.movement_id, wallet)
        leg.require_returnable()
        before = books.reversed_amount(leg)
        amount = self.minor_or_none(books) or leg.magnitude - before
        leg.require_reversible_amount(amount, before)
        wallet.require_open()
        wallet.require_room(amount)
        return self.movement_outcome(
            books.return_cash_out(wallet, amount, self.inheriting(leg.reference), leg)
        )
