"""The same payment is booked once, and two equal payments are both kept."""

from __future__ import annotations

from typing import Any

import pytest

from iocash import errors
from iocash.db import clock
from tests.support import bank
from tests.support.camt import Line, Part, incoming, of_day
from users.models.events import By
from wallets.bank import decisions, safeguarding
from wallets.models import BankDecision, BankLine

pytestmark = pytest.mark.django_db


@pytest.fixture
def notified(client_demo):
    return bank.an_account(client_demo, booked_by="NOTIFICATION")


@pytest.fixture
def iban(bobs):
    return bank.an_iban(bobs)


def is_right() -> bool:
    (position,) = safeguarding.safeguarding_positions()
    return position.is_right(clock.now())


def decide(line: BankLine, kind: str, **values: Any) -> BankDecision:
    asked = decisions.ask_for_decision(line, kind, by=By("staff:1"), reason="Same", **values)
    return decisions.answer_decision(asked, by=By("staff:2"), is_approved=True)


def line_of(reference: str) -> BankLine:
    return BankLine.objects.select_related("account", "parent").get(reference=reference)


def a_transfer(payer: str, target: str, **values: str) -> Line:
    """A credit without a reference of the bank."""
    about = {"amount": "50.00", "end_to_end": "RENT", "name": payer, "target": target} | values
    return Line(amount="50.00", parts=(Part(**about),))


@pytest.fixture
def stated_twice(notified, iban):
    """A payment that a notification and a statement have with different references."""
    bank.receive(name="S1", opening="0.00", closing="0.00", day=of_day(3))
    bank.receive(incoming("10.00", "N-1", target=iban), kind="camt.054", name="N1")
    bank.receive(incoming("10.00", "S-1", target=iban), opening="0.00", closing="10.00", name="S2")


def test_line_with_another_reference_is_not_assigned(stated_twice, bobs):
    for kind, values in (("ASSIGN", {"wallet": bobs}), ("SPLIT", {"amounts": [6_00, 4_00]})):
        with pytest.raises(errors.InvalidFields, match=r"."):
            decide(line_of("S-1"), kind, **values)
    assert bank.balance(bobs) == 10_00
    assert not is_right()


def test_decision_pairs_two_lines_of_one_payment(stated_twice, bobs):
    decide(line_of("S-1"), "SAME", pair=line_of("N-1"))
    assert line_of("N-1").confirmed_by == line_of("S-1").statement
    assert bank.balance(bobs) == 10_00
    assert bank.states() == {"MATCHED": 1, "SAME": 1}
    assert is_right()


def test_pair_has_the_same_amount_and_is_used_once(stated_twice, iban):
    bank.receive(incoming("11.00", "N-2", target=iban), kind="camt.054", name="N2")
    for pair in (line_of("N-2"), line_of("S-1")):
        with pytest.raises(errors.InvalidFields, match=r"."):
            decide(line_of("S-1"), "SAME", pair=pair)
    decide(line_of("S-1"), "SAME", pair=line_of("N-1"))
    again = incoming("10.00", "S-3", target=iban)
    bank.receive(again, day=of_day(1), opening="10.00", closing="20.00", name="S3")
    with pytest.raises(errors.InvalidFields, match=r"."):
        decide(line_of("S-3"), "SAME", pair=line_of("N-1"))


def test_notification_after_its_statement_waits_for_two_people(notified, iban, bobs):
    bank.receive(incoming("10.00", "S-1", target=iban), opening="0.00", closing="10.00", name="S")
    bank.receive(incoming("10.00", "N-1", target=iban), kind="camt.054", name="N1")
    assert bank.states() == {"not_notified": 1, "repeated": 1}
    with pytest.raises(errors.InvalidFields, match=r"."):
        decide(line_of("S-1"), "ASSIGN", wallet=bobs)
    decide(line_of("N-1"), "SAME", pair=line_of("S-1"))
    decide(line_of("S-1"), "ASSIGN", wallet=bobs)
    assert bank.balance(bobs) == 10_00
    assert is_right()


@pytest.mark.parametrize("kind", ["camt.053", "camt.054"])
def test_two_payers_with_one_reference_are_both_kept(client_demo, bobs, iban, kind):
    bank.an_account(client_demo, booked_by="NOTIFICATION" if kind == "camt.054" else "STATEMENT")
    for name, payer in (("A", "Alice"), ("B", "Carol")):
        bank.receive(a_transfer(payer, iban), kind=kind, name=name)
    assert bank.states() == {"MATCHED": 2}
    assert bank.balance(bobs) == 100_00


@pytest.mark.parametrize("kind", ["camt.053", "camt.054"])
def test_equal_payment_of_another_statement_waits(client_demo, bobs, iban, kind):
    bank.an_account(client_demo, booked_by="NOTIFICATION" if kind == "camt.054" else "STATEMENT")
    for name in ("A", "B"):
        bank.receive(a_transfer("Alice", iban), kind=kind, name=name)
    assert bank.states() == {"MATCHED": 1, "repeated": 1}
    assert bank.balance(bobs) == 50_00


def test_statement_confirms_equal_payments_without_references(notified, bobs, iban):
    for name in ("A", "B"):
        bank.receive(a_transfer("Alice", iban), kind="camt.054", name=name)
    both = a_transfer("Alice", iban), a_transfer("Alice", iban)
    bank.receive(*both, name="S", opening="0.00", closing="100.00")
    assert bank.states() == {"MATCHED": 1, "repeated": 1}
    assert not BankLine.objects.filter(confirmed_by=None).exists()


def test_same_statement_in_another_file_is_known(client_demo, bobs, iban):
    bank.an_account(client_demo)
    bank.receive(a_transfer("Alice", iban), opening="0.00", closing="50.00")
    bank.receive(a_transfer("Alice", iban), closing="50.00")
    assert BankLine.objects.count() == 1


@pytest.mark.parametrize("reference", ["R1", ""])
def test_entry_without_a_date_waits_and_is_stored_once(client_demo, bobs, iban, reference):
    bank.an_account(client_demo)
    part = Part(amount="50.00", target=iban)
    line = Line(amount="50.00", reference=reference, day="", parts=(part,))
    for day in (of_day(2), of_day(1)):
        bank.receive(line, day=day)
    assert bank.states() == {"undated": 1}
    bank.receive(Line(amount="50.00", reference=reference, parts=(part,)))
    assert bank.states() == {"undated": 1}
    decide(BankLine.objects.select_related("account").get(), "ASSIGN", wallet=bobs)
    assert bank.balance(bobs) == 50_00
