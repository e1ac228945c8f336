"""The life of a cash-out: set aside at once, ended exactly once."""

import pytest

from iocash import errors
from tests.support import people
from tests.support.cash_outs import a_cash_out, end, money_of
from tests.support.ibans import IBAN
from wallets import posting
from wallets.models import Wallet
from wallets.orders.cash_outs import CancelCashOut, MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.payments import Adjust
from wallets.orders.wallets import ChangeWallet

pytestmark = pytest.mark.django_db


def test_pending_cash_out_holds_the_money(alices):
    movement = a_cash_out(alices, 30_00)
    assert (movement.status, movement.amount, movement.iban) == ("PENDING", -30_00, IBAN)
    assert money_of(alices) == (100_00, 30_00)


def test_money_of_a_pending_cash_out_cannot_be_spent(alices, bobs):
    a_cash_out(alices, 30_00)
    with pytest.raises(errors.InsufficientFunds) as refused:
        people.transfer(alices, bobs, 70_01)
    assert refused.value.facts["available"] == "70.00"


def test_settled_cash_out_reduces_the_balance(alices):
    movement = end(SettleCashOut, end(MarkCashOutSent, a_cash_out(alices, 30_00)))
    assert (movement.status, movement.balance_after, movement.seq) == ("SUCCESS", 70_00, 2)
    assert money_of(alices) == (70_00, 0)


def test_rejected_cash_out_frees_the_money_and_has_its_reason(alices):
    movement = end(RejectCashOut, a_cash_out(alices, 30_00), reason="Account closed")
    assert (movement.status, movement.reason, movement.seq) == ("ERROR", "Account closed", None)
    assert money_of(alices) == (100_00, 0)


def test_money_of_a_cancelled_cash_out_is_available_again(alices):
    movement = end(CancelCashOut, a_cash_out(alices, 30_00))
    assert movement.status == "CANCELLED"
    assert money_of(alices) == (100_00, 0)


def test_sent_cash_out_cannot_be_cancelled(alices):
    movement = end(MarkCashOutSent, a_cash_out(alices, 30_00))
    with pytest.raises(errors.CashOutSent):
        end(CancelCashOut, movement)


def test_unsent_cash_out_cannot_be_settled(alices):
    with pytest.raises(errors.CashOutNotSent):
        end(SettleCashOut, a_cash_out(alices, 30_00))


@pytest.mark.parametrize("verb", [SettleCashOut, RejectCashOut, CancelCashOut, MarkCashOutSent])
@pytest.mark.parametrize("ended", ["settled", "rejected", "cancelled"])
def test_cash_out_is_closed_once(alices, verb, ended):
    movement = a_cash_out(alices, 30_00)
    if ended == "settled":
        end(SettleCashOut, end(MarkCashOutSent, movement))
    elif ended == "rejected":
        end(RejectCashOut, movement, reason="Account closed")
    else:
        end(CancelCashOut, movement)
    before = money_of(alices)
    if (verb, ended) == (CancelCashOut, "cancelled"):
        end(verb, movement)
    else:
        values = {"reason": "Again"} if verb is RejectCashOut else {}
        with pytest.raises(errors.MovementNotPending):
            end(verb, movement, **values)
    assert money_of(alices) == before


def test_cash_out_of_a_blocked_wallet_can_be_closed(alices):
    movement = end(MarkCashOutSent, a_cash_out(alices, 30_00))
    Wallet.objects.filter(id=alices.id).update(status="BLOCKED")
    end(SettleCashOut, movement)
    assert money_of(alices) == (70_00, 0)


def test_wallet_with_a_pending_cash_out_cannot_be_closed(alices):
    a_cash_out(alices, 100_00)
    with pytest.raises(errors.WalletNotEmpty):
        posting.submit(
            ChangeWallet(
                client_id=alices.client_id, by=people.BY, wallet_id=alices.id, closing=True
            )
        )


def test_adjustment_corrects_a_balance_up_and_down(alices):
    for is_debit, amount in ((False, 5_00), (True, 15_00)):
        posting.submit(
            Adjust(
                client_id=alices.client_id,
                by=people.BY,
                wallet_id=alices.id,
                amount=people.decimal(amount),
                is_debit=is_debit,
                concept="Counted twice",
            )
        )
    assert money_of(alices) == (90_00, 0)
