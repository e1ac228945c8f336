"""Files that are refused as a whole, and do not stop others."""

from __future__ import annotations

import io
import os
import random
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iocash import money
from tests.support import bank, bank_files
from tests.support.camt import Line, Part, Statement, incoming
from tests.support.shuffled_xml import CHANGES, changed
from wallets.bank import importing, statements
from wallets.bank.messages.camt import ReadStatement
from wallets.bank.messages.camt_entries import Detail
from wallets.bank.messages.pain001 import batch_id
from wallets.bank.messages.parsing import parse_statements
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankAccount, BankLine, BankStatementFile, Wallet

pytestmark = pytest.mark.django_db
SEEDS = st.integers(0, 2**32)
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


def write_statements(folder: Path, count: int, iban: str) -> None:
    """Statements of 1.00 each, and three files that can't be imported."""
    for number in range(count):
        line = incoming("1.00", f"R{number}", target=iban)
        file = folder / f"{number}.{'XML' if number % 2 else 'xml'}"
        file.write_bytes(Statement(lines=(line,), name=f"S{number}").xml())
    (folder / "a.xml").write_bytes(Statement(lines=TOO_MUCH).xml())
    (folder / "b.xml").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "c.xml")


def import_and_listen(folder: Path) -> str:
    """What the command writes about the files that it refuses."""
    written = io.StringIO()
    with pytest.raises(CommandError, match="3 files were refused; all others are imported"):
        call_command("import_statement", str(folder), stderr=written)
    return written.getvalue()


@pytest.mark.slow
def test_refused_file_does_not_stop_others(tmp_path, bobs):
    """One has too much money, one can't be read, and one is no file."""
    write_statements(tmp_path, 2, bank.an_iban(bobs))
    written = import_and_listen(tmp_path)
    assert f"{tmp_path}/a.xml: refused. The entries of the file add up to too much" in written
    assert f"{tmp_path}/b.xml: refused. No such file or directory." in written
    assert f"{tmp_path}/c.xml: refused. This is not a file." in written
    assert bank.balance(bobs) == 2_00


@pytest.mark.ci
def test_hundred_files_are_imported_but_three(tmp_path, bobs):
    """Takes 10 s."""
    write_statements(tmp_path, 97, bank.an_iban(bobs))
    assert import_and_listen(tmp_path).count("refused.") == 3
    assert bank.balance(bobs) == 97_00


def test_folder_that_can_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(folder: Path, onerror: Any) -> Any:
        onerror(PermissionError(13, "Permission denied", str(folder)))
        return iter([])

    monkeypatch.setattr(os, "walk", refuse)
    found, refused = statements.files_in([tmp_path])
    assert (found, [each.filename for each in refused]) == ([], [str(tmp_path)])


def test_large_file_is_not_read(tmp_path):
    """Its size is 1 TB, and it has no content."""
    with (tmp_path / "a.xml").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(Unreadable, match="larger than 32 MiB"):
        statements.content_of_path(tmp_path / "a.xml")


def test_same_file_twice_changes_nothing(bobs):
    line = incoming("1.00", "R1", target=bank.an_iban(bobs))
    bank.receive(line, opening="0.00", closing="1.00")
    before = [*BankLine.objects.values()]
    again = bank.receive(line, opening="0.00", closing="1.00")
    assert again.imported.is_known
    assert [*BankLine.objects.values()] == before
    assert bank.balance(bobs) == 1_00


@pytest.mark.ci
@given(SEEDS, st.lists(st.sampled_from(CHANGES), min_size=1, max_size=4))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_changed_statement_never_stores_another_sum(client_demo, bobs, seed, changes):
    """Elements are removed, repeated and moved: a line has the sum of its entry, and once.

    Takes 2 s.
    """
    content = changed(example_for(bobs), changes, random.Random(seed))
    with transaction.atomic():
        with suppress(Unreadable):
            stored = importing.store_file(content, name="S", actor="system:tests")
            read = parse_statements(content)
            sums = Counter[tuple[int, int]]()
            for each in BankLine.objects.filter(statement__file=stored.file):
                sums[each.entry_amount, each.sign] += each.amount
            told = Counter[tuple[int, int]]()
            for entry in [entry for each in read for entry in each.entries]:
                told[entry.amount, entry.sign] += entry.amount
            assert sums == told
            again = importing.store_file(content + b"\n", name="S", actor="system:tests")
            assert again.lines == 0 or not all(entry_is_named(each) for each in read)
        transaction.set_rollback(True)


def entry_is_named(statement: ReadStatement) -> bool:
    return all(each.is_named for each in statement.entries)


def example_for(wallet: Wallet) -> bytes:
    lines = (
        incoming("5.00", "A", target=wallet.iban or ""),
        Line(amount="7.00", reference="B", sign="DBIT", parts=(Part(amount="7.00"),)),
        Line(amount="9.00", reference="C", parts=(Part(amount="4.00"), Part(amount="5.00"))),
        Line(amount="3.00", reference="D", parts=(Part(amount="1.00"),)),
    )
    return Statement(lines=lines, opening="0.00", closing="10.00").xml()
