"""The institution's own money in the account covers what wallets get and lose beside the bank."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from iocash.db import clock
from tests.support import bank, people
from tests.support.approvals import approve, ask
from tests.support.camt import Line
from tests.support.cash_outs import a_cash_out, end
from tests.support.sandbox import made, set_clock
from users.models.events import By
from wallets.admin.approvals.set_apart import ask_to_set_apart
from wallets.bank import decisions, safeguarding
from wallets.models import BankLine, Movement
from wallets.orders.cash_outs import MarkCashOutSent, SettleCashOut

pytestmark = pytest.mark.django_db
SECOND = "ES7921000813610123456789"


@pytest.fixture
def account(client_demo):
    """An account whose cash-ins come over the API."""
    return bank.an_account(client_demo, cash_ins="API")


def only() -> safeguarding.SafeguardingPosition:
    (position,) = safeguarding.safeguarding_positions()
    return position


def is_right() -> bool:
    return only().is_right(clock.now())


def state_balance(opening: str, closing: str, *lines: Line, **values: Any) -> None:
    """Import a statement of today."""
    day = clock.today().isoformat()
    name = values.pop("name", f"S{BankLine.objects.count()}-{day}-{closing}")
    bank.receive(*lines, name=name, day=day, opening=opening, closing=closing, **values)


def debit(amount: str, reference: str = "FEE") -> Line:
    day = clock.today().isoformat()
    return Line(amount=amount, sign="DBIT", reference=reference, text="Fee", day=day)


def ignore(reference: str) -> None:
    line = BankLine.objects.select_related("account").get(reference=reference)
    asked = decisions.ask_for_decision(line, "IGNORE", by=By("staff:1"), reason="Fee")
    decisions.answer_decision(asked, by=By("staff:2"), is_approved=True)


def set_apart(movement: Movement, asker: Any, second: Any) -> None:
    found = Movement.objects.select_related("wallet__user").get(id=movement.id)
    asked = ask(ask_to_set_apart(found, {"pair": None, "why": "CORRECTION"}), asker)
    assert approve(asked, second).state == "APPROVED"


@pytest.fixture
def tomorrow(alices):
    """Let the statements begin on the next day: what was before is not in them."""
    with made():
        yield lambda: set_clock(clock.now() + timedelta(days=1))


@pytest.mark.parametrize(("opening", "missing"), [(100, 2_00), (101, 1_00), (102, 0)])
def test_debit_that_is_set_apart_is_covered_by_own_money(account, tomorrow, opening, missing):
    """Alice has 100.00, the bank takes 2.00, and no customer pays it."""
    tomorrow()
    state_balance(f"{opening}.00", f"{opening - 2}.00", debit("2.00"))
    ignore("FEE")
    assert (only().difference, only().uncovered) == (0, missing)
    assert is_right() is (not missing)


def test_transfer_to_an_account_without_statements_is_missing(account, client_demo, tomorrow):
    """All money goes to the second account; nothing is there until its statement has it."""
    bank.an_account(client_demo, iban=SECOND, cash_ins="API")
    tomorrow()
    state_balance("100.00", "0.00", debit("100.00", "MOVE"))
    ignore("MOVE")
    assert not is_right()
    credit = Line(amount="100.00", reference="MOVED", day=clock.today().isoformat())
    state_balance("0.00", "100.00", credit, iban=SECOND, name="FIRST")
    ignore("MOVED")
    assert is_right()


def test_cash_out_paid_before_the_beginning_can_be_settled_after_it(
    account, alices, tomorrow, asker, second
):
    sent = end(MarkCashOutSent, a_cash_out(alices, 40_00))
    tomorrow()
    state_balance("60.00", "60.00")
    assert not is_right()
    set_apart(end(SettleCashOut, sent), asker, second)
    assert (only().difference, only().shortfall, only().uncovered) == (0, 0, 0)
    assert is_right()


def test_cash_in_in_transit_at_the_beginning_can_be_reversed(
    account, alices, bobs, tomorrow, asker, second
):
    paid = Movement.objects.get(id=people.cash_in(bobs, 5_00).id)
    tomorrow()
    state_balance("100.00", "100.00")
    assert only().shortfall == 5_00
    set_apart(people.reverse(paid), asker, second)
    assert is_right()


def test_reversal_becomes_late_if_its_cash_in_is_from_before_the_beginning(account, bobs, tomorrow):
    """The bank has the money of the cash-in, so it must give it back."""
    paid = Movement.objects.get(id=people.cash_in(bobs, 5_00).id)
    tomorrow()
    state_balance("105.00", "105.00")
    assert is_right()
    people.reverse(paid)
    (late,) = only().unmatched
    assert (only().difference, late.amount, late.waiting_since) == (0, -5_00, late.oldest)
    set_clock(clock.now() + timedelta(days=6))
    state_balance("105.00", "105.00", name="LAST")
    assert not is_right()
