"""Users who are paid out are closed without a request."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from django.db import OperationalError

from tests.support import people, staff
from tests.support.approval_pages import decide_on_page
from tests.support.approvals import approve, ask
from tests.support.cash_outs import end
from tests.support.ibans import IBAN
from tests.support.payments_out import words_of
from users.models import Approval
from users.models.approvals import ApprovalKind
from wallets.admin import closing
from wallets.admin.approvals.money import asked_about
from wallets.admin.approvals.pay_outs import ask_to_pay_out
from wallets.duties import closings as duties
from wallets.duties.closings import FinishClosings
from wallets.models import Closing, Movement
from wallets.orders.cash_outs import MarkCashOutSent, SettleCashOut

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(asker: Any, second: Any, alices: Any) -> Movement:
    """The only payment of a closing, sent to the bank."""
    approve(ask(ask_to_pay_out(alices.user, {"iban": IBAN, "holder_name": ""}), asker), second)
    found = Movement.objects.get(type="CASH_OUT")
    end(MarkCashOutSent, found)
    return found


def states(alices: Any) -> tuple[str, str]:
    alices.user.refresh_from_db()
    return Closing.objects.get().state, alices.user.status


def test_closing_settled_over_the_api_is_finished(payment, alices):
    assert FinishClosings().perform() == 0
    assert states(alices) == ("UNDER_WAY", "ACTIVATED")
    end(SettleCashOut, payment)
    assert FinishClosings().perform() == 1
    assert states(alices) == ("DONE", "UNSUBSCRIBED")
    assert FinishClosings().perform() == 0


def test_closing_with_later_money_stays_under_way(payment, alices):
    end(SettleCashOut, payment)
    people.cash_in(alices, 1)
    assert FinishClosings().perform() == 0
    assert states(alices) == ("UNDER_WAY", "ACTIVATED")


def test_closing_interrupted_after_an_approval_is_told_and_finished(
    payment, asker, second, alices, monkeypatch
):
    asked = ask(asked_about(payment, ApprovalKind.SETTLE_CASH_OUT), asker)

    def broken(found: Closing, by: Any) -> None:
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patched:
        patched.setattr(closing, "finish", broken)
        page = words_of(decide_on_page(staff.browser_of(second), asked))
    assert "Approved, but not finished yet" in page
    assert Approval.objects.get(pk=asked.pk).state == Approval.State.APPROVED
    assert states(alices) == ("UNDER_WAY", "ACTIVATED")
    assert FinishClosings().perform() == 1
    assert states(alices) == ("DONE", "UNSUBSCRIBED")


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 100])
def test_closing_that_never_can_be_finished_keeps_no_other_waiting(
    batch, payment, asker, second, bobs, monkeypatch
):
    """That of Alice is the older one, and always fails."""
    people.cash_in(bobs, 1_00)
    approve(ask(ask_to_pay_out(bobs.user, {"iban": IBAN, "holder_name": ""}), asker), second)
    for each in Movement.objects.filter(type="CASH_OUT", wallet=bobs):
        end(MarkCashOutSent, each)
    for each in Movement.objects.filter(type="CASH_OUT"):
        end(SettleCashOut, each)
    finish = closing.finish

    def fail(found: Closing, by: Any) -> None:
        if found.user_id == payment.wallet.user_id:
            raise OperationalError("canceling statement due to lock timeout")
        finish(found, by)

    monkeypatch.setattr(closing, "finish", fail)
    monkeypatch.setattr(duties, "BATCH", batch)
    bobs_closing = Closing.objects.get(user=bobs.user)
    for _ in range(100):
        with suppress(OperationalError):
            FinishClosings().perform()
        bobs_closing.refresh_from_db()
        if not bobs_closing.is_under_way:
            break
    assert bobs_closing.state == "DONE"
    assert Closing.objects.under_way().get().user_id == payment.wallet.user_id
