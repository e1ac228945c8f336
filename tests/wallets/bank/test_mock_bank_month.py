"""A month with a real counterparty: nothing is lost, and nothing is booked twice.

Twenty days of the bank with a thousand payments each, and its misbehaviours. Takes 15 min.
"""

from __future__ import annotations

import random
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import Sum

from iocash.db import clock
from tests.support import bank as our_bank
from tests.support import bank_files, credits_of_bank, mock_bank, people, sandbox
from tests.support import large_statements as large
from tests.support.mock_bank import ACME, CLOSED, ELSEWHERE, UNKNOWN_BANK, MockBank
from users.models.events import By
from wallets.bank import answers, booking, safeguarding, safeguarding_reports
from wallets.bank.messages.camt import ReadStatement, read_statements
from wallets.bank.messages.xml import Unreadable
from wallets.bank.statements import import_statement
from wallets.models import BankAccount, BankLine, BankOutcome, Movement, Wallet
from wallets.orders.base import Outcome
from wallets.orders.cash_outs import CashOut
from wallets.posting import group

pytestmark = [pytest.mark.django_db, pytest.mark.long]

DAYS, CREDITS, CASH_OUTS, PEOPLE = 20, 700, 300, 20
NAMELESS = 40
"""Credits of a day that name no wallet."""

PAID = [*[ELSEWHERE] * (CASH_OUTS - 10), *[CLOSED] * 5, *[UNKNOWN_BANK] * 5]
BEHAVIOURS = {5: "reject-file", 7: "return-later", 10: "insufficient-funds", 13: "silent"}
POOR, TWICE, GAP = 10, 15, 19
"""The days on which the account has less than it must, a file is uploaded twice, and the statement
lacks an entry."""

LEFT = 200_00
"""What the account has on the poor day: less than the payments of the day."""


@dataclass
class Month:
    """The bank, our side, and what was measured."""

    bank: MockBank
    account: BankAccount
    wallets: list[Wallet]
    members: tuple[By, By]
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    statements: dict[tuple[date, str], ReadStatement] = field(default_factory=dict)
    day: date = date.min
    lines: int = 0
    seconds: float = 0.0
    sent: list[Any] = field(default_factory=list)

    def receive_credits(self) -> None:
        """Most name the IBAN of a wallet, some its id, and some nothing."""
        for number in range(CREDITS):
            wallet = self.wallets[number % PEOPLE]
            text = f"Invoice {number} {wallet.iban}" if number % 10 else f"to {wallet.id}"
            note = "no name" if number < NAMELESS else text
            credits_of_bank.arrives(self.bank, 100 + number, note)

    def send_cash_outs(self, number: int) -> None:
        ibans = [*PAID]
        self.chance.shuffle(ibans)
        orders = [
            CashOut(
                **people.about(self.wallets[place % PEOPLE]),
                amount=people.decimal(1_00 + place % 7),
                iban=iban,
                holder_name="Zoë Müller",
            )
            for place, iban in enumerate(ibans)
        ]
        made = [each for first in range(0, len(orders), 100) for each in posted(orders, first)]
        self.sent += [each.id for each in made]
        found = Movement.objects.in_bulk([each.id for each in made])
        file = bank_files.build(
            self.account, found.values(), self.members[0], execution_date=self.day
        )
        bank_files.send(file, self.members[1])
        self.bank.receive(bank_files.content_of(file))
        if number == TWICE:
            self.bank.receive(bank_files.content_of(file))

    def balance(self) -> int:
        """What the account has at the bank."""
        found: int = self.bank.ask("GET", "/_mock/accounts/ACME")["balance"]
        return found

    def add_to_balance(self, amount: int) -> None:
        """Change it without an entry in a statement."""
        if amount:
            self.bank.behave("ACME", balance=self.balance() + amount)

    def pass_day(self) -> None:
        """Until the next day on which the bank works, by its clock and by ours."""
        days = 3 if self.day.weekday() == 4 else 1
        self.bank.advance(days)
        self.day += timedelta(days=days)
        self.set_clock()

    def set_clock(self) -> None:
        sandbox.set_clock(datetime.combine(self.day, time(9), ZoneInfo("Europe/Amsterdam")))

    def import_all(self) -> None:
        """Each message comes twice, in any order; answers come first, as they do from banks."""
        for content in self.bank.answers():
            for _ in range(2):
                answers.import_status(content=content, by=people.BY)
        contents = [
            each
            for kind in ("camt.053", "camt.054")
            for each in self.bank.answers(kind)
            if read_statements(each)[0].account == ACME
        ]
        for each in contents:
            for statement in read_statements(each):
                if statement.kind == "camt.053":
                    self.statements[statement.end or date.min, statement.name] = statement
        shuffled = [*contents, *contents]
        self.chance.shuffle(shuffled)
        before = BankLine.objects.count()
        for number, each in enumerate(shuffled):
            _, seconds = large.timed(
                lambda content=each, name=f"{number}.xml": import_statement(
                    content, name=name, actor="system:tests"
                )
            )
            self.seconds += seconds
        booking.retry()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # nothing is committed, so nobody else does
        self.lines += BankLine.objects.count() - before

    def expected_difference(self) -> int:
        """By the statements alone: what all entries lead to, less what the bank says it has."""
        ordered = [self.statements[each] for each in sorted(self.statements)]
        opening, closing = ordered[0].opening, ordered[-1].closing
        assert opening is not None
        assert closing is not None
        return opening + sum(each.total for each in ordered) - closing


def posted(orders: list[CashOut], first: int) -> list[Outcome]:
    found = group.post(orders[first : first + 100])
    assert all(isinstance(each, Outcome) for each in found), found
    return [each for each in found if isinstance(each, Outcome)]


def monday_before() -> date:
    """A Monday five weeks ago."""
    today = clock.today() - timedelta(days=35)
    return today - timedelta(days=today.weekday())


@pytest.fixture
def month(client_demo: Any) -> Iterator[Month]:
    begin = monday_before()
    account = our_bank.an_account(client_demo, iban=ACME)
    with sandbox.made(), mock_bank.running(f"{begin.isoformat()}T09:00") as bank:
        values = [
            people.BOB | {"user_name": f"bob-{each}", "mobile_phone": f"+346000001{each:02}"}
            for each in range(PEOPLE)
        ]
        users = [people.a_user(client_demo, each) for each in values]
        wallets = [people.first_wallet(each) for each in users]
        for each in wallets:
            our_bank.an_iban(each)
        found = Month(bank, account, wallets, bank_files.two_members(), day=begin)
        found.set_clock()
        yield found


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_month_of_a_bank_is_explained_to_the_cent(month, capsys):
    first_memory = memory()
    for number in range(1, DAYS + 1):
        prepare(month, number)
        taken = month.balance() - LEFT if number == POOR else 0
        month.add_to_balance(-taken)
        month.receive_credits()
        if number > 1:
            month.send_cash_outs(number)
        month.pass_day()
        month.import_all()
        check_day(month, number, taken)
        with capsys.disabled():
            sys.stdout.write(f" {number}: {month.lines} lines, {month.seconds:.0f} s;")
            sys.stdout.flush()
        month.add_to_balance(taken)
    month.bank.behave("ACME", behaviour="accept")
    for _ in range(4):
        month.pass_day()
        month.import_all()
    check_month(month)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{month.lines} lines, {month.seconds / month.lines * 1000:.1f} s for 1,000; memory "
            f"{first_memory} -> {memory()} MiB; {our_bank.states()}; difference "
            f"{month.expected_difference()}\n"
        )


def prepare(month: Month, number: int) -> None:
    """Let the bank behave as it does on this day."""
    behaviour = BEHAVIOURS.get(number, "statement-gap" if number == GAP else "accept")
    values = {"parameters": {"days": 2}} if behaviour == "return-later" else {"parameters": {}}
    month.bank.behave("ACME", behaviour=behaviour, **values)


def check_day(month: Month, number: int, taken: int) -> None:
    """The equation holds, or is wrong by what was taken from the account, or is in no statement."""
    (position,) = safeguarding.safeguarding_positions()
    assert position.difference == month.expected_difference(), number
    if number < GAP:
        assert position.difference == taken, number
    else:
        assert position.difference != 0, number
    report = safeguarding_reports.make_report()
    assert report is not None
    assert {each.type for each in position.unmatched} <= {"CASH_OUT"}


def check_month(month: Month) -> None:
    """Each payment has one end, each line one outcome, and the sum of all is the bank's."""
    cash_outs = Movement.objects.filter(id__in=month.sent)
    assert cash_outs.count() == CASH_OUTS * (DAYS - 1)
    ends = {each: cash_outs.filter(status=each).count() for each in ("SUCCESS", "ERROR", "PENDING")}
    rejected = 10 * (DAYS - 2) + CASH_OUTS
    assert ends["ERROR"] >= rejected, ends
    explained = BankOutcome.objects.filter(movement__isnull=False)
    assert len({*explained.values_list("movement", flat=True)}) == explained.count()
    nameless = BankLine.objects.unexplained().filter(reason="no_wallet")
    assert abs(nameless.count() - NAMELESS * DAYS) <= 1
    lines = BankLine.objects.filter(outcomes__movement__isnull=False)
    moved = Movement.objects.filter(id__in=explained.values("movement"))
    total = moved.aggregate(total=Sum("amount"))["total"]
    assert total == sum(each.sign * each.amount for each in lines)
    settled = Movement.objects.filter(wallet__in=month.wallets, status="SUCCESS")
    held = Wallet.objects.filter(id__in=[each.id for each in month.wallets])
    assert held.aggregate(total=Sum("balance"))["total"] == settled.aggregate(t=Sum("amount"))["t"]
    with pytest.raises(Unreadable):
        import_statement(b"<a/>", name="a.xml", actor="system:tests")
