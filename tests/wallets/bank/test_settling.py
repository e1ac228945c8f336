"""Debits settle payments out of files only if all that the bank says fits; and once."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from iocash.db import clock
from tests.support import bank, bank_files, payments_out, people, staff
from tests.support.approvals import a_colleague, approve, ask
from tests.support.bank_files import some_cash_outs, states
from tests.support.camt import Line, Part, Statement, incoming, outgoing
from tests.support.cash_outs import a_cash_out, end
from tests.support.ibans import IBAN as PAYEE
from tests.support.ibans import OTHER_IBAN
from users.models.events import By
from wallets.admin import bank_uploads, closing
from wallets.admin.approvals.pay_outs import ask_to_pay_out
from wallets.bank import booking, importing, uploads
from wallets.duties.bank import BookBankLines
from wallets.duties.closings import FinishClosings
from wallets.models import BankLine, Closing, Movement
from wallets.orders.cash_outs import MarkCashOutSent, RejectCashOut

pytestmark = pytest.mark.django_db
OURS = "NL85MOCK0000000001"


@pytest.fixture
def cash_outs(alices):
    return some_cash_outs(alices, 10_00, 20_00)


@pytest.fixture
def sent(client_demo, cash_outs):
    """A file with both, which the bank has."""
    members = bank_files.two_members()
    file = bank_files.build(bank_files.an_account(client_demo), cash_outs, members[0])
    return bank_files.send(file, members[1])


def a_debit(movement: Movement, reference: str = "B1", **part: str) -> Line:
    amount = people.decimal(-movement.amount)
    return outgoing(str(amount), reference, end_to_end=movement.id.hex, **part)


def test_debit_of_another_account_does_not_settle(client_demo, sent, cash_outs):
    bank.an_account(client_demo)
    bank.receive(a_debit(cash_outs[0]))
    assert bank.states() == {"other_account": 1}
    assert states(cash_outs) == ["SENT"] * 2


def test_debit_to_another_payee_does_not_settle(sent, cash_outs):
    bank.receive(a_debit(cash_outs[0], name="Carl", iban=OTHER_IBAN), iban=OURS)
    assert bank.states() == {"other_payee": 1}
    assert states(cash_outs) == ["SENT"] * 2


@pytest.mark.parametrize("iban", ["", PAYEE])
def test_debit_to_the_payee_settles(sent, cash_outs, iban):
    bank.receive(a_debit(cash_outs[0], name="Alice", iban=iban), iban=OURS)
    assert states(cash_outs) == ["SUCCESS", "SENT"]


def test_second_debit_of_one_statement_says_that_the_payment_has_a_line(sent, cash_outs):
    report = bank.receive(a_debit(cash_outs[0]), a_debit(cash_outs[0], "B2"), iban=OURS)
    assert report.booked == {"booked": 1, "taken": 1}
    assert bank.states() == {"MATCHED": 1, "taken": 1}


def test_debit_of_a_rejected_payment_says_so(client_demo, alices):
    bank.an_account(client_demo)
    first, second = some_cash_outs(alices, 10_00, 20_00)
    end(RejectCashOut, end(MarkCashOutSent, first), reason="Closed")
    end(MarkCashOutSent, second)
    bank.receive(a_debit(first), a_debit(second, "B2"))
    assert bank.states() == {"movement_not_pending": 1, "MATCHED": 1}


def test_return_in_the_statement_of_its_debit(sent, cash_outs, alices):
    back = incoming("10.00", "B2", end_to_end=cash_outs[0].id.hex, returned="AC04")
    report = bank.receive(back, a_debit(cash_outs[0]), iban=OURS)
    assert report.booked == {"booked": 2}
    assert bank.balance(alices) == 100_00


# --- Closings -------------------------------------------------------------------------------------


@pytest.fixture
def paid_out(client_demo, alices, asker):
    """The closing of Alice, whose only payment out was sent in a file."""
    user = alices.user
    asked = ask_to_pay_out(user, {"iban": PAYEE, "holder_name": "Alice"})
    approve(ask(asked, asker), a_colleague())
    movement = Movement.objects.get(type="CASH_OUT")
    members = bank_files.two_members()
    file = bank_files.build(bank_files.an_account(client_demo), [movement], members[0])
    bank_files.send(file, members[1])
    return Closing.objects.get(), movement


def test_debit_in_a_statement_finishes_a_closing(paid_out, alices):
    """The worker books the debit, and then closes the user: once."""
    found, movement = paid_out
    content = Statement(lines=(a_debit(movement),), iban=OURS).xml()
    assert FinishClosings().perform() == 0
    importing.store_file(content, name="s.xml", actor="system:tests")
    assert BookBankLines().perform() == 1
    assert [FinishClosings().perform() for _ in range(2)] == [1, 0]
    found.refresh_from_db()
    alices.user.refresh_from_db()
    assert (found.state, found.ended_by) == ("DONE", "system:clock")
    assert (alices.user.status, states([movement])) == ("UNSUBSCRIBED", ["SUCCESS"])


def test_statement_that_staff_release_finishes_a_closing(paid_out, asker, second):
    found, movement = paid_out
    content = Statement(lines=(a_debit(movement),), iban=OURS).xml()
    upload = uploads.store_upload(
        content, kind="STATEMENT", name="s.xml", by=By(f"staff:{asker.pk}")
    )
    browser = staff.browser_of(second)
    address = reverse("admin:wallets_bankupload_action", args=[upload.pk, "release"])
    page = browser.post(address, payments_out.form_on(browser.get(address)), follow=True)
    browser.post(address, payments_out.form_on(page) | {"confirmed": "1"}, follow=True)
    found.refresh_from_db()
    assert (found.state, found.ended_by) == ("DONE", "system:bank")


def test_closing_that_was_not_finished_is_finished_later(paid_out, alices, monkeypatch):
    """The process is killed between the order that closes the user and the end of the closing."""
    found, movement = paid_out
    bank.receive(a_debit(movement), iban=OURS)

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(closing, "end", die)
        with pytest.raises(Killed):
            FinishClosings().perform()
    found.refresh_from_db()
    assert found.is_under_way
    assert FinishClosings().perform() == 1
    found.refresh_from_db()
    assert found.state == "DONE"


def test_closing_with_money_left_is_not_finished(paid_out, alices):
    found, movement = paid_out
    people.cash_in(alices, 1_00)
    bank.receive(a_debit(movement), iban=OURS)
    assert FinishClosings().perform() == 0
    found.refresh_from_db()
    assert found.is_under_way


# --- Looking again --------------------------------------------------------------------------------


def lines_of(account: Any, number: int) -> None:
    """Store lines that name nobody, and note it."""
    day = clock.today().isoformat()
    lines = [
        Line(amount="1.00", reference=f"L{n}", day=day, parts=(Part(amount="1.00"),))
        for n in range(number)
    ]
    bank.receive(*lines, iban=account.iban, name=account.iban, day=day)


def test_lines_of_one_account_do_not_keep_others_waiting(client_demo, bobs, alices, monkeypatch):
    monkeypatch.setattr(booking, "MOST_RETRIED", 3)
    first = bank.an_account(client_demo)
    second = bank.an_account(client_demo, iban="ES7921000813610123456789")
    lines_of(first, 5)
    sent = end(MarkCashOutSent, a_cash_out(alices, 1_00))
    early = end_line(sent, second.iban)
    booking.retry()
    early.refresh_from_db()
    assert not early.is_open


def end_line(movement: Movement, iban: str) -> BankLine:
    """The debit of a payment, which was stored when the payment was not sent yet."""
    day = clock.today().isoformat()
    line = outgoing("1.00", "D1", end_to_end=movement.id.hex)
    content = Statement(lines=(Line(**vars(line) | {"day": day}),), iban=iban, day=day).xml()
    importing.store_file(content, name="d.xml", actor="system:tests")
    BankLine.objects.filter(reference="D1").update(reason="cash_out_not_sent")
    return BankLine.objects.get(reference="D1")


@pytest.mark.ci
def test_each_line_of_a_large_account_has_its_turn(client_demo, alices, monkeypatch):
    """Takes 2 s."""
    monkeypatch.setattr(booking, "MOST_RETRIED", 3)
    account = bank.an_account(client_demo)
    lines_of(account, 5)
    sent = end(MarkCashOutSent, a_cash_out(alices, 1_00))
    late = end_line(sent, account.iban)
    for _ in range(60):
        booking.retry()
    late.refresh_from_db()
    assert not late.is_open


def test_large_upload_that_is_known_is_left_to_the_worker(client_demo, bobs, monkeypatch):
    monkeypatch.setattr(bank_uploads, "MOST_AT_ONCE", 3)
    bank.an_account(client_demo)
    iban = bank.an_iban(bobs)
    lines = tuple(incoming("1.00", f"R{n}", target=iban) for n in range(5))
    content = Statement(lines=lines).xml()
    importing.store_file(content, name="a.xml", actor="system:tests")
    again = importing.store_file(content, name="a.xml", actor="system:tests")
    assert again.is_known
    text = bank_uploads.stored_in_words(again)
    assert "The worker books them now." in text
    assert bank.balance(bobs) == 0
    booking.book()
    assert "0 lines are booked now" in bank_uploads.stored_in_words(again)
