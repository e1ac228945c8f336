"""Imports and decisions that meet on the same lines: each line is booked once."""

from __future__ import annotations

from functools import partial

import pytest

from tests.support import bank, people, threads
from tests.support.camt import incoming
from users.models.events import By
from wallets import posting
from wallets.bank import booking, decisions
from wallets.models import BankLine, BankOutcome, BankStatementFile, Movement
from wallets.orders.bank_lines import ExplainLine
from wallets.orders.payments import BANK

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
def test_same_file_is_imported_once_by_several_at_once(client_demo, bobs):
    bank.an_account(client_demo)
    iban = bank.an_iban(bobs)
    lines = [incoming("1.00", f"R{number}", target=iban) for number in range(20)]
    answers = threads.at_once(*[partial(bank.receive, *lines)] * 4)
    assert len(answers) == 4
    assert BankStatementFile.objects.count() == 1
    assert (bank.balance(bobs), bank.states()) == (20_00, {"MATCHED": 20})
    assert Movement.objects.filter(wallet=bobs.id).count() == 20


@pytest.mark.slow
def test_overlapping_files_book_each_line_once(client_demo, bobs):
    bank.an_account(client_demo)
    iban = bank.an_iban(bobs)
    lines = [incoming("1.00", f"R{number}", target=iban) for number in range(12)]
    files = [partial(bank.receive, *lines[at : at + 6], name=f"F{at}") for at in (0, 3, 6)]
    threads.at_once(*files, *[booking.book] * 2)
    booking.book()
    assert (bank.balance(bobs), bank.states()) == (12_00, {"MATCHED": 12})


@pytest.mark.slow
def test_line_is_assigned_or_booked_but_not_both(client_demo, alices, bobs):
    """Two decisions can't be open; so one order of a decision meets one of a late import."""
    bank.an_account(client_demo)
    bank.receive(incoming("1.00", "R1"))
    line = BankLine.objects.select_related("account").get()
    asked = decisions.ask_for_decision(
        line, "ASSIGN", by=By("staff:1"), reason="Known", wallet=bobs
    )
    late = ExplainLine(
        **people.about(alices, by=BANK),
        line_id=line.id,
        amount=people.decimal(1_00),
        currency="EUR",
        key="late",
    )
    approve = partial(decisions.answer_decision, asked, by=By("staff:2"), is_approved=True)
    calls = [partial(threads.caught, approve), partial(threads.post, late)] * 3
    threads.at_once(*calls)
    assert BankOutcome.objects.count() == 1
    assert bank.balance(alices) + bank.balance(bobs) == 101_00


@pytest.mark.slow
def test_same_line_is_booked_once_for_two_wallets(client_demo, alices, bobs):
    bank.an_account(client_demo)
    bank.receive(incoming("1.00", "R1"))
    line = BankLine.objects.get()
    orders = [
        ExplainLine(
            **people.about(wallet, by=BANK),
            line_id=line.id,
            amount=people.decimal(1_00),
            currency="EUR",
            key=f"{number}",
        )
        for number, wallet in enumerate((alices, bobs) * 4)
    ]
    answers = threads.at_once(
        *[partial(threads.caught, partial(posting.submit, each)) for each in orders]
    )
    assert sum(getattr(each, "made", "") == "movement" for each in answers) == 1
    assert BankOutcome.objects.count() == 1
    assert bank.balance(alices) + bank.balance(bobs) == 101_00
