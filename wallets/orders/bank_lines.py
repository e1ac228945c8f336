"""The order that explains a line of a bank statement.

The movement and the outcome of the line are written in one transaction. Each line has one outcome,
and each movement belongs to one line, by constraints: so each line is booked once, whatever is
killed and whoever submits the order again.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from iocash import errors
from users.models.idempotency import OWN_KEY
from users.models.ids import new_id
from wallets.books import Books
from wallets.books.bank import LockedOutcome
from wallets.orders.bank_files import ReturnCashOut, SettleByBank
from wallets.orders.base import Needs, Outcome, WalletOrder
from wallets.orders.payments import CashIn

ONCE: Final = frozenset({"bank_line_is_explained_once", "bank_outcome_names_a_movement_once"})


def key_of_line(line_id: UUID) -> str:
    """The idempotency key of a line. The id of a line stands for all that identifies it."""
    return f"{OWN_KEY}bank-line-{line_id.hex}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainLine(WalletOrder):
    """Explain a line by a movement of the wallet, and make or settle that movement if it is due.

    Without a movement, a credit of `amount` becomes a cash-in. `settles`: the movement is a sent
    cash-out, and the line is its debit. `returns`: it is a settled cash-out, and the line brings
    `amount` of it back. Else the movement is settled and stays as it is.

    Raises:
        NotFound: the client has no such wallet, or the wallet has no such movement.
        InvalidFields, CurrencyMismatch: `amount` is not one of the wallet's currency.
        CashInsFromBank: somebody else than the bank orders the cash-in.
        WalletNotReady, UserNotActive, LimitExceeded: the wallet or its owner may not receive.
        MovementNotPending, CashOutNotSent: the cash-out can't be settled.
        MovementNotReversible, MovementNotSettled, ReversalExceeded: it can't be returned.
        IdempotencyKeyReused: the line, or the movement, has an outcome of another kind.
    """

    made = "movement"
    status = 200
    refuses: ClassVar[errors.Refusals] = (
        *CashIn.refuses,
        errors.MovementNotPending,
        errors.CashOutNotSent,
        errors.MovementNotReversible,
        errors.MovementNotSettled,
        errors.ReversalExceeded,
        errors.IdempotencyKeyReused,
    )

    line_id: UUID
    amount: Decimal
    currency: str
    movement_id: UUID | None = None
    settles: bool = False
    returns: bool = False
    concept: str | None = None
    reference: str | None = None
    decision_id: UUID | None = None
    reason: str = ""

    def needed(self) -> Needs:
        payment = self.payment()
        if payment is not None:
            return payment.needs
        movements = (self.movement_id,) if self.movement_id else ()
        return Needs(wallets=(self.wallet_id,), movements=movements)

    def payment(self) -> CashIn | SettleByBank | ReturnCashOut | None:
        """The order that moves the money; None: it has moved."""
        about: dict[str, Any] = {
            "client_id": self.client_id,
            "by": self.by,
            "wallet_id": self.wallet_id,
        }
        words: dict[str, Any] = {
            "amount": self.amount,
            "concept": self.concept,
            "reference": self.reference,
            "expected_currency": self.currency,
        }
        if self.movement_id is None:
            return CashIn(**about, **words)
        if self.settles:
            return SettleByBank(**about, movement_id=self.movement_id)
        if self.returns:
            return ReturnCashOut(**about, **words, movement_id=self.movement_id)
        return None

    def check_shape(self, books: Books) -> None:
        payment = self.payment()
        if payment is not None:
            payment.check_shape(books)

    def apply(self, books: Books) -> Outcome:
        payment = self.payment()
        outcome = payment.apply(books) if payment else self.settled_before(books)
        books.insert(
            LockedOutcome(
                id=new_id(),
                client_id=self.client_id,
                wallet_id=self.wallet_id,
                status="ASSIGNED" if self.decision_id else "MATCHED",
                line_id=self.line_id,
                movement_id=outcome.id,
                actor=self.by.actor,
                decision_id=self.decision_id,
                reason=self.reason,
            )
        )
        return self.outcome(outcome.id, *outcome.legs)

    def settled_before(self, books: Books) -> Outcome:
        """The movement that the line explains, and does not change."""
        if self.movement_id is None:
            raise errors.Inconsistent("a line without a payment has a movement")
        return self.movement_outcome(books.movement(self.movement_id, self.wallet(books)))

    def explain(self, constraint: str) -> errors.Refused | None:
        if constraint in ONCE:
            return errors.IdempotencyKeyReused(resource="bank line", id=self.line_id)
        return None
