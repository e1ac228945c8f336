"""Scheduled operations of tests: on paper, and in the database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.support import people
from tests.support.books import ALICES, BOBS, about
from wallets import posting
from wallets.books import Books
from wallets.books.schedules import LockedRun, LockedSchedule
from wallets.duties.schedules import RunSchedules
from wallets.models import ScheduledOperation, ScheduledRun, Wallet
from wallets.orders.runs import SCHEDULER, RunSchedule
from wallets.orders.schedules import ChangeSchedule, CreateSchedule
from wallets.posting.group import run

IBAN = "ES9121000418450200051332"
FIRST = date(2026, 1, 31)
"""The day of the books on paper, whose time is noon in UTC."""


def monthly(**values: Any) -> CreateSchedule:
    """Alice pays Bob 10.00 EUR on the last day of each month, from today on, at 6 in UTC."""
    order = about(
        ALICES,
        amount=Decimal("10.00"),
        receiver="WALLET",
        target_id=BOBS,
        start_date=FIRST,
        frequency="MONTHLY",
        time_zone="UTC",
    )
    return CreateSchedule(**order | values)


def sweep(**values: Any) -> CreateSchedule:
    """Alice pays Bob what she has above 80.00 EUR."""
    order = about(
        ALICES,
        receiver="WALLET",
        target_id=BOBS,
        trigger="BALANCE_ABOVE",
        threshold=Decimal("80.00"),
        time_zone="UTC",
    )
    return CreateSchedule(**order | values)


def to_a_bank(**values: Any) -> CreateSchedule:
    """The same to a bank account."""
    own = {"receiver": "EXTERNAL_BANK_ACCOUNT", "target_id": None, "iban": IBAN}
    return monthly(**own | values)


def kinds(books: Books) -> list[str]:
    """The kinds of all events until now."""
    return [fact.kind.value for fact in books.facts]


def instant(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_schedule(books: Books, order: CreateSchedule | None = None) -> LockedSchedule:
    row = books.resources[run(books, order or monthly()).id]
    assert isinstance(row, LockedSchedule)
    return row


def a_run(schedule: LockedSchedule) -> RunSchedule:
    return RunSchedule(
        client_id=schedule.client_id,
        wallet_id=schedule.wallet_id,
        by=SCHEDULER,
        schedule_id=schedule.id,
        target_id=schedule.target_id,
        account_id=schedule.account_id,
        iban=schedule.iban,
        watched_id=schedule.watched_id,
    )


def run_at(books: Books, schedule: LockedSchedule, at: str) -> list[LockedRun]:
    """Submit a run at this time; return the rows of all runs until now."""
    books.now = instant(at)
    run(books, a_run(schedule))
    return runs_of(books)


def runs_of(books: Books) -> list[LockedRun]:
    return [row for row in books.inserts if isinstance(row, LockedRun)]


def change(schedule: LockedSchedule, **changes: Any) -> ChangeSchedule:
    return ChangeSchedule(**about(ALICES, schedule_id=schedule.id, **changes))


# --- In the database -----------------------------------------------------------------------------


def scheduled(source: Wallet, target: Wallet, **values: Any) -> ScheduledOperation:
    """Schedule 10.00 a day to `target`, from today on."""
    order = {
        **people.about(source),
        "amount": people.decimal(10_00, source.currency),
        "receiver": "WALLET",
        "target_id": target.id,
        "start_date": datetime.now(UTC).date(),
        "frequency": "DAILY",
        "time_zone": "UTC",
    }
    return found(posting.submit(CreateSchedule(**order | values)).id)


def found(schedule_id: UUID) -> ScheduledOperation:
    return ScheduledOperation.objects.get(id=schedule_id)


def make_due(*schedules: ScheduledOperation, number: int = 1) -> None:
    """Make run `number` of each the one that is due now, and has just become due."""
    for schedule in schedules:
        ScheduledOperation.objects.filter(id=schedule.id).update(
            next_number=number, next_at=datetime.now(UTC) - timedelta(minutes=1)
        )


def a_run_of(row: dict[str, Any]) -> RunSchedule:
    """The order of a worker that has taken this row."""
    return RunSchedule(**row, by=SCHEDULER)


def change_stored(schedule: ScheduledOperation, **changes: Any) -> None:
    about_it = people.about(schedule.wallet, schedule_id=schedule.id)
    posting.submit(ChangeSchedule(**about_it, **changes))


def a_bank_schedule(source: Wallet, target: Wallet, number: int) -> UUID:
    """Schedule `number` minor units a day to a bank account, from today on."""
    about_it = {"receiver": "EXTERNAL_BANK_ACCOUNT", "target_id": None, "iban": IBAN}
    amount = people.decimal(number, source.currency)
    texts = {"alias": "Rent", "concept": "Rent"}
    return scheduled(source, target, amount=amount, **about_it, **texts).id


def an_execution(source: Wallet, target: Wallet, number: int) -> UUID:
    """Make the next run of the wallet's latest schedule to a bank account."""
    every = ScheduledOperation.objects.going_on().filter(wallet=source, target=None)
    schedule = every.order_by("created_at", "id").last()
    schedule = schedule or found(a_bank_schedule(source, target, number))
    make_due(schedule, number=schedule.next_number)
    RunSchedules().perform()
    return ScheduledRun.objects.filter(schedule=schedule).latest("number").id
