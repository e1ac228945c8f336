"""Random days of a bank and its books: the report is right exactly if no money is missing."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from iocash.db import clock
from tests.support import audited, bank, people
from tests.support.approvals import approve, ask
from tests.support.camt import Line, Part
from tests.support.cash_outs import a_cash_out, end
from tests.support.sandbox import made, set_clock
from users.models.events import By
from wallets.admin.approvals.set_apart import ask_to_set_apart
from wallets.bank import decisions, safeguarding
from wallets.models import BankAccount, BankLine, Movement, Wallet
from wallets.orders.cash_outs import MarkCashOutSent, SettleCashOut

SECOND = "ES7921000813610123456789"


def decimal_text(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}" if minor >= 0 else f"-{decimal_text(-minor)}"


class Walk:
    """What a bank and the wallets do, and what the own money of the institution is then.

    `own` is counted by each step alone; `unlined` are the movements without a line, and whether
    each is of the time before the first statement.
    """

    def __init__(self, chance: random.Random, wallet: Wallet, people_: tuple[Any, Any]) -> None:
        self.chance, self.wallet, self.members = chance, wallet, people_
        self.number, self.own, self.trail = 0, 0, list[str]()
        self.banks: dict[str, int] = {}
        self.unlined: dict[Movement, bool] = {}
        self.paid: list[Movement] = []
        self.undone: set[Movement] = set()
        self.suspended: list[BankLine] = []
        self.returned: list[BankLine] = []
        self.is_before = True

    # --- The wallets ---

    def cash_in(self) -> None:
        self.number += 1
        made = people.cash_in(self.wallet, self.amount(), reference=f"C{self.number}")
        self.unlined[Movement.objects.get(id=made.id)] = self.is_before

    def cash_out(self) -> None:
        sent = end(MarkCashOutSent, a_cash_out(self.wallet, self.amount()))
        if self.chance.random() < 0.5 or self.is_before:
            self.unlined[end(SettleCashOut, sent)] = self.is_before
            return
        self.debit_of(sent)
        self.paid.append(sent)

    def reverse(self) -> None:
        found = [each for each in self.unlined if each.type == "CASH_IN"]
        if found := [each for each in found if each not in self.undone]:
            undone = self.chance.choice(found)
            self.undone.add(undone)
            self.unlined[people.reverse(undone)] = self.is_before

    # --- The bank ---

    def open(self) -> None:
        """The first statement of each account; the bank has about what the wallets have."""
        set_clock(clock.now() + timedelta(days=1))
        self.is_before = False
        has = bank.balance(self.wallet)
        first = has + self.chance.choice([-500, 0, 0, 500]) - 300
        for iban, balance in zip(self.banks, (first, 300), strict=True):
            self.banks[iban] = balance
            self.receive(iban)
        self.own = first + 300 - has

    def receive(self, iban: str, *lines: Line) -> BankLine | None:
        """A statement of today with these lines."""
        self.number += 1
        day, before = clock.today().isoformat(), self.banks[iban]
        for line in lines:
            minor = round(float(line.amount) * 100)
            self.banks[iban] += minor if line.sign == "CRDT" else -minor
        values = {"opening": decimal_text(before), "closing": decimal_text(self.banks[iban])}
        bank.receive(*lines, name=f"S{self.number}", day=day, iban=iban, **values)
        rows = BankLine.objects.select_related("account")
        return rows.get(reference=lines[0].reference) if lines else None

    def line(self, minor: int, iban: str = "", **part: str) -> BankLine:
        self.number += 1
        amount = decimal_text(abs(minor))
        line = Line(
            amount=amount,
            sign="CRDT" if minor > 0 else "DBIT",
            reference=f"R{self.number}",
            day=clock.today().isoformat(),
            parts=(Part(amount=amount, **part),),
        )
        found = self.receive(iban or self.chance.choice([*self.banks]), line)
        assert found is not None
        return found

    def state_movement(self) -> None:
        """The line of a movement comes; one from before the first statement was in transit."""
        found = [each for each in self.unlined if each.type != "REVERSAL"]
        if not found:
            return
        movement = self.chance.choice(found)
        if movement.type == "CASH_IN":
            self.line(movement.amount, end_to_end=movement.reference or "")
        else:
            self.debit_of(movement)
            self.paid.append(movement)
        if self.unlined.pop(movement):
            self.own += movement.amount

    def debit_of(self, movement: Movement) -> None:
        self.line(movement.amount, end_to_end=movement.id.hex)

    def give_back(self) -> None:
        if self.paid:
            paid = self.paid.pop(self.chance.randrange(len(self.paid)))
            self.line(-paid.amount, end_to_end=paid.id.hex, returned="AC04")

    def pay_unknown(self) -> None:
        self.suspended.append(self.line(self.amount() * self.chance.choice([1, -1])))

    def transfer(self) -> None:
        """Money goes from one account to the other; the statements come one by one."""
        amount, (one, other) = self.amount(), self.banks
        self.suspended += [self.line(-amount, one), self.line(amount, other)]

    # --- What staff decide ---

    def decide(self, line: BankLine, kind: str, **values: Any) -> None:
        asked = decisions.ask_for_decision(line, kind, by=By("staff:1"), reason="x", **values)
        decisions.answer_decision(asked, by=By("staff:2"), is_approved=True)

    def ignore(self) -> None:
        if self.suspended:
            line = self.suspended.pop(self.chance.randrange(len(self.suspended)))
            self.decide(line, "IGNORE")
            self.own += line.signed_amount

    def return_credit(self) -> None:
        found = [each for each in self.suspended if each.sign > 0]
        if found:
            self.suspended.remove(found[0])
            self.decide(found[0], "RETURN")
            self.returned.append(found[0])

    def debit_returned(self) -> None:
        if self.returned:
            credit = self.returned.pop()
            debit = self.line(-credit.amount, credit.account.iban)
            self.decide(debit, "RETURN", pair=credit)

    def set_apart(self) -> None:
        """A movement needs no line any more; the own money pays it, if it is since the first
        statement."""
        if self.unlined:
            movement = self.chance.choice([*self.unlined])
            found = Movement.objects.select_related("wallet__user").get(id=movement.id)
            asked = ask(ask_to_set_apart(found, {"pair": None, "why": "OTHER"}), self.members[0])
            assert approve(asked, self.members[1]).state == "APPROVED"
            if not self.unlined.pop(movement):
                self.own -= movement.amount

    def amount(self) -> int:
        return self.chance.randint(1, 9_00)

    # --- The comparison ---

    def check(self) -> None:
        (position,) = safeguarding.safeguarding_positions()
        missing = max(0, -self.own)
        waiting = sum(each.amount for each, is_old in self.unlined.items() if not is_old)
        suspended = sum(each.signed_amount for each in self.suspended + self.returned)
        assert position.banked == sum(self.banks.values()), self.trail
        assert position.banked == position.wallets + suspended - waiting + self.own, self.trail
        assert position.missing == missing, self.trail
        assert position.difference == position.shortfall <= missing, self.trail
        assert position.is_right(clock.now()) is (self.own >= 0), self.trail


BEFORE = Walk.cash_in, Walk.cash_in, Walk.cash_out, Walk.reverse
AFTER = (
    *(Walk.cash_in, Walk.cash_out, Walk.reverse, Walk.state_movement, Walk.state_movement),
    *(Walk.give_back, Walk.pay_unknown, Walk.pay_unknown, Walk.transfer),
    *(Walk.ignore, Walk.ignore, Walk.return_credit, Walk.debit_returned, Walk.set_apart),
)


def walk(chance: random.Random, client: Any, wallet: Wallet, members: Any, steps: int) -> None:
    account = bank.an_account(client, cash_ins="API")
    bank.an_account(client, iban=SECOND, cash_ins="API")
    found = Walk(chance, wallet, members)
    found.banks = dict.fromkeys((account.iban, SECOND), 0)
    with made():
        for step in chance.choices(BEFORE, k=4):
            take(found, step)
        found.open()
        found.check()
        for step in chance.choices(AFTER, k=steps):
            take(found, step)
            found.check()
    assert BankAccount.objects.count() == 2
    assert audited.wrong() == []


def take(found: Walk, step: Callable[[Walk], None]) -> None:
    found.trail.append(step.__name__)
    step(found)


@pytest.mark.slow
@pytest.mark.django_db
def test_report_is_right_exactly_if_no_money_is_missing(client_demo, alices, asker, second):
    walk(random.Random(13), client_demo, alices, (asker, second), steps=40)


@pytest.mark.ci
@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(20))
def test_report_is_right_exactly_if_no_money_is_missing_on_many_days(
    client_demo, alices, asker, second, seed
):
    """Takes 60 s."""
    walk(random.Random(seed), client_demo, alices, (asker, second), steps=40)
