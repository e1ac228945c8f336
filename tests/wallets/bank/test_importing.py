"""Files that are refused as a whole, and do not stop others."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from iocash import money
from tests.support import bank, bank_files
from tests.support.camt import Line, Statement, incoming
from wallets.bank import importing
from wallets.bank.messages.camt_entries import Detail
from wallets.bank.messages.pain001 import batch_id
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankAccount, BankStatementFile

pytestmark = pytest.mark.django_db
TOO_MUCH = tuple(
    Line(amount=str(10 ** (money.MAX_DIGITS - 2) - 1), reference=f"X{number}")
    for number in range(1_100)
)


@pytest.fixture(autouse=True)
def account(client_demo):
    return bank.an_account(client_demo)


def test_statement_of_the_future_is_refused():
    with pytest.raises(Unreadable, match="The statement is of the future: 2999-01-01"):
        bank.receive(day="2999-01-01", opening="0.00", closing="0.00")
    with pytest.raises(Unreadable, match="An entry is booked in the future: 2999-01-01"):
        bank.receive(Line(amount="1.00", day="2999-01-01"))
    assert not BankStatementFile.objects.exists()


def test_entries_that_add_up_to_too_much_are_refused():
    with pytest.raises(Unreadable, match="add up to too much money"):
        bank.receive(*TOO_MUCH)


def test_debit_of_our_batch_is_split_into_its_payments(client_demo, alices):
    members = bank_files.two_members()
    cash_outs = bank_files.some_cash_outs(alices, 10_00, 20_00)
    account = BankAccount.objects.get()
    file = bank_files.send(bank_files.build(account, cash_outs, members[0]), members[1])
    batch = Detail(amount=30_00, payment=batch_id(file.message_id, 1))
    found = importing.paid_by_file(account, batch)
    assert [each.end_to_end for each in found] == [each.id.hex for each in cash_outs]


def test_refused_file_does_not_stop_others(tmp_path, bobs):
    iban = bank.an_iban(bobs)
    (tmp_path / "a.xml").write_bytes(Statement(lines=TOO_MUCH).xml())
    (tmp_path / "b.xml").mkdir()
    (tmp_path / "c.xml").write_bytes(
        Statement(lines=(incoming("1.00", "R1", target=iban),), name="C").xml()
    )
    with pytest.raises(CommandError, match="2 files were refused"):
        call_command("import_statement", str(tmp_path))
    assert bank.balance(bobs) == 1_00
