"""What statements of banks bring is booked once, or waits in suspense with a reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from iocash.db import clock
from tests.support import bank, people
from tests.support.camt import IBAN, Line, Part, incoming, outgoing
from tests.support.cash_outs import a_cash_out, end
from wallets import posting
from wallets.bank import booking
from wallets.bank.messages.xml import Unreadable
from wallets.models import BankLine, BankOutcome, BankStatement, BankStatementFile, Movement
from wallets.orders.cash_outs import MarkCashOutSent, RejectCashOut, SettleCashOut


def line_on(line: Line, day: date) -> Line:
    return replace(line, day=day.isoformat())


@pytest.fixture
def account(client_demo):
    """The bank account that holds the money of the client; its cash-ins come from the bank."""
    return bank.an_account(client_demo)


@pytest.fixture
def iban(bobs):
    """The IBAN of Bob's wallet."""
    return bank.an_iban(bobs)


@pytest.fixture
def sent(alices):
    """A cash-out of 40.00 EUR of Alice that was sent to the bank."""
    return end(MarkCashOutSent, a_cash_out(alices, 40_00))


def test_credit_to_the_iban_of_a_wallet_is_booked(account, bobs, iban):
    line = incoming("12.50", "R1", name="Alice", target=iban, remittance="Lunch", end_to_end="E1")
    report = bank.receive(line)
    assert report.booked == {"booked": 1}
    assert bank.balance(bobs) == 12_50
    (movement,) = people.movements(bobs)
    assert (movement.type, movement.concept, movement.reference) == ("CASH_IN", "Lunch", "E1")
    outcome = BankOutcome.objects.get()
    assert (outcome.status, outcome.movement_id) == ("MATCHED", movement.id)
    assert not BankLine.objects.get().is_open


@pytest.mark.parametrize("text", ["{}", "Pay to {} please", "{}.", "IBAN:{}/lunch"])
@pytest.mark.parametrize("is_grouped", [False, True])
def test_iban_of_a_wallet_is_found_in_the_remittance(account, bobs, iban, text, is_grouped):
    shown = " ".join(iban[at : at + 4] for at in range(0, 24, 4)) if is_grouped else iban.lower()
    bank.receive(incoming("1.00", "R1", target=IBAN, remittance=text.format(shown)))
    assert bank.balance(bobs) == 1_00


@pytest.mark.parametrize("place", ["end_to_end", "remittance"])
def test_id_of_a_wallet_is_a_reference(account, bobs, place):
    bank.receive(incoming("1.00", "R1", **{place: bobs.id.hex}))
    bank.receive(incoming("2.00", "R2", remittance=f"to {bobs.id}"), name="2")
    assert bank.balance(bobs) == (3_00 if place else 0)


def test_same_file_twice_changes_nothing(account, bobs, iban):
    lines = incoming("1.00", "R1", target=iban), incoming("1.00", "R2")
    bank.receive(*lines)
    again = bank.receive(*lines)
    assert (again.imported.is_known, again.booked) == (True, {})
    assert bank.balance(bobs) == 1_00
    assert BankStatementFile.objects.count() == BankStatement.objects.count() == 1


def test_same_lines_in_another_file_change_nothing(account, bobs, iban):
    line = incoming("1.00", "R1", target=iban)
    bank.receive(line)
    report = bank.receive(line, incoming("2.00", "R2", target=iban), name="STATEMENT-1-AGAIN")
    assert (report.imported.lines, report.imported.known_lines) == (1, 1)
    assert bank.balance(bobs) == 3_00
    assert bank.states() == {"MATCHED": 2}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (incoming("1.00", "R1", remittance="Lunch"), "no_wallet"),
        (incoming("1.00", "R1", returned="AC04"), "returned"),
        (Line(amount="1.00", is_reversal=True), "returned"),
        (Line(amount="1.00", sign="DBIT", is_reversal=True), "reversed"),
        (Line(amount="1.00", sign="DBIT", text="Fee"), "no_cash_out"),
        (outgoing("1.00", "R1", end_to_end="0" * 32), "no_cash_out"),
    ],
)
def test_line_without_explanation_is_in_suspense(account, line, reason):
    assert bank.receive(line).booked == {reason: 1}
    assert BankLine.objects.suspended().get().reason == reason
    assert not Movement.objects.exists()


def test_line_that_names_two_wallets_is_in_suspense(account, alices, iban):
    words = f"{iban} {alices.id}"
    assert bank.receive(incoming("1.00", "R1", remittance=words)).booked == {"several_wallets": 1}


def test_credited_account_decides_between_two_wallets(account, alices, bobs, iban):
    bank.receive(incoming("1.00", "R1", remittance=f"from {alices.id}", target=iban))
    assert bank.balance(bobs) == 1_00


def test_repeated_entry_is_in_suspense(account, bobs, iban):
    line = incoming("1.00", "R1", target=iban)
    assert bank.receive(line, line).booked == {"booked": 1, "repeated": 1}
    assert bank.balance(bobs) == 1_00


def test_wallet_of_another_client_gets_nothing(account, iban, bobs):
    other = people.a_user(people.a_client("Another"), people.ALICE)
    wallet = people.first_wallet(other)
    line = incoming("1.00", "R1", remittance=str(wallet.id))
    assert bank.receive(line).booked == {"no_wallet": 1}


def test_wallet_in_another_currency_gets_nothing(account, bobs):
    dollars = people.a_wallet(bobs.user, "USD")
    bank.receive(incoming("1.00", "R1", remittance=str(dollars.id)))
    assert bank.states() == {"no_wallet": 1}


def test_refused_cash_in_is_in_suspense_and_booked_later(account, bobs, iban):
    bobs.status = "BLOCKED"
    bobs.save(update_fields=["status"])
    line = incoming("1.00", "R1", target=iban, remittance="Lunch")
    today = clock.today()
    assert bank.receive(line_on(line, today)).booked == {"wallet_not_ready": 1}
    bobs.status = "READY"
    bobs.save(update_fields=["status"])
    assert booking.retry() == {"booked": 1}
    assert bank.balance(bobs) == 1_00


def test_import_without_new_lines_looks_at_no_older_line(account, monkeypatch):
    """Banks send a notification for each payment: each would look at all lines in suspense."""
    calls: list[object] = []

    def noted(accounts: object) -> Counter[str]:
        calls.append(accounts)
        return Counter()

    monkeypatch.setattr(booking, "retry", noted)
    bank.receive(kind="camt.054", name="N1")
    bank.receive(incoming("1.00", "R1"), name="S1")
    assert len(calls) == 1


def test_details_of_an_entry_are_booked_apart(account, alices, bobs, iban):
    parts = (
        Part(amount="1.00", target=iban),
        Part(amount="2.00", remittance=str(alices.id)),
        Part(amount="4.00"),
    )
    bank.receive(Line(amount="7.00", reference="R", parts=parts))
    assert (bank.balance(bobs), bank.balance(alices)) == (1_00, 102_00)
    assert bank.states() == {"MATCHED": 2, "no_wallet": 1}


def test_entry_with_wrong_details_is_in_suspense_as_a_whole(account, bobs, iban):
    parts = Part(amount="1.00", target=iban), Part(amount="2.00", target=iban)
    bank.receive(Line(amount="7.00", reference="R", parts=parts))
    assert BankLine.objects.get().amount == 7_00
    assert bank.balance(bobs) == 0


def test_debit_settles_the_cash_out_that_it_names(account, sent, alices):
    report = bank.receive(outgoing("40.00", "R1", end_to_end=sent.id.hex))
    assert report.booked == {"booked": 1}
    sent.refresh_from_db()
    assert (sent.status, bank.balance(alices)) == ("SUCCESS", 60_00)
    assert BankOutcome.objects.get().movement_id == sent.id


def test_debits_of_a_batch_settle_each_cash_out(account, alices):
    first, second = (end(MarkCashOutSent, a_cash_out(alices, 20_00)) for _ in range(2))
    parts = tuple(Part(amount="20.00", end_to_end=each.id.hex) for each in (first, second))
    bank.receive(Line(amount="40.00", sign="DBIT", reference="R", parts=parts))
    assert bank.balance(alices) == 60_00
    assert bank.states() == {"MATCHED": 2}


def test_debit_of_another_amount_settles_nothing(account, sent):
    assert bank.receive(outgoing("40.01", "R1", end_to_end=sent.id.hex)).booked == {
        "other_amount": 1
    }


def test_debit_of_an_unsent_cash_out_settles_nothing(account, alices):
    cash_out = a_cash_out(alices, 40_00)
    assert bank.receive(outgoing("40.00", "R1", end_to_end=cash_out.id.hex)).booked == {
        "cash_out_not_sent": 1
    }


def test_debit_of_a_rejected_cash_out_settles_nothing(account, sent):
    end(RejectCashOut, sent, reason="Wrong IBAN")
    assert bank.receive(outgoing("40.00", "R1", end_to_end=sent.id.hex)).booked == {
        "movement_not_pending": 1
    }


def test_debit_explains_a_cash_out_that_was_settled_before(account, sent, alices):
    end(SettleCashOut, sent)
    assert bank.receive(outgoing("40.00", "R1", end_to_end=sent.id.hex)).booked == {"booked": 1}
    assert bank.balance(alices) == 60_00


def test_second_debit_of_a_cash_out_is_in_suspense(account, sent, alices):
    bank.receive(outgoing("40.00", "R1", end_to_end=sent.id.hex))
    report = bank.receive(outgoing("40.00", "R2", end_to_end=sent.id.hex), name="2")
    assert report.booked == {"taken": 1}
    assert bank.balance(alices) == 60_00


def test_credit_with_the_id_of_a_settled_cash_out_is_no_cash_in(account, sent, alices):
    bank.receive(outgoing("40.00", "R1", end_to_end=sent.id.hex))
    credit = incoming("40.00", "R2", end_to_end=sent.id.hex, remittance=str(alices.id))
    bank.receive(credit, name="2")
    assert not Movement.objects.filter(type="CASH_IN", amount=40_00).exists()


def test_file_of_an_unknown_account_is_refused(account):
    with pytest.raises(Unreadable, match="no bank account ES00 in EUR"):
        bank.receive(incoming("1.00", "R1"), iban="ES00")
    assert not BankStatementFile.objects.exists()


def test_statement_in_another_currency_is_refused(account):
    with pytest.raises(Unreadable, match="in USD"):
        bank.receive(Line(amount="1.00", currency="USD"), currency="USD")


@pytest.mark.parametrize("kind", ["camt.052", "camt.054"])
def test_only_statements_book_by_default(account, bobs, iban, kind):
    report = bank.receive(incoming("1.00", "R1", target=iban), kind=kind)
    assert (report.imported.lines, bank.balance(bobs)) == (0, 0)
    assert BankStatement.objects.get().entries == 1


def test_notification_books_and_statement_confirms(client_demo, bobs, iban):
    bank.an_account(client_demo, booked_by="NOTIFICATION")
    line = incoming("1.00", "R1", target=iban)
    bank.receive(line, kind="camt.054", name="N")
    assert (bank.balance(bobs), BankLine.objects.get().confirmed_by) == (1_00, None)
    report = bank.receive(line, incoming("2.00", "R2", target=iban), name="S")
    assert bank.balance(bobs) == 1_00
    assert report.imported.known_lines == 1
    assert bank.states() == {"MATCHED": 1, "not_notified": 1}
    assert not BankLine.objects.filter(confirmed_by=None).exists()


def test_notification_after_its_statement_changes_nothing(client_demo, bobs, iban):
    bank.an_account(client_demo, booked_by="NOTIFICATION")
    line = incoming("1.00", "R1", target=iban)
    bank.receive(line, name="S")
    bank.receive(line, kind="camt.054", name="N")
    assert bank.states() == {"not_notified": 1}


def test_line_of_a_client_of_the_api_is_matched_and_never_booked(client_demo, bobs):
    bank.an_account(client_demo, cash_ins="API")
    iban = bank.an_iban(bobs)
    people.cash_in(bobs, 5_00, reference="INVOICE-7")
    bank.receive(
        incoming("5.00", "R1", remittance="for INVOICE-7"),
        incoming("5.00", "R2", end_to_end="INVOICE-7"),
        incoming("6.00", "R3", target=iban),
    )
    assert bank.balance(bobs) == 5_00
    assert bank.states() == {"MATCHED": 1, "no_cash_in": 2}


def test_cash_in_that_follows_its_line_is_matched(client_demo, bobs):
    bank.an_account(client_demo, cash_ins="API")
    today = clock.today()
    bank.receive(line_on(incoming("5.00", "R1", end_to_end="INVOICE-7"), today))
    people.cash_in(bobs, 5_00, reference="INVOICE-7")
    assert booking.retry() == {"booked": 1}
    assert bank.balance(bobs) == 5_00


def test_line_is_booked_once_when_its_order_is_submitted_again(account, bobs, iban):
    bank.receive(incoming("1.00", "R1", target=iban))
    line = BankLine.objects.select_related("account").get()
    assert booking.book_lines([line]) == {"booked": 1}
    assert bank.balance(bobs) == 1_00


def test_interrupted_import_goes_on(account, bobs, iban, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(posting, "submit_each", die)
        with pytest.raises(Killed):
            bank.receive(incoming("1.00", "R1", target=iban))
    assert bank.states() == {"NEW": 1}
    assert bank.receive(incoming("1.00", "R1", target=iban)).booked == {"booked": 1}
    assert bank.balance(bobs) == 1_00


@pytest.mark.slow
@pytest.mark.parametrize("returned", ["", "AC04"])
def test_returned_cash_out_is_given_back_to_its_wallet(account, sent, alices, returned):
    bank.receive(outgoing("40.00", "R1", end_to_end=sent.id.hex))
    about = {"end_to_end": sent.id.hex, "returned": returned, "iban": sent.iban}
    back = incoming("40.00", "R2", **about, remittance="Closed")
    assert bank.receive(back, name="2").booked == {"booked": 1}
    assert bank.balance(alices) == 100_00
    reversal = people.movements(alices)[-1]
    assert (reversal.type, reversal.reversal_of_id, reversal.amount) == ("REVERSAL", sent.id, 40_00)
    again = replace(back, reference="R3")
    assert bank.receive(again, name="3").booked == {"reversal_exceeded": 1}


def test_return_before_its_debit_waits(account, sent, alices):
    day = clock.today()
    back = incoming("40.00", "R2", end_to_end=sent.id.hex, returned="AC04")
    assert bank.receive(line_on(back, day)).booked == {"returned": 1}
    debit = outgoing("40.00", "R1", end_to_end=sent.id.hex)
    bank.receive(line_on(debit, day), name="2")
    assert booking.retry() == {"booked": 1}
    assert bank.balance(alices) == 100_00
