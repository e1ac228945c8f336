"""The order that makes a run of a scheduled operation.

The payment, the run and the next due time are written in one transaction, under the lock of the
wallet. Before, the locked row says whether a run is due, and which: so each run is made once,
whatever is killed and however many workers submit the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import ClassVar, Final
from uuid import UUID

from iocash import errors, money
from users.models.events import By, EventKind
from users.models.ids import new_id
from wallets.books import Books
from wallets.books.rows import LockedWallet
from wallets.books.schedules import LockedRun, LockedSchedule
from wallets.orders.base import MoneyOrder, Needs, Outcome, Result, WalletOrder, attempt
from wallets.orders.cash_outs import CashOut
from wallets.orders.forced import refuse_if_asked
from wallets.orders.payments import Transfer

SCHEDULER: Final = By("system:schedules")
"""The actor of runs."""

KINDS: Final = {
    "SUCCESS": EventKind.SCHEDULED_EXECUTION_SUCCEEDED,
    "PENDING": EventKind.SCHEDULED_EXECUTION_PENDING,
    "FAILED": EventKind.SCHEDULED_EXECUTION_FAILED,
    "SKIPPED": EventKind.SCHEDULED_EXECUTION_SKIPPED,
}
"""The event of a run, by its status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSchedule(WalletOrder):
    """Make the run of a scheduled operation that is due now, if one is.

    A refusal of the payment does not refuse this order: the run is FAILED. A run is SKIPPED if the
    scheduled operation is paused, its client is suspended, its wallet or the owner can't pay, or a
    later run is due already.
    What names the payee never changes, so it is known before the locks; all else is read under
    them.

    Raises:
        NotFound: the client has no such wallet, or the wallet has no such scheduled operation.
    """

    made = "schedule"
    status = 200
    refuses: ClassVar[errors.Refusals] = WalletOrder.refuses

    schedule_id: UUID
    target_id: UUID | None = None
    account_id: UUID | None = None
    iban: str = ""
    watched_id: UUID | None = None

    def needed(self) -> Needs:
        watched = Needs(wallets=(self.watched_id,) if self.watched_id else ())
        schedule = Needs(resources=((LockedSchedule.table, self.schedule_id),))
        return Needs.of_all([self.payment(Decimal(1), "").needs, watched, schedule])

    def payment(self, amount: Decimal, concept: str) -> MoneyOrder:
        """The order that pays the receiver."""
        if self.target_id:
            return Transfer(
                client_id=self.client_id,
                by=self.by,
                wallet_id=self.wallet_id,
                amount=amount,
                concept=concept,
                target_id=self.target_id,
            )
        return CashOut(
            client_id=self.client_id,
            by=self.by,
            wallet_id=self.wallet_id,
            amount=amount,
            concept=concept,
            account_id=self.account_id,
            iban=self.iban,
        )

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        schedule = books.resource(LockedSchedule, self.schedule_id, wallet)
        if schedule is None:
            raise errors.NotFound()
        if schedule.is_due(books.now):
            run = self.run_triggered if schedule.trigger else self.run_dated
            run(books, wallet, schedule)
        return self.outcome(schedule.id)

    def run_dated(self, books: Books, wallet: LockedWallet, schedule: LockedSchedule) -> None:
        """Make the run that is due; or try it again later, if it lacks funds."""
        amount = schedule.amount or 0
        answer: Result | str = reason_to_skip(books, wallet, schedule)
        if not answer:
            answer = attempt(partial(self.pay, books, schedule, amount))
            again = schedule.retry_at(books.now)
            if isinstance(answer, errors.InsufficientFunds) and again:
                schedule.next_at, schedule.taken_until = again, None
                books.update(schedule)
                return
        run = self.new_run(schedule, schedule.date_of(schedule.next_number), amount)
        self.write(books, wallet, run, answer)
        has_more = schedule.advance()
        if wallet.status == "UNSUBSCRIBED":
            self.end(books, wallet, schedule, "CANCELLED")
        elif not has_more:
            self.end(books, wallet, schedule, "COMPLETED")
        books.update(schedule)

    def run_triggered(self, books: Books, wallet: LockedWallet, schedule: LockedSchedule) -> None:
        """Make a run if the balance of the watched wallet asks for it, and the wallet can pay."""
        watched = books.find_wallet(schedule.watched_id or wallet.id, self.client_id)
        apart = schedule.difference(watched.available) if watched else 0
        if wallet.status == "UNSUBSCRIBED":
            self.end(books, wallet, schedule, "CANCELLED")
            books.update(schedule)
        if apart <= 0 or reason_to_skip(books, wallet, schedule):
            return
        amount = schedule.amount or apart
        run = self.new_run(schedule, schedule.local_day(books.now), amount)
        answer = attempt(partial(self.pay, books, schedule, amount))
        self.write(books, wallet, run, answer)
        schedule.count_triggered(books.now)
        books.update(schedule)

    def end(
        self, books: Books, wallet: LockedWallet, schedule: LockedSchedule, status: str
    ) -> None:
        """End the scheduled operation with its wallet, or after its last run."""
        schedule.end(status)
        kind = EventKind(f"scheduled_operation.{status.lower()}")
        books.record("schedule", schedule.id, kind, wallet, self.by)

    def new_run(self, schedule: LockedSchedule, day: date, amount: int) -> LockedRun:
        """The row of a run of which nothing is known yet."""
        return LockedRun(
            id=new_id(),
            client_id=schedule.client_id,
            wallet_id=schedule.wallet_id,
            status="",
            schedule_id=schedule.id,
            number=schedule.next_number,
            due_date=day,
            code="",
            currency=schedule.currency,
            amount=amount,
        )

    def pay(self, books: Books, schedule: LockedSchedule, amount: int) -> Outcome:
        """Apply the payment.

        Raises:
            Refused: a rule does not allow it.
            Inconsistent: it changed the books before it was refused, which is a bug.
        """
        decimal = Decimal(money.to_text(amount, schedule.currency))
        order, before = self.payment(decimal, schedule.concept), books.size
        try:
            order.check_shape(books)
            refuse_if_asked(order, books, by_rules_only=True)
            return order.apply(books)
        except errors.Refused:
            if books.size != before:
                raise errors.Inconsistent("a run changed the books, then was refused") from None
            raise

    def write(
        self, books: Books, wallet: LockedWallet, run: LockedRun, answer: Result | str
    ) -> None:
        """Add the run with its outcome: of the payment, its refusal, or a reason to skip it."""
        data = {"schedule": str(run.schedule_id), "number": str(run.number)}
        if isinstance(answer, Outcome):
            run.status = answer.legs[0].status
            run.movement_id = answer.id
            data["movement"] = str(answer.id)
        else:
            is_refused = isinstance(answer, errors.Refused)
            run.status = "FAILED" if is_refused else "SKIPPED"
            run.code = answer.code if isinstance(answer, errors.Refused) else answer
            data["code"] = run.code
        books.insert(run)
        books.record("run", run.id, KINDS[run.status], wallet, self.by, **data)


def reason_to_skip(books: Books, wallet: LockedWallet, schedule: LockedSchedule) -> str:
    """The code of why a run is not executed; blank: it is."""
    if schedule.status == "PAUSED":
        return "scheduled_operation_paused"
    if schedule.client_id in books.suspended:
        return errors.ClientSuspended.code
    if not schedule.trigger and schedule.is_missed(books.now):
        return "run_missed"
    try:
        wallet.require_ready()
    except (errors.WalletNotReady, errors.UserNotActive) as refusal:
        return refusal.code
    return ""
