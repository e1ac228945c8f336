"""Approved payments out: at most what was approved, within its time, all of it or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from iocash import errors
from iocash.db import clock
from tests.support import people, staff
from tests.support.approval_pages import action_address, ask_on_page, decide_on_page
from tests.support.approvals import approve, ask, seen_now
from tests.support.backoffice import page_of
from tests.support.ibans import IBAN
from tests.support.payments_out import words_of
from tests.support.threads import at_once
from users.approvals.deciding import FactsChanged, approve_request
from users.models import Approval
from users.models.events import By
from wallets import erasure, posting
from wallets.admin.approvals import pay_again
from wallets.admin.approvals.pay_again import ORDER_LIFETIME, order_again
from wallets.admin.approvals.pay_outs import ask_to_pay_again, ask_to_pay_out
from wallets.models import Closing, Movement
from wallets.orders.cash_outs import MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.payments import Adjust
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def third() -> Any:
    return staff.a_member(staff.SUPERVISOR, name="mallory")


@pytest.fixture
def asked(asker: Any, alices: Any) -> Approval:
    """The request to pay out 100.00 EUR."""
    return ask(ask_to_pay_out(alices.user, {"iban": IBAN, "holder_name": ""}), asker)


@pytest.fixture
def paying(asked: Approval, second: Any) -> Closing:
    """The closing, after its approval."""
    assert approve(asked, second).state == Approval.State.APPROVED
    return Closing.objects.get()


def by(member: Any) -> By:
    return By(f"staff:{member.pk}")


def pending() -> list[int]:
    """The amounts of the cash-outs that are pending."""
    found = Movement.objects.filter(type="CASH_OUT", status="PENDING").order_by("id")
    return [-each.amount for each in found]


def reject(alices: Any, member: Any) -> None:
    movement = Movement.objects.get(type="CASH_OUT", status="PENDING")
    about = people.about(alices) | {"by": by(member)}
    posting.submit(RejectCashOut(**about, movement_id=movement.id, reason="Wrong account"))


def settle(alices: Any) -> None:
    movement = Movement.objects.get(type="CASH_OUT", status="PENDING")
    for order in (MarkCashOutSent, SettleCashOut):
        posting.submit(order(**people.about(alices), movement_id=movement.id))


# --- The bounds of an approval --------------------------------------------------------------------


@pytest.mark.slow
def test_approval_pays_out_no_later_money(third, alices, paying):
    people.cash_in(alices, 9_000_00)
    reject(alices, third)
    with pytest.raises(errors.ApprovalRequired):
        order_again(paying, by(third))
    assert pending() == []


@pytest.mark.slow
def test_approval_pays_out_rejected_cash_outs_again(third, alices, paying):
    for _ in range(2):
        reject(alices, third)
        order_again(paying, by(third))
    assert pending() == [100_00]


@pytest.mark.slow
def test_approval_that_has_paid_pays_the_same_amount_no_second_time(third, alices, paying):
    settle(alices)
    people.cash_in(alices, 100_00)
    with pytest.raises(errors.ApprovalRequired):
        order_again(paying, by(third))
    assert pending() == []


@pytest.mark.slow
def test_approval_pays_nothing_after_its_time(third, alices, paying, monkeypatch):
    reject(alices, third)
    decided = Approval.objects.get().decided_at
    assert decided
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: decided + ORDER_LIFETIME)
        with pytest.raises(errors.ApprovalRequired):
            order_again(paying, by(third))
    assert pending() == []
    monkeypatch.setattr(clock, "now", lambda: decided + ORDER_LIFETIME - timedelta(seconds=1))
    order_again(paying, by(third))
    assert pending() == [100_00]


def test_approval_of_another_closing_pays_nothing(asker, paying):
    other = Closing(client_id=paying.client_id, user=paying.user, iban=IBAN, actor=paying.actor)
    with pytest.raises(errors.ApprovalRequired):
        pay_again.approved_to_pay(other, {}, by(asker))


@pytest.mark.slow
def test_later_money_is_paid_with_an_approval_of_its_own(asker, second, third, alices, paying):
    people.cash_in(alices, 9_000_00)
    reject(alices, third)
    ask_on_page(staff.browser_of(asker), paying, "again")
    again = Approval.objects.waiting().get()
    assert pending() == []
    page = words_of(decide_on_page(staff.browser_of(second), again))
    assert "Approved and done" in page
    assert pending() == [9_100_00]
    reject(alices, third)
    order_again(paying, by(third))
    assert pending() == [9_100_00]
    assert Closing.objects.get() == paying


@pytest.mark.slow
def test_approval_counts_only_its_own_cash_outs(asker, second, third, alices, paying):
    settle(alices)
    people.cash_in(alices, 50_00)
    assert approve(ask(ask_to_pay_again(paying, {}), asker), second).state == "APPROVED"
    reject(alices, third)
    order_again(paying, by(third))
    assert pending() == [50_00]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_members_order_one_payment_at_once(third, alices, paying):
    reject(alices, third)
    at_once(*[lambda: order_again(paying, by(third))] * 2)
    assert pending() == [100_00]


@pytest.mark.slow
def test_stopped_closing_is_paid_no_more(asker, second, third, alices, paying):
    reject(alices, third)
    again = ask(ask_to_pay_again(paying, {}), asker)
    browser = staff.browser_of(third)
    form = {"key": "01980000-0000-7000-8000-000000000002"}
    assert browser.post(action_address(paying, "stop"), form).status_code == 302
    assert approve(again, second).state == Approval.State.FAILED
    assert pending() == []


@pytest.mark.slow
def test_effect_names_the_bounds(asked, second):
    page = words_of(staff.browser_of(second).get(page_of(asked)))
    assert "for 24 hours, up to these amounts" in page
    assert "Money that comes in needs another approval" in page


# --- Balances that change while a request waits ---------------------------------------------------


def test_cent_that_comes_in_stalls_no_pay_out(asked, second, alices):
    seen = seen_now(asked)
    people.cash_in(alices, 1)
    assert approve_request(asked.id, by=second, seen=seen).state == Approval.State.APPROVED
    assert pending() == [100_00]


@pytest.mark.slow
def test_money_that_has_gone_is_shown_before_the_rest_is_paid(asked, second, alices, bobs):
    seen = seen_now(asked)
    people.transfer(alices, bobs, 1_00)
    with pytest.raises(FactsChanged):
        approve_request(asked.id, by=second, seen=seen)
    assert approve(asked, second).state == Approval.State.APPROVED
    assert pending() == [99_00]


# --- Refusals and errors --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("refusal", [errors.LockTimeout, errors.DatabaseUnavailable])
def test_busy_database_uses_up_no_approval(refusal, asked, second, monkeypatch):
    def busy(order: Any) -> None:
        raise refusal

    with monkeypatch.context() as patched:
        patched.setattr(posting, "submit", busy)
        with pytest.raises(refusal):
            approve(asked, second)
    asked.refresh_from_db()
    assert asked.is_waiting
    assert not Closing.objects.exists()
    assert approve(asked, second).state == Approval.State.APPROVED


@pytest.mark.slow
def test_failed_pay_out_says_why(asked, second, alices, monkeypatch):
    def refused(order: Any) -> None:
        raise errors.UserNotActive(user_id=alices.user_id, status="BLOCKED")

    monkeypatch.setattr(posting, "submit", refused)
    page = words_of(decide_on_page(staff.browser_of(second), asked))
    asked.refresh_from_db()
    assert (asked.state, asked.code) == ("FAILED", "user_not_active")
    assert "User not active" in page
    assert not Closing.objects.exists()


@pytest.mark.slow
def test_pay_out_of_an_erased_user_is_refused_in_words(asked, second, alices):
    about: dict[str, Any] = {"client_id": alices.client_id, "by": people.BY}
    amount = people.decimal(100_00)
    posting.submit(Adjust(**about, wallet_id=alices.id, is_debit=True, amount=amount))
    posting.submit(UnsubscribeUser(**about, user_id=alices.user_id))
    erasure.erase(user_id=alices.user_id, by=people.BY, reason="USER_REQUEST")
    browser = staff.browser_of(second)
    text = "The personal data of this user was erased"
    for page in (
        browser.get(page_of(asked)),
        browser.get(action_address(asked, "approve")),
        decide_on_page(browser, asked),
    ):
        assert page.status_code == 200
        assert text in words_of(page)
    asked.refresh_from_db()
    assert asked.is_waiting
