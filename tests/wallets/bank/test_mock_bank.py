"""Files and answers with a real counterparty: a bank that decides, rejects and repeats itself.

Takes 15 s.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from iocash.db import clock
from tests.support import bank_files, mock_bank, people
from tests.support.bank_files import build, content_of, payment_of, send, states
from tests.support.cash_outs import money_of
from tests.support.mock_bank import ACME, CLOSED, ELSEWHERE, UNKNOWN_BANK, MockBank
from users.models.events import By
from wallets.bank import answers, files
from wallets.bank.answers import Imported
from wallets.models import BankAccount, BankFile, Movement, Wallet
from wallets.orders.base import Outcome
from wallets.orders.cash_outs import CashOut
from wallets.posting import group

pytestmark = [pytest.mark.django_db, pytest.mark.ci]


@pytest.fixture
def bank(db: None) -> Iterator[MockBank]:
    """A bank on the day of our own clock, before it stops taking payments for that day."""
    with mock_bank.running(f"{working_day().isoformat()}T09:00") as found:
        yield found


def working_day() -> date:
    """Today, or the Monday after a weekend."""
    today = clock.today()
    return today + timedelta(days=7 - today.weekday() if today.weekday() > 4 else 0)


@pytest.fixture
def members(db: None) -> tuple[By, By]:
    return bank_files.two_members()


@pytest.fixture
def account(client_demo: object) -> BankAccount:
    return bank_files.an_account(client_demo, iban=ACME)  # type: ignore[arg-type]


def cash_outs_to(source: Wallet, *ibans: str, amount: int = 10_00) -> list[Movement]:
    orders = [
        CashOut(
            **people.about(source),
            amount=people.decimal(amount),
            iban=iban,
            holder_name="Zoë Müller",
            concept="Invoice 7 & 8",
        )
        for iban in ibans
    ]
    made: list[Any] = []
    for first in range(0, len(orders), 200):
        made += [each.id for each in submitted(orders[first : first + 200])]
    by_id = Movement.objects.in_bulk(made)
    return [by_id[each] for each in made]


def submitted(orders: Sequence[CashOut]) -> list[Outcome]:
    made = group.post(orders)
    assert all(isinstance(each, Outcome) for each in made)
    return [each for each in made if isinstance(each, Outcome)]


def sent_to(
    bank: MockBank, account: BankAccount, members: tuple[By, By], cash_outs: Sequence[Movement]
) -> BankFile:
    """A file that was built, approved, taken and uploaded."""
    file = build(account, cash_outs, members[0], execution_date=working_day())
    send(file, members[1])
    bank.receive(content_of(file))
    file.refresh_from_db()
    return file


def imported_from(bank: MockBank) -> list[Imported]:
    return [answers.import_status(content=each, by=people.BY) for each in bank.answers()]


def test_bank_finds_nothing_wrong_with_a_file(bank, account, members, alices):
    cash_outs = cash_outs_to(alices, ELSEWHERE, "ES9121000418450200051332")
    file = build(account, cash_outs, members[0], execution_date=working_day())
    assert bank.findings(content_of(file)) == []


def test_accepted_payments_wait_until_the_bank_has_booked_them(bank, account, members, alices):
    cash_outs = cash_outs_to(alices, ELSEWHERE, ELSEWHERE)
    file = sent_to(bank, account, members, cash_outs)
    [imported] = imported_from(bank)
    file.refresh_from_db()
    assert (file.state, imported.report.noted) == ("ACCEPTED", 2)
    assert states(cash_outs) == ["SENT", "SENT"]
    bank.advance(3)
    [notification] = bank.answers("camt.054")
    assert all(each.id.hex.encode() in notification for each in cash_outs)


def test_payments_to_bad_accounts_are_rejected_and_the_others_not(bank, account, members, alices):
    cash_outs = cash_outs_to(alices, ELSEWHERE, CLOSED, UNKNOWN_BANK)
    file = sent_to(bank, account, members, cash_outs)
    imported_from(bank)
    file.refresh_from_db()
    assert file.state == "PARTIALLY_ACCEPTED"
    assert states(cash_outs) == ["SENT", "ERROR", "ERROR"]
    assert [payment_of(each).reason_code for each in cash_outs] == ["", "AC04", "RC01"]
    assert money_of(alices) == (100_00, 10_00)


def test_account_with_insufficient_funds_pays_some_cash_outs(bank, account, members, alices):
    bank.behave("ACME", behaviour="insufficient-funds", balance=25_00)
    cash_outs = cash_outs_to(alices, *[ELSEWHERE] * 4)
    sent_to(bank, account, members, cash_outs)
    imported_from(bank)
    assert states(cash_outs) == ["SENT", "SENT", "ERROR", "ERROR"]
    assert cash_outs[2].reason.startswith("AM04")
    assert money_of(alices) == (100_00, 20_00)


def test_rejected_file_gives_all_money_back(bank, account, members, alices):
    bank.behave("ACME", behaviour="reject-file")
    cash_outs = cash_outs_to(alices, *[ELSEWHERE] * 3)
    file = sent_to(bank, account, members, cash_outs)
    imported_from(bank)
    file.refresh_from_db()
    assert file.state == "REJECTED"
    assert states(cash_outs) == ["ERROR"] * 3
    assert money_of(alices) == (100_00, 0)


def test_file_that_is_uploaded_twice_gives_no_money_back(bank, account, members, alices):
    """The bank pays the first one, and rejects the second as a duplicate."""
    cash_outs = cash_outs_to(alices, *[ELSEWHERE] * 3)
    file = sent_to(bank, account, members, cash_outs)
    bank.receive(content_of(file))
    first, second = imported_from(bank)
    assert (first.report.noted, second.report.conflicts) == (3, 3)
    assert states(cash_outs) == ["SENT"] * 3
    assert money_of(alices) == (100_00, 30_00)


def test_silent_bank_leaves_payments_sent(bank, account, members, alices):
    bank.behave("ACME", behaviour="silent")
    cash_outs = cash_outs_to(alices, ELSEWHERE)
    sent_to(bank, account, members, cash_outs)
    assert imported_from(bank) == []
    assert states(cash_outs) == ["SENT"]


def test_payment_that_is_rejected_after_its_acceptance_is_rejected(bank, account, members, alices):
    """The account of the institution is closed before the day of the payment."""
    cash_outs = cash_outs_to(alices, ELSEWHERE)
    file = build(account, cash_outs, members[0], execution_date=later_day())
    send(file, members[1])
    bank.receive(content_of(file))
    assert [each.report.noted for each in imported_from(bank)] == [1]
    bank.behave("ACME", closed=True)
    bank.advance(10)
    assert [each.report.rejected for each in imported_from(bank)] == [1]
    assert states(cash_outs) == ["ERROR"]
    assert money_of(alices) == (100_00, 0)


def later_day() -> date:
    return working_day() + timedelta(days=7)


def test_thousand_payments_are_built_and_answered_in_seconds(
    bank, account, members, alices, capsys
):
    """Takes some 15 s. On an idle machine a file is built in 1 s; busy ones get twice the 2 s."""
    cash_outs = cash_outs_to(alices, *[ELSEWHERE] * 1_000, amount=10)
    figures = {}

    def measured(name: str, call: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        result = call()
        figures[name] = time.perf_counter() - begun
        return result

    file = measured(
        "build", lambda: build(account, cash_outs, members[0], execution_date=later_day())
    )
    measured("approve", lambda: bank_files.approve(file, members[1]))
    files.take_file(file_id=file.id, by=members[0])
    bank.receive(content_of(file))
    [answer] = bank.answers()
    measured("accept", lambda: answers.import_status(content=answer, by=people.BY))
    settled = bank_files.an_answer(file, group="ACSC")
    measured("settle", lambda: answers.import_status(content=settled, by=people.BY))
    with capsys.disabled():
        sys.stdout.write(f"\n{figures}, {len(content_of(file))} bytes\n")
    assert states(cash_outs) == ["SUCCESS"] * 1_000
    assert figures["build"] <= 4.0
