"""What a credit is matched with, when it could be more than one thing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from iocash import errors
from tests.support import bank, people
from tests.support.camt import incoming
from tests.support.cash_outs import a_cash_out, end
from users.models.events import By
from wallets import posting
from wallets.admin import submit
from wallets.admin.forms import MovementForm
from wallets.orders.cash_outs import MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.payments import CashIn

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("named_by", ["reference", "text"])
def test_credit_that_names_an_ended_cash_out_is_no_cash_in(client_demo, alices, named_by):
    bank.an_account(client_demo)
    sent = end(MarkCashOutSent, a_cash_out(alices, 40_00))
    end(RejectCashOut, sent, reason="RJCT")
    before, words = bank.balance(alices), f"Return of your payment {alices.id}"
    if named_by == "reference":
        bank.receive(incoming("40.00", "R1", end_to_end=sent.id.hex, remittance=words))
    else:
        bank.receive(incoming("40.00", "R1", remittance=f"{words} {sent.id}"))
    assert bank.balance(alices) == before
    assert bank.states() == {"returned": 1}


@pytest.mark.parametrize("is_called_so", [True, False])
def test_return_comes_from_where_the_cash_out_went(client_demo, alices, is_called_so):
    account = bank.an_account(client_demo)
    sent = end(MarkCashOutSent, a_cash_out(alices, 40_00))
    end(SettleCashOut, sent)
    before = bank.balance(alices)
    about = {"end_to_end": sent.id.hex, "returned": "AC04" if is_called_so else ""}
    bank.receive(incoming("40.00", "R1", iban="DE02120300000000202051", **about), name="1")
    assert bank.balance(alices) == before + 40_00 * is_called_so
    if not is_called_so:
        bank.receive(incoming("40.00", "R2", iban=sent.iban or "", **about), name="2")
        assert bank.balance(alices) == before + 40_00
    assert account.lines.count() == 2 - is_called_so


def test_staff_add_no_cash_in_that_the_bank_brings(client_demo, bobs, one_person_acts):
    bank.an_account(client_demo)
    about = people.about(bobs, by=By("staff:1"), amount=Decimal(1))
    del about["wallet_id"]
    order = submit.cash_in_or_adjustment(bobs, kind=MovementForm.CASH_IN, **about)
    with pytest.raises(errors.CashInsFromBank):
        posting.submit(order)


def test_credit_of_a_cash_in_by_the_api_is_not_booked_after_a_change(client_demo, bobs):
    bank.an_account(client_demo, cash_ins="API")
    iban = bank.an_iban(bobs)
    posting.submit(CashIn(**people.about(bobs), amount=Decimal(50), reference="INV-1"))
    bank.agree_to_source(client_demo, "BANK")
    bank.receive(incoming("50.00", "R1", target=iban, end_to_end="INV-1"))
    assert bank.balance(bobs) == 50_00
    assert bank.states() == {"MATCHED": 1}
