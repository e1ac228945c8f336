"""A month with a real counterparty: nothing is lost, and nothing is booked twice.

More than 1,000 payments in and 1,000 out on 21 days, with all misbehaviours of the bank. The
importer is a process that is killed three times a day. Takes 4 min.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum

from iocash.db import clock
from tests.support import (
    audited,
    bank_files,
    bank_importer,
    credits_of_bank,
    mock_bank,
    people,
    sandbox,
)
from tests.support import bank as our_bank
from tests.support.bank_importer import ANSWER, STATEMENT, Delivery
from tests.support.bank_work import Nursery
from tests.support.embedded_postgres import linux
from tests.support.mock_bank import ACME, CLOSED, ELSEWHERE, UNKNOWN_BANK, MockBank
from tests.support.server import database_of_tests
from users.models import barrier
from users.models.events import By
from wallets.bank import safeguarding, safeguarding_reports
from wallets.bank.messages.camt import ReadStatement, read_statements
from wallets.models import BankAccount, BankLine, BankOutcome, Movement, Wallet
from wallets.orders.base import Outcome
from wallets.orders.cash_outs import CashOut
from wallets.posting import group

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long, linux]

DAYS, CREDITS, CASH_OUTS, PEOPLE = 21, 52, 52, 20
NAMELESS = 4
"""Credits of a day that name no wallet."""

PAID = [*[ELSEWHERE] * (CASH_OUTS - 6), *[CLOSED] * 3, *[UNKNOWN_BANK] * 3]
BEHAVIOURS = {
    5: "reject-file",
    7: "return-later",
    10: "insufficient-funds",
    13: "silent",
    15: "duplicate-file",
    19: "statement-gap",
}
POOR, TWICE, GAP = 10, 15, 19
"""The days on which the account has less than it must, a file is uploaded twice, and the statement
lacks an entry."""

LEFT = 20_00
"""What the account has on the poor day: less than the payments of the day."""

KILLS = 3
"""The kills of a day: early in an answer or a notification, and in the statement."""

SOON, LATE = 0.03, 0.4
"""Seconds after the beginning of a file within which the importer is killed; a statement takes
longer than other files."""


@dataclass
class Month:
    """The bank, our side, and what has happened."""

    bank: MockBank
    account: BankAccount
    wallets: list[Wallet]
    members: tuple[By, By]
    nursery: Nursery
    folder: Path
    is_apart: bool = False
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    statements: dict[tuple[date, str], ReadStatement] = field(default_factory=dict)
    notified: dict[str, int] = field(default_factory=dict)
    """The entries of all notifications, by the reference of the bank."""
    day: date = date.min
    sent: list[Any] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    """At how many files of which kind the importer was killed."""
    seconds: float = 0.0

    def receive_credits(self) -> None:
        """Most name the IBAN of a wallet, some its id, and some nothing."""
        for number in range(CREDITS):
            wallet = self.wallets[number % PEOPLE]
            text = f"Invoice {number} {wallet.iban}" if number % 10 else f"to {wallet.id}"
            note = "no name" if number < NAMELESS else text
            credits_of_bank.arrives(self.bank, 1_80 + number, note)

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
        made = group.post(orders)
        assert all(isinstance(each, Outcome) for each in made), made
        ids = [each.id for each in made if isinstance(each, Outcome)]
        self.sent += ids
        found = Movement.objects.in_bulk(ids)
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
        contents = [
            each
            for kind in ("camt.053", "camt.054")
            for each in self.bank.answers(kind)
            if ACME.encode() in each
        ]
        for each in contents:
            self.note_statements(read_statements(each))
        shuffled = [*contents, *contents]
        self.chance.shuffle(shuffled)
        folder = self.folder / self.day.isoformat()
        folder.mkdir()
        for number, content in enumerate(each for each in self.bank.answers() for _ in range(2)):
            (folder / f"0-{number:03}{ANSWER}").write_bytes(content)
        for number, content in enumerate(shuffled):
            (folder / f"1-{number:03}{STATEMENT}").write_bytes(content)
        self.kill_and_import(folder)

    def note_statements(self, found: list[ReadStatement]) -> None:
        for each in found:
            if each.kind == "camt.053":
                self.statements[each.end or date.min, each.name] = each
            else:
                self.notified |= references(each)

    def kill_and_import(self, folder: Path) -> None:
        """Kill the importer within some files, one later than the other; then let it end."""
        files = sorted(folder.iterdir())
        answers = [each for each in files if each.name.endswith(ANSWER)]
        first = next(each for each in files if b"<Stmt>" in each.read_bytes())
        chosen = {first, *self.chance.sample(files, KILLS - 1)} | {*answers[:1]}
        delivery = Delivery(str(folder), is_apart=self.is_apart)
        for path in sorted(chosen):
            wait = self.chance.random() * (LATE if path in {first, *answers} else SOON)
            end = self.nursery.work(delivery, wait, kill_at=path.name)
            if end.code:
                assert end.code == -9, end
                at = "statement" if end.step == first.name else end.step[-8:]
                self.killed[at] += 1
        end = self.nursery.work(delivery)
        assert end.code == 0
        self.seconds += end.seconds

    def expected_difference(self) -> int:
        """By the statements alone: what all entries lead to, less what the bank says it has."""
        ordered = [self.statements[each] for each in sorted(self.statements)]
        opening, closing = ordered[0].opening, ordered[-1].closing
        assert opening is not None
        assert closing is not None
        return opening + sum(each.total for each in ordered) - closing

    def hidden(self) -> dict[str, int]:
        """The entries that were notified, and that no statement has."""
        stated = {name for each in self.statements.values() for name in references(each)}
        return {name: amount for name, amount in self.notified.items() if name not in stated}


def references(statement: ReadStatement) -> dict[str, int]:
    """The amounts of the entries of a statement, by their references."""
    return {each.reference: each.sign * each.amount for each in statement.entries}


def monday_before() -> date:
    """A Monday five weeks ago."""
    today = clock.today() - timedelta(days=35)
    return today - timedelta(days=today.weekday())


@pytest.fixture
def month(client_demo: Any, tmp_path: Path) -> Iterator[Month]:
    begin = monday_before()
    account = our_bank.an_account(client_demo, iban=ACME)
    with (
        sandbox.made(),
        mock_bank.running(f"{begin.isoformat()}T09:00") as bank,
        Nursery(database_of_tests(), bank_importer.MODULE) as nursery,
    ):
        values = [
            people.BOB | {"user_name": f"bob-{each}", "mobile_phone": f"+346000001{each:02}"}
            for each in range(PEOPLE)
        ]
        users = [people.a_user(client_demo, each) for each in values]
        wallets = [people.first_wallet(each) for each in users]
        for each in wallets:
            our_bank.an_iban(each)
        members = bank_files.two_members()
        found = Month(bank, account, wallets, members, nursery, tmp_path, day=begin)
        found.set_clock()
        yield found


def pass_days(month: Month, capsys: Any, days: int) -> None:
    for number in range(1, days + 1):
        month.bank.behave("ACME", **behaviour_of(number))
        taken = month.balance() - LEFT if number == POOR else 0
        month.add_to_balance(-taken)
        month.receive_credits()
        if number > 1:
            month.send_cash_outs(number)
        month.pass_day()
        month.import_all()
        check_day(month, number, taken)
        with capsys.disabled():
            sys.stdout.write(f" {number}: {month.seconds:.0f} s;")
            sys.stdout.flush()
        month.add_to_balance(taken)


def behaviour_of(number: int) -> dict[str, Any]:
    """How the bank behaves on this day."""
    behaviour = BEHAVIOURS.get(number, "accept")
    parameters = {"days": 2} if behaviour == "return-later" else {}
    return {"behaviour": behaviour, "parameters": parameters}


def test_month_of_a_bank_is_explained_to_the_cent(month, capsys):
    pass_days(month, capsys, DAYS)
    month.bank.behave("ACME", behaviour="accept")
    for _ in range(4):
        month.pass_day()
        month.import_all()
    check_payments(month)
    check_lines(month)
    check_equation(month)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{BankLine.objects.count()} lines, {len(month.sent)} cash-outs, killed "
            f"{month.killed}, imports {month.seconds:.0f} s, {our_bank.states()}, difference "
            f"{month.expected_difference()}, hidden {month.hidden()}\n"
        )
    assert month.killed.total() >= 50, month.killed


@pytest.mark.spoils_the_books
def test_days_of_a_bank_show_a_booking_in_two_transactions(month, capsys):
    """The control: with a booking like that, kills are noticed. Takes 40 s."""
    month.is_apart = True
    with pytest.raises(AssertionError) as noticed:
        pass_days(month, capsys, 4)
    with capsys.disabled():
        sys.stdout.write(f"{noticed.value} ")


def check_day(month: Month, number: int, taken: int) -> None:
    """The equation holds, or is wrong by what was taken from the account, or is in no statement."""
    (position,) = safeguarding.safeguarding_positions()
    assert position.difference == month.expected_difference(), number
    if number < GAP:
        assert position.difference == taken, number
    else:
        assert position.difference == -sum(month.hidden().values()) != 0, number
    assert not position.unmatched, number
    barrier.advance()
    assert safeguarding_reports.make_report() is not None
    assert audited.wrong() == []


def check_payments(month: Month) -> None:
    """Each payment has the end that the bank says."""
    cash_outs = {each.id.hex: each for each in Movement.objects.filter(id__in=month.sent)}
    assert len(cash_outs) == CASH_OUTS * (DAYS - 1)
    returned = {
        each.reversal_of_id.hex: each.amount
        for each in Movement.objects.filter(type="REVERSAL", reversal_of_id__isnull=False)
        if each.reversal_of_id
    }
    decided = {each["end_to_end_id"]: each for each in month.bank.ask("GET", "/_mock/payments")}
    hidden = month.hidden()
    counts: Counter[str] = Counter()
    for name, movement in cash_outs.items():
        said = decided.get(name)
        end = end_of(said)
        if movement.status == "PENDING":
            counts["hidden" if end == "SUCCESS" else "unanswered"] += 1
            continue
        assert movement.status == end, said
        is_back = bool(said and said["returned_at"])
        assert (returned.get(name) == -movement.amount) is is_back, said
        counts["returned" if is_back else end] += 1
    assert counts["hidden"] == sum(amount < 0 for amount in hidden.values())
    assert counts["unanswered"] == 6, counts  # of the silent day: people ask the bank
    assert counts["ERROR"] >= 6 * (DAYS - 3) + CASH_OUTS, counts
    assert counts["returned"] == CASH_OUTS - 6, counts


def end_of(said: Any) -> str:
    """The end of a cash-out by what the bank has decided; it forgets rejected files."""
    return "SUCCESS" if said and said["booked_at"] else "ERROR"


def check_lines(month: Month) -> None:
    """Each line has one outcome or is in suspense by name, and their sums are those of the bank."""
    explained = BankOutcome.objects.filter(movement__isnull=False)
    assert len({*explained.values_list("movement", flat=True)}) == explained.count()
    hidden = month.hidden()
    arrived = month.bank.ask("GET", "/_mock/credits")
    lines = BankLine.objects.filter(sign=1, is_return=False, is_reversal=False)
    assert len(arrived) == CREDITS * DAYS
    assert abs(lines.count() - len(arrived)) <= sum(amount > 0 for amount in hidden.values())
    unexplained = BankLine.objects.unexplained()
    assert {each.reason for each in unexplained} == {"no_wallet"}
    assert abs(unexplained.count() - NAMELESS * DAYS) <= 1
    for number, wallet in enumerate(month.wallets):
        settled = Movement.objects.filter(wallet=wallet, status="SUCCESS")
        assert our_bank.balance(wallet) == settled.aggregate(total=Sum("amount"))["total"], number


def check_equation(month: Month) -> None:
    """Every cent that the bank has is in a wallet, in suspense, our own, or in the gap."""
    wallets = Wallet.objects.aggregate(total=Sum("balance"))["total"]
    suspense = sum(each.sign * each.amount for each in BankLine.objects.unexplained())
    month.account.refresh_from_db()
    own = month.account.opening or 0
    assert month.balance() == own + wallets + suspense + sum(month.hidden().values())
    assert len(month.hidden()) == 1
