"""Orders about scheduled operations: create, change, pause, resume and cancel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from iocash import errors
from users.models.approvals import ApprovalKind
from users.models.events import EventKind
from users.models.ids import new_id
from users.models.versions import require_version
from wallets.books import Books
from wallets.books.deeds import WatchedAction
from wallets.books.rows import LockedAccount, LockedWallet
from wallets.books.schedules import LockedSchedule
from wallets.orders.base import Needs, Outcome, WalletOrder

MOST_YEARS: Final = 10
"""How many years ahead a schedule may start."""

CHANGES: Final = {
    "ACTIVE": EventKind.SCHEDULED_OPERATION_RESUMED,
    "PAUSED": EventKind.SCHEDULED_OPERATION_PAUSED,
    "CANCELLED": EventKind.SCHEDULED_OPERATION_CANCELLED,
}
"""The event of each status that a change asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOrder(WalletOrder):
    """An order about a scheduled operation of the wallet."""

    made = "schedule"
    refuses: ClassVar[errors.Refusals] = (*WalletOrder.refuses, errors.InvalidFields)

    def check_minor(self, amount: Decimal | None, field: str, books: Books) -> int | None:
        """The amount in minor units of the wallet. Raises InvalidFields, about `field`."""
        wallet = self.wallet(books)
        if amount is None:
            return None
        if field == "trigger.target" and not amount:
            return 0
        try:
            return wallet.to_minor(amount)
        except errors.InvalidFields as wrong:
            named = (error._replace(field=field) for error in wrong.errors)
            raise errors.InvalidFields(*named) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSchedule(ScheduleOrder):
    """Schedule payments of `amount` to a wallet or a bank account.

    The payments are due on dates, or while the watched wallet's balance is below or above a
    threshold.

    Raises:
        NotFound: the client has no such wallet.
        InvalidFields: an amount is not one of the wallet's currency, the receiver is the wallet
            itself, or the start is in the past or too late.
        CurrencyMismatch: a wallet has another currency, or the caller expects another.
        TargetWalletNotFound: the client has no receiver, or no watched wallet, with this id.
        ExternalAccountNotFound: the wallet has no external account `account_id`.
        ExternalAccountRemoved: it was removed.
        WalletNotReady: the wallet or the receiver is closed.
    """

    status = 201
    is_watched = True
    refuses: ClassVar[errors.Refusals] = (
        *ScheduleOrder.refuses,
        errors.CurrencyMismatch,
        errors.TargetWalletNotFound,
        errors.ExternalAccountNotFound,
        errors.ExternalAccountRemoved,
        errors.WalletNotReady,
    )

    amount: Decimal | None = None
    expected_currency: str | None = None
    alias: str = ""
    concept: str = ""
    receiver: str
    target_id: UUID | None = None
    account_id: UUID | None = None
    iban: str = ""
    start_date: date | None = None
    frequency: str = ""
    count: int | None = None
    end_date: date | None = None
    time_zone: str | None = None
    missed_runs: str = "LATEST"
    retry_until: str = ""
    trigger: str = ""
    threshold: Decimal | None = None
    watched_id: UUID | None = None

    def needed(self) -> Needs:
        wallets = (self.wallet_id, self.target_id, self.watched_id)
        account = ((LockedAccount.table, self.account_id),) if self.account_id else ()
        return Needs(wallets=tuple({*filter(None, wallets)}), resources=account)

    def check_shape(self, books: Books) -> None:
        if self.expected_currency in {None, self.wallet(books).currency}:
            self.check_minor(self.amount, "amount", books)
            self.check_minor(self.threshold, "trigger.target", books)
        if self.target_id == self.wallet_id:
            raise errors.InvalidFields(
                errors.FieldError("receiver.account", "same_wallet", "Must be another wallet.")
            )

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        return self.never_alone(ApprovalKind.TRANSFER, books)

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        schedule = self.planned(wallet, books)
        wallet.require_currency(self.expected_currency or wallet.currency)
        wallet.require_open()
        self.require_receiver(wallet, books)
        self.require_start(schedule, books)
        schedule.next_at = books.now if self.trigger else schedule.due_at(1)
        books.insert(schedule)
        kind = EventKind.SCHEDULED_OPERATION_CREATED
        books.record("schedule", schedule.id, kind, wallet, self.by)
        return self.outcome(schedule.id)

    def planned(self, wallet: LockedWallet, books: Books) -> LockedSchedule:
        """The row of the schedule, of which nothing is checked yet."""
        return LockedSchedule(
            id=new_id(),
            client_id=wallet.client_id,
            wallet_id=wallet.id,
            status="ACTIVE",
            alias=self.alias,
            concept=self.concept,
            currency=wallet.currency,
            amount=self.check_minor(self.amount, "amount", books),
            receiver=self.receiver,
            target_id=self.target_id,
            account_id=self.account_id,
            iban=self.iban,
            start_date=self.start_date,
            frequency=self.frequency,
            count=self.count,
            end_date=self.end_date,
            time_zone=self.time_zone or settings.SCHEDULE_ZONE,
            missed_runs=self.missed_runs,
            retry_until=self.retry_until,
            trigger=self.trigger,
            threshold=self.check_minor(self.threshold, "trigger.target", books),
            watched_id=(self.watched_id or wallet.id) if self.trigger else None,
        )

    def require_receiver(self, wallet: LockedWallet, books: Books) -> None:
        for wallet_id in filter(None, (self.target_id, self.watched_id)):
            other = books.find_wallet(wallet_id, self.client_id)
            if other is None:
                raise errors.TargetWalletNotFound(target_wallet_id=wallet_id)
            other.require_open()
            other.require_currency(wallet.currency)
        if self.account_id is not None:
            account = books.resource(LockedAccount, self.account_id, wallet)
            if account is None:
                raise errors.ExternalAccountNotFound(external_account_id=self.account_id)
            account.require_active()

    def require_start(self, schedule: LockedSchedule, books: Books) -> None:
        """Refuse a start before today, or many years ahead, in the zone of the schedule."""
        if schedule.start_date is None:
            return
        today = books.now.astimezone(ZoneInfo(schedule.time_zone)).date()
        if schedule.start_date < today:
            words = errors.Message("Must be {today} or later.", today=today.isoformat())
            raise wrong_start("in_the_past", words)
        if schedule.start_date.year > today.year + MOST_YEARS:
            words = errors.Message("Must be at most {years} years ahead.", years=MOST_YEARS)
            raise wrong_start("too_late", words)


def wrong_start(code: str, words: errors.Message) -> errors.InvalidFields:
    return errors.InvalidFields(errors.FieldError("schedule.startDate", code, words))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSchedule(ScheduleOrder):
    """Change the alias, concept or amount of a scheduled operation, or its status.

    The values that it has already change nothing, in every status.

    Raises:
        NotFound: the client has no such wallet, or the wallet has no such scheduled operation.
        InvalidFields: the amount is not one of the wallet's currency.
        VersionConflict: it is not what the caller saw.
        ScheduledOperationEnded: it was cancelled, or has completed.
    """

    status = 200
    is_watched = True
    refuses: ClassVar[errors.Refusals] = (
        *ScheduleOrder.refuses,
        errors.VersionConflict,
        errors.ScheduledOperationEnded,
    )

    schedule_id: UUID
    alias: str | None = None
    concept: str | None = None
    amount: Decimal | None = None
    new_status: str | None = None
    """What to change; None: nothing. A blank alias or concept is none."""
    reason: str = ""
    """Why staff change it: a code."""

    def needed(self) -> Needs:
        schedule = LockedSchedule.table, self.schedule_id
        return Needs(wallets=(self.wallet_id,), resources=(schedule,))

    def check_shape(self, books: Books) -> None:
        self.check_minor(self.amount, "amount", books)

    def deeds(self, books: Books) -> Sequence[WatchedAction]:
        """Another amount orders other payments than its client did; all else orders none."""
        if self.amount is None:
            return []
        return self.never_alone(ApprovalKind.TRANSFER, books)

    def apply(self, books: Books) -> Outcome:
        wallet = self.wallet(books)
        schedule = books.resource(LockedSchedule, self.schedule_id, wallet)
        if schedule is None:
            raise errors.NotFound()
        require_version(schedule.version, self.if_match, scheduled_operation_id=schedule.id)
        amount = self.check_minor(self.amount, "amount", books)
        kinds = []
        if schedule.would_change(self.alias, self.concept, amount):
            kinds.append(EventKind.SCHEDULED_OPERATION_CHANGED)
        if self.new_status and self.new_status != schedule.status:
            kinds.append(CHANGES[self.new_status])
        if not kinds:
            return self.outcome(schedule.id)
        schedule.require_going_on()
        schedule.change(self.alias, self.concept, amount, self.new_status)
        books.update(schedule)
        data = {"reason": self.reason} if self.reason else {}
        for kind in kinds:
            books.record("schedule", schedule.id, kind, wallet, self.by, **data)
        return self.outcome(schedule.id)
