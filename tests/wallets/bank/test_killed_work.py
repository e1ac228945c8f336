"""A process is killed at any moment of its work with the bank: nothing is lost or done twice."""

from __future__ import annotations

import random
import sys
from collections import Counter
from uuid import UUID, uuid4

import pytest

from tests.support import audited, bank, bank_files, people
from tests.support.bank_work import Nursery, Plan, kill_at_random
from tests.support.camt import Line, Part, Statement, incoming, outgoing
from tests.support.embedded_postgres import linux
from tests.support.server import database_of_tests
from users.models.events import By
from wallets.models import (
    BankFile,
    BankLine,
    BankOutcome,
    BankPayment,
    BankReport,
    Movement,
    Wallet,
)

pytestmark = [pytest.mark.django_db(transaction=True), linux]

CREDITS = 30
AMOUNTS = (10_00, 20_00, 30_00)


@pytest.fixture
def members() -> tuple[By, By]:
    return bank_files.two_members()


def a_plan(members: tuple[By, By], *, is_apart: bool = False) -> Plan:
    """A client with its bank account, three cash-outs, and what the bank will say of them."""
    client = people.a_client(uuid4().hex[:12])
    bank.agree_to_source(client, "BANK")
    wallet = people.first_wallet(people.a_user(client, people.ALICE))
    people.cash_in(wallet, 100_00)
    iban = f"NL{uuid4().int % 10**16:016}"
    account = bank_files.an_account(client, iban=iban)
    cash_outs = bank_files.some_cash_outs(wallet, *AMOUNTS)
    return Plan(
        account=str(account.id),
        builder=members[0].actor,
        approver=members[1].actor,
        file=str(uuid4()),
        cash_outs=[str(each.id) for each in cash_outs],
        wallet=str(wallet.id),
        statements=statements(iban, wallet, cash_outs),
        is_apart=is_apart,
    )


def statements(iban: str, wallet: Wallet, cash_outs: list[Movement]) -> list[str]:
    """Credits, the debits of two cash-outs, a line for people; then a returned payment."""
    paid, _rejected, waits = (each.id.hex for each in cash_outs)
    first = (
        *(incoming("0.10", f"R{each}", remittance=str(wallet.id)) for each in range(CREDITS)),
        outgoing("10.00", "D1", end_to_end=paid),
        outgoing("30.00", "D2", end_to_end=waits),
        incoming("2.00", "SUSPENSE", remittance="For whom?"),
    )
    part = Part(amount="30.00", end_to_end=waits, returned="AC04")
    second = (Line(amount="30.00", reference="B1", parts=(part,)),)
    names = ((first, "S1", "2026-11-26"), (second, "S2", "2026-11-27"))
    return [
        Statement(iban=iban, lines=lines, name=name, day=day).xml().decode()
        for lines, name, day in names
    ]


def summary(plan: Plan) -> dict[str, object]:
    """All that the work has done, without ids."""
    wallet = Wallet.objects.get(id=plan.wallet)
    movements = Movement.objects.filter(wallet=wallet)
    explained = dict(BankOutcome.objects.values_list("line", "status"))
    lines = BankLine.objects.filter(account=UUID(plan.account))
    file = BankFile.objects.get(id=plan.file)
    return {
        "money": (wallet.balance, wallet.held),
        "movements": Counter(movements.values_list("type", "amount", "status")),
        "lines": Counter((each.reference, explained.get(each.id), each.is_open) for each in lines),
        "file": (file.state, file.count, file.control_sum),
        "answers": BankReport.objects.filter(file=file).count(),
        "payments": Counter(BankPayment.objects.filter(file=file).values_list("amount", "status")),
        "files": BankFile.objects.filter(account=UUID(plan.account)).count(),
    }


def kill_often(nursery: Nursery, members: tuple[By, By], kills: int) -> Counter[str]:
    """Kill the work of several plans, and compare what came of each with one that nobody kills."""
    undisturbed = a_plan(members)
    end = nursery.work(undisturbed)
    assert end.code == 0
    expected = summary(undisturbed)
    assert expected["money"] == (100_00 - 10_00 + CREDITS * 10 + 2_00, 0)
    chance, steps = random.Random(7), Counter[str]()
    while steps.total() < kills:
        plan = a_plan(members)
        steps.update(kill_at_random(nursery, plan, chance, most=3, longest=end.seconds))
        assert summary(plan) == expected
    assert audited.wrong() == []
    return steps


@pytest.mark.ci
def test_killed_work_is_done_once(members):
    """Takes 20 s."""
    with Nursery(database_of_tests()) as nursery:
        steps = kill_often(nursery, members, 6)
    assert steps.total() >= 6


@pytest.mark.long
def test_work_killed_at_many_moments_is_done_once(members, capsys):
    """Takes a minute."""
    with Nursery(database_of_tests()) as nursery:
        steps = kill_often(nursery, members, 100)
    with capsys.disabled():
        sys.stdout.write(f" {steps.total()} kills: {dict(steps)} ")
    assert steps.total() >= 100
    assert len(steps) >= 5


@pytest.mark.ci
@pytest.mark.spoils_the_books
def test_movement_and_outcome_in_two_transactions_are_seen_to_book_twice(members):
    """The control: with a booking like that, a kill is noticed. Takes 20 s."""
    chance = random.Random(3)
    with Nursery(database_of_tests()) as nursery:
        undisturbed = a_plan(members, is_apart=True)
        end = nursery.work(undisturbed)
        assert end.code == 0
        expected = summary(undisturbed)
        found = []
        for _ in range(3):
            plan = a_plan(members, is_apart=True)
            kill_at_random(nursery, plan, chance, most=3, longest=end.seconds)
            found.append(summary(plan))
    assert any(each != expected for each in found)
