"""Closing a user with money: paying out, finishing, stopping, and doing it again."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.urls import reverse

from tests.support import people
from tests.support.approval_pages import ask_on_page
from tests.support.approvals import a_colleague, approve, seen_now
from tests.support.backoffice import page_of
from tests.support.cash_outs import a_cash_out, end
from tests.support.ibans import IBAN, OTHER_IBAN
from tests.support.staff import OPERATOR, SUPERVISOR, VIEWER, a_member, browser_of, somebody
from tests.support.threads import at_once
from users.approvals.deciding import FactsChanged, approve_request
from users.models import Approval, User
from users.models.events import By
from wallets import erasure, posting
from wallets.admin import closing
from wallets.models import Closing, Movement, Wallet
from wallets.orders.base import Outcome
from wallets.orders.cash_outs import MarkCashOutSent, RejectCashOut, SettleCashOut
from wallets.orders.users import BlockUser
from wallets.orders.wallets import OpenWallet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_person_acts")]

BANK = {"iban": IBAN, "holder_name": "Alice Example"}


def fields_of(text: str) -> dict[str, str]:
    """The hidden fields of a confirmation."""
    found = {}
    for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", text):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name:
            found[name[1]] = value[1] if value else ""
    return found


def address(user: User) -> str:
    return reverse("admin:users_user_action", args=[user.pk, "pay-out"])


def ask(browser: Browser, user: User, **values: str) -> str:
    """Send the form, which leads to the page that asks for an approval."""
    return browser.post(address(user), {"key": str(uuid4()), **BANK, **values}).text


def confirmation(browser: Browser, user: User) -> dict[str, str]:
    return fields_of(ask(browser, user)) | {"ask": "1", "approval_reason": "Letter"}


def order(browser: Browser, user: User) -> Closing:
    browser.post(address(user), confirmation(browser, user))
    approve_last()
    return Closing.objects.under_way().get(user=user)


def do_action(browser: Browser, found: Closing, name: str) -> Any:
    at = reverse("admin:wallets_closing_action", args=[found.pk, name])
    return browser.post(at, {"key": str(uuid4())}, follow=True)


def approve_last() -> Approval:
    """A colleague approves what was asked for last."""
    return approve(Approval.objects.waiting().get(), a_colleague())


def cash_outs(user: User) -> list[Movement]:
    found = Movement.objects.filter(wallet__user=user, type="CASH_OUT")
    return list(found.order_by("id"))


def pay(movement: Movement) -> None:
    end(MarkCashOutSent, movement)
    end(SettleCashOut, movement)


@pytest.fixture
def browser() -> Browser:
    return somebody(SUPERVISOR)


@pytest.fixture
def second(alices: Wallet) -> Wallet:
    """Another wallet of Alice, with money."""
    opened = posting.submit(
        OpenWallet(client_id=alices.client_id, by=people.BY, user_id=alices.user_id)
    )
    wallet = Wallet.objects.get(id=opened.id)
    people.transfer(alices, wallet, 3_00)
    return wallet


def test_confirmation_shows_person_amount_and_account_and_changes_nothing(browser, alices):
    page = ask(browser, alices.user)
    assert "Somebody else must approve this" in page
    for text in ("Alice Example", IBAN, "100.00", "closed for good"):
        assert text in page
    assert not Closing.objects.exists()
    assert not cash_outs(alices.user)


@pytest.mark.slow
def test_whole_balance_of_each_wallet_is_paid_out_and_the_user_is_closed(browser, alices, second):
    balances = {each.id: each.balance for each in closing.open_wallets(alices.user)}
    found = order(browser, alices.user)
    made = cash_outs(alices.user)
    assert {each.wallet_id: -each.amount for each in made} == balances
    assert {(each.iban, each.holder_name) for each in made} == {(IBAN, "Alice Example")}
    for movement in made:
        end(MarkCashOutSent, movement)
    settle(browser, made[0])
    found.refresh_from_db()
    assert found.is_under_way
    settle(browser, made[1])
    found.refresh_from_db()
    alices.user.refresh_from_db()
    assert (found.state, alices.user.status) == ("DONE", "UNSUBSCRIBED")
    assert {each.status for each in Wallet.objects.filter(user=alices.user)} == {"UNSUBSCRIBED"}


def settle(browser: Browser, movement: Movement) -> None:
    at = reverse("admin:wallets_movement_action", args=[movement.pk, "settle"])
    assert browser.post(at, {"key": str(uuid4())}).status_code == 302


@pytest.mark.slow
def test_last_payment_settled_in_the_queue_closes_the_user(browser, alices):
    found = order(browser, alices.user)
    (movement,) = cash_outs(alices.user)
    end(MarkCashOutSent, movement)
    item = f"{movement.id}:{movement.version}"
    body = {"action": "settle", "key": str(uuid4()), "item": item, "queue": "state=sent"}
    page = browser.post(reverse("admin:payments-out-action"), body, follow=True)
    found.refresh_from_db()
    assert found.state == "DONE"
    assert "Paid out and closed: Alice Example." in page.text


@pytest.mark.slow
def test_payment_settled_elsewhere_is_finished_with_the_button(browser, alices):
    found = order(browser, alices.user)
    do_action(browser, found, "finish")
    alices.user.refresh_from_db()
    assert alices.user.status == "ACTIVATED"  # nothing is paid yet
    pay(*cash_outs(alices.user))
    do_action(browser, found, "finish")
    found.refresh_from_db()
    alices.user.refresh_from_db()
    assert (found.state, alices.user.status) == ("DONE", "UNSUBSCRIBED")


def test_form_sent_twice_pays_once(browser, alices):
    body = confirmation(browser, alices.user)
    statuses = [browser.post(address(alices.user), body).status_code for _ in range(2)]
    assert statuses == [302, 302]
    approve_last()
    assert len(cash_outs(alices.user)) == 1
    assert Closing.objects.count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_members_at_once_ask_for_one_closing(alices):
    browsers = [browser_of(a_member(SUPERVISOR, name=f"member{n}")) for n in range(2)]
    bodies = [confirmation(each, alices.user) for each in browsers]
    both = zip(browsers, bodies, strict=True)
    pages = at_once(
        *[
            lambda each=each, body=body: each.post(address(alices.user), body).status_code
            for each, body in both
        ]
    )
    assert sorted(pages) == [200, 302]
    assert Approval.objects.filter(kind="PAY_OUT").count() == 1


@pytest.mark.slow
def test_second_closing_is_refused_with_the_name_of_the_first_member(browser, alices):
    body = confirmation(browser, alices.user)
    order(browser_of(a_member(SUPERVISOR, name="colleague")), alices.user)
    page = browser.post(address(alices.user), body)
    assert "colleague has ordered the closing of this user." in page.text


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"holder_name": "Bob Example"}, {"iban": OTHER_IBAN}])
def test_used_form_with_another_account_is_refused(browser, alices, change):
    body = confirmation(browser, alices.user)
    browser.post(address(alices.user), body)
    browser.post(address(alices.user), body | change)
    approve_last()
    assert Closing.objects.get().holder_name == "Alice Example"
    made = [(each.iban, each.holder_name) for each in cash_outs(alices.user)]
    assert made == [(IBAN, "Alice Example")]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_process_killed_between_two_payments_leaves_nothing_and_is_approved_again(
    browser, alices, second, monkeypatch
):
    expected = sum(each.balance for each in closing.open_wallets(alices.user))
    body = confirmation(browser, alices.user)

    submit = posting.submit
    ordered: list[Any] = []

    def one_then_killed(order: Any) -> Outcome:
        if ordered:
            raise SystemExit
        ordered.append(order)
        return submit(order)

    browser.post(address(alices.user), body)
    with monkeypatch.context() as patched:
        patched.setattr(posting, "submit", one_then_killed)
        with pytest.raises(SystemExit):
            approve_last()
    assert len(ordered) == 1
    assert not cash_outs(alices.user)
    assert not Closing.objects.exists()
    approve_last()
    made = cash_outs(alices.user)
    assert len({each.wallet_id for each in made}) == len(made) == 2
    assert -sum(each.amount for each in made) == expected


@pytest.mark.slow
def test_rejected_payment_is_ordered_again_once(browser, alices):
    found = order(browser, alices.user)
    (first,) = cash_outs(alices.user)
    end(RejectCashOut, first, reason="The account is closed.")
    assert "The account is closed." in browser.get(page_of(found)).text
    for _ in range(2):
        do_action(browser, found, "again")
    _, again = cash_outs(alices.user)
    assert (again.amount, again.status) == (first.amount, "PENDING")
    pay(again)
    do_action(browser, found, "finish")
    found.refresh_from_db()
    assert found.state == "DONE"


@pytest.mark.slow
def test_money_that_came_in_meanwhile_is_paid_out_with_another_approval(browser, alices, bobs):
    found = order(browser, alices.user)
    hint = "Available money has come in"
    assert hint not in browser.get(page_of(found)).text
    pay(*cash_outs(alices.user))
    people.cash_in(alices, 2_00)
    assert hint in browser.get(page_of(found)).text
    do_action(browser, found, "finish")
    found.refresh_from_db()
    assert found.is_under_way
    ask_on_page(browser, found, "again")
    assert len(cash_outs(alices.user)) == 1
    approve_last()
    assert cash_outs(alices.user)[-1].amount == -2_00
    assert Closing.objects.get() == found


@pytest.mark.slow
def test_stopped_closing_leaves_user_and_payment_and_can_be_ordered_anew(browser, alices):
    found = order(browser, alices.user)
    do_action(browser, found, "stop")
    found.refresh_from_db()
    alices.user.refresh_from_db()
    assert (found.state, alices.user.status) == ("STOPPED", "ACTIVATED")
    (movement,) = cash_outs(alices.user)
    assert movement.status == "PENDING"
    do_action(browser, found, "again")
    assert len(cash_outs(alices.user)) == 1
    end(RejectCashOut, movement, reason="Stopped")
    assert order(browser, alices.user).pk != found.pk


def test_open_hold_and_pending_payment_stand_in_the_way(browser, alices, bobs):
    people.place(alices, bobs, 1_00)
    a_cash_out(alices, 1_00)
    page = ask(browser, alices.user)
    assert "1 hold is open." in page
    assert "1 payment out is pending." in page
    assert "Ask for approval" not in page


def test_blocked_user_is_refused_in_words(browser, alices):
    posting.submit(
        BlockUser(client_id=alices.client_id, by=people.BY, user_id=alices.user_id, reason="OTHER")
    )
    assert "is not active" in ask(browser, alices.user)


def test_balance_changed_since_the_page_was_shown_is_refused(browser, alices, bobs):
    browser.post(address(alices.user), confirmation(browser, alices.user))
    asked = Approval.objects.waiting().get()
    seen = seen_now(asked)
    people.transfer(alices, bobs, 1_00)
    with pytest.raises(FactsChanged):
        approve_request(asked.id, by=a_colleague(), seen=seen)
    assert not Closing.objects.exists()


@pytest.mark.parametrize("iban", ["", "ES00 1234"])
def test_wrong_account_is_refused(iban, browser, alices):
    assert "Ask for approval" not in ask(browser, alices.user, iban=iban)


@pytest.mark.parametrize("role", [VIEWER, OPERATOR])
def test_only_supervisors_order_a_closing(role, alices):
    assert somebody(role).post(address(alices.user), {}).status_code == 403


@pytest.mark.slow
def test_erasure_removes_the_bank_account_of_the_closing(browser, alices):
    found = order(browser, alices.user)
    pay(*cash_outs(alices.user))
    do_action(browser, found, "finish")
    erasure.erase(user_id=alices.user_id, by=By("staff:1"), reason="USER_REQUEST")
    found.refresh_from_db()
    assert (found.iban, found.holder_name) == ("", "")


@pytest.mark.slow
def test_page_of_the_user_shows_the_closing_while_it_is_under_way(alices):
    browser, button = somebody(SUPERVISOR), 'href="../action/pay-out/"'
    page = browser.get(page_of(alices.user)).text
    assert button in page
    assert "Closing under way" not in page
    found = order(browser, alices.user)
    page = browser.get(page_of(alices.user)).text
    link = reverse("admin:wallets_closing_change", args=[found.pk])
    assert f'<a href="{link}">Closing under way</a>' in page
    assert button not in page
    closing.stop(found, By("staff:1"))
    page = browser.get(page_of(alices.user)).text
    assert button in page
    assert "Closing under way" not in page
