"""Statements of a real counterparty: days with credits, payments, late returns, gaps and repeats.

Takes 30 s.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from iocash.db import clock
from tests.support import bank as our_bank
from tests.support import bank_files, mock_bank, people, sandbox
from tests.support.bank_files import build, content_of, send
from tests.support.credits_of_bank import arrives
from tests.support.mock_bank import ACME, ELSEWHERE, MockBank
from wallets import posting
from wallets.bank import booking, safeguarding
from wallets.bank.messages import camt
from wallets.bank.statements import import_statement
from wallets.models import BankAccount, BankLine, BankOutcome, Movement, Wallet
from wallets.orders.cash_outs import CashOut

pytestmark = [pytest.mark.django_db, pytest.mark.ci]


@pytest.fixture
def bank(db: None) -> Iterator[MockBank]:
    """A bank whose days are those of our clock, from the next Monday on."""
    with sandbox.made(), mock_bank.running(f"{monday().isoformat()}T09:00") as found:
        sandbox.set_clock(datetime.combine(monday(), time(9), ZoneInfo("Europe/Amsterdam")))
        yield found


def end_day(bank: MockBank) -> None:
    bank.advance(1)
    sandbox.set_clock(clock.now() + timedelta(days=1))


def monday() -> date:
    """The Monday of this week or, on other days, of the next."""
    today = clock.today()
    return today + timedelta(days=-today.weekday() % 7)


@pytest.fixture
def account(client_demo: Any) -> BankAccount:
    found: BankAccount = our_bank.an_account(client_demo, iban=ACME)
    return found


def paid_out(bank: MockBank, account: BankAccount, source: Wallet, *amounts: int) -> list[Movement]:
    """Cash-outs that are in a file which the bank has."""
    members = bank_files.two_members()
    about = {**people.about(source), "iban": ELSEWHERE, "holder_name": "Zoë Müller"}
    orders = [CashOut(**about, amount=people.decimal(amount)) for amount in amounts]
    cash_outs = [Movement.objects.get(id=posting.submit(each).id) for each in orders]
    file = build(account, cash_outs, members[0], execution_date=monday())
    send(file, members[1])
    bank.receive(content_of(file))
    return cash_outs


def brought(content: bytes, number: int) -> Any:
    return import_statement(content, name=f"{number}.xml", actor="system:tests")


def days(bank: MockBank, account: BankAccount, wallets: tuple[Wallet, Wallet]) -> list[bytes]:
    """Five days of business: the statements of the bank, and its notifications."""
    alices, bobs = wallets
    ibans = [our_bank.an_iban(each) for each in wallets]
    bank.behave("ACME", behaviour="return-later", parameters={"days": 2})
    found: list[bytes] = []
    for day in range(5):
        arrives(bank, 10_00 + day, f"Invoice {day} {ibans[day % 2]}")
        arrives(bank, 5_00, f"to {bobs.id}")
        arrives(bank, 1_23, "no name")
        if day == 0:
            paid_out(bank, account, alices, 3_00, 4_00)
        end_day(bank)
        found += own(bank.answers("camt.053") + bank.answers("camt.054"))
    return found


def own(contents: list[bytes]) -> list[bytes]:
    """The messages about our account; the bank also writes to others."""
    return [each for each in contents if camt.read_statements(each)[0].account == ACME]


def test_days_of_a_bank_are_explained_to_the_cent(bank, account, alices, bobs, monkeypatch):
    """Messages come repeated, in another order, and to an importer that is killed."""
    contents = days(bank, account, (alices, bobs))
    assert contents

    class Killed(BaseException):
        pass

    posted = posting.submit_each
    chance = random.Random(7)

    def killed_sometimes(orders: Any) -> Any:
        answers = posted(orders[: chance.randint(0, len(orders))])
        if chance.random() < 0.5:
            raise Killed
        return answers + posted(orders[len(answers) :])

    shuffled = [*contents, *chance.sample(contents, len(contents))]
    chance.shuffle(shuffled)
    with monkeypatch.context() as patch:
        patch.setattr(posting, "submit_each", killed_sometimes)
        for number, content in enumerate(shuffled):
            try:
                brought(content, number)
            except Killed:
                continue
    for number, content in enumerate(contents):
        brought(content, number)
    booking.retry()
    (position,) = safeguarding.safeguarding_positions()
    assert position.difference == 0
    assert all(each.is_right for each in position.balances)
    assert {each.type for each in position.unmatched} <= {"CASH_IN"}  # of the stage, on a Monday
    assert Movement.objects.filter(type="REVERSAL").count() == 2
    states = our_bank.states()
    assert states.keys() == {"MATCHED", "no_wallet"}
    explained = BankOutcome.objects.values_list("movement", flat=True)
    assert len({*explained}) == len(explained)
    open_lines = BankLine.objects.unexplained()
    assert {each.amount for each in open_lines} == {1_23}


def test_statement_with_a_hole_makes_safeguarding_wrong(bank, account, bobs):
    our_bank.an_iban(bobs)
    bank.behave("ACME", behaviour="statement-gap")
    for amount in (10_00, 20_00):
        arrives(bank, amount, str(bobs.id))
    end_day(bank)
    for number, content in enumerate(own(bank.answers("camt.053"))):
        brought(content, number)
    (position,) = safeguarding.safeguarding_positions()
    assert not position.is_right(clock.now())
