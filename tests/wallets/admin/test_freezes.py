"""Freezing an amount and lifting the freeze: forms, confirmation, refusals, and what pages show."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.urls import reverse

from tests.support import backoffice, freezes, people
from tests.support.approval_pages import ask_on_page, decide_on_page
from tests.support.approvals import a_colleague, approve, seen_now
from tests.support.backoffice import page_of
from tests.support.payments_out import words_of
from tests.support.staff import OPERATOR, SUPERVISOR, VIEWER, browser_of, somebody
from tests.support.threads import at_once
from users.approvals.deciding import FactsChanged, approve_request
from users.models import Approval, Case, CaseSubject, Event
from wallets import erasure, posting
from wallets.models import Hold, Wallet
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db

REASON = "Seizure order 12/2026"


@pytest.fixture
def browser() -> Browser:
    return somebody(SUPERVISOR)


@pytest.fixture
def case(alices: Wallet) -> Case:
    """A request of an authority that concerns Alice."""
    case = freezes.a_request(title="Seizure")
    owner = {"client": alices.client, "user": alices.user}
    CaseSubject.objects.create(case=case, subject="user", subject_id=alices.user_id, **owner)
    return case


def action_on(thing: Any, name: str = "freeze") -> str:
    label = thing._meta.label_lower.replace(".", "_")
    return reverse(f"admin:{label}_action", args=[thing.pk, name])


def values(case: Case | None = None, **changes: str) -> dict[str, str]:
    given = {"key": str(uuid4()), "seen": "", "amount": "30", "reason": REASON, "confirmed": "1"}
    return given | ({"case": str(case.pk)} if case else {}) | changes


def held_of(wallet: Wallet) -> int:
    wallet.refresh_from_db()
    return wallet.held


def hidden(page: str, name: str) -> str:
    """The value of a hidden field of the page."""
    found = re.search(rf'name="{name}"[^>]*?value="([^"]*)"', page)
    assert found, name
    return found[1]


# --- Freezing ------------------------------------------------------------------------------------


def test_amount_is_frozen_from_the_page_of_a_wallet(browser, alices, case):
    answer = browser.post(action_on(alices), values(case))
    assert (answer.status_code, answer.url) == (302, page_of(alices))
    frozen = Hold.objects.get()
    assert (frozen.amount, frozen.target, frozen.case) == (30_00, None, case)
    assert (frozen.concept, held_of(alices)) == (REASON, 30_00)
    assert case.subjects.filter(subject="wallet", subject_id=alices.id).exists()


def test_amount_is_frozen_from_the_page_of_a_case(browser, alices, bobs, case):
    page = browser.get(action_on(case)).text
    assert str(alices.id) in page
    assert str(bobs.id) not in page
    answer = browser.post(action_on(case), values(wallet=str(alices.id)))
    assert (answer.status_code, answer.url) == (302, page_of(case))
    assert held_of(alices) == 30_00
    answer = browser.post(action_on(case), values(wallet=str(bobs.id)))
    assert answer.status_code == 200
    assert held_of(bobs) == 0


def test_confirmation_shows_the_wallet_before_and_afterwards(browser, alices, bobs, case):
    people.place(alices, bobs, 10_00)
    sent = values(case)
    del sent["confirmed"]
    page = browser.post(action_on(alices), sent).text
    for text in ("100.00 EUR", "10.00 EUR", "90.00 EUR", "40.00 EUR", "60.00 EUR", case.number):
        assert text in page, text
    assert REASON in page
    assert held_of(alices) == 10_00


def test_empty_amount_freezes_all_that_was_confirmed(browser, alices, bobs, case):
    people.place(alices, bobs, 10_00)
    sent = values(case, amount="")
    del sent["confirmed"]
    page = browser.post(action_on(alices), sent).text
    assert hidden(page, "amount") == "90.00"
    people.cash_in(alices, 5_00)
    confirmed = sent | {"amount": hidden(page, "amount"), "confirmed": "1"}
    assert browser.post(action_on(alices), confirmed).status_code == 302
    assert held_of(alices) == 100_00


def test_case_is_given_by_the_link(browser, alices, case):
    page = browser.get(action_on(alices), {"case": case.pk, "key": "mine"}).text
    assert f'<option value="{case.pk}" selected>' in page
    assert "mine" not in page


@pytest.mark.slow
def test_form_offers_open_requests_of_authorities_alone(browser, alices, case):
    other = freezes.a_request(title="Of others")
    closed = freezes.a_request(
        title="Closed", state="CLOSED", outcome="-", closed_at="2026-01-01T00:00Z"
    )
    dispute = freezes.a_request(title="Dispute", kind="DISPUTE")
    page = browser.get(action_on(alices)).text
    assert page.index(case.number) < page.index(other.number)
    for hidden_case in (closed, dispute):
        assert hidden_case.number not in page
        assert browser.post(action_on(alices), values(hidden_case)).status_code == 200
        assert browser.get(action_on(hidden_case)).text.count('name="amount"') == 0
    assert held_of(alices) == 0


@pytest.mark.parametrize("status", ["wallet", "user"])
def test_blocked_money_is_frozen(browser, alices, case, status):
    people.block(alices if status == "wallet" else alices.user)
    assert browser.post(action_on(alices), values(case)).status_code == 302
    assert held_of(alices) == 30_00


def test_closed_wallet_has_no_such_action(browser, bobs, case):
    people.close(bobs)
    page = browser.get(page_of(bobs)).text
    assert "action/freeze/" not in page
    assert browser.post(action_on(bobs), values(case)).status_code == 200
    assert not Hold.objects.exists()


def test_too_much_is_refused_with_what_is_available(browser, alices, case):
    page = browser.post(action_on(alices), values(case, amount="100.01")).text
    assert "Available: 100.00 EUR; this needs 100.01 EUR." in page
    assert "100.01" in page
    assert held_of(alices) == 0


def test_nothing_available_is_refused(browser, bobs, case):
    page = browser.post(action_on(bobs), values(case, amount="")).text
    assert "Nothing is available to be frozen." in page


def test_form_that_is_sent_twice_freezes_once(browser, alices, case):
    sent = values(case)
    for _ in range(2):
        assert browser.post(action_on(alices), sent).status_code == 302
    assert held_of(alices) == 30_00
    page = browser.post(action_on(alices), sent | {"amount": "31"}).text
    assert "This form was sent before with other values" in page


@pytest.mark.slow
def test_page_that_has_not_seen_another_freeze_is_refused(browser, alices, case):
    other = browser_of(backoffice.worker(is_superuser=True))
    assert other.post(action_on(alices), values(case, amount="20")).status_code == 302
    page = browser.post(action_on(alices), values(case)).text
    assert "worker has frozen 20.00 EUR meanwhile." in page
    assert held_of(alices) == 20_00
    again = values(case, seen=hidden(page, "seen"))
    assert browser.post(action_on(alices), again).status_code == 302
    assert held_of(alices) == 50_00


def test_case_that_was_closed_meanwhile_is_refused(browser, alices, case):
    wallets = values(wallet=str(alices.id))
    Case.objects.filter(pk=case.pk).update(
        state="CLOSED", outcome="Done", closed_at="2026-01-01T00:00Z"
    )
    answer = browser.post(action_on(case), wallets)
    assert "The case is not an open request of an authority." in answer.text
    assert held_of(alices) == 0
    assert not Event.objects.filter(kind="wallet.amount_frozen").exists()


# --- Lifting -------------------------------------------------------------------------------------


def lifting(**changes: str) -> dict[str, str]:
    return {"key": str(uuid4()), "reason": "Order revoked", **changes}


@pytest.mark.slow
def test_freeze_is_lifted_with_a_reason(browser, alices, case):
    frozen = freezes.freeze(alices, 30_00, case)
    assert "30.00 EUR becomes available again to Alice Example." in (
        browser.get(action_on(frozen, "lift")).text
    )
    assert browser.post(action_on(frozen, "lift"), lifting(reason="")).status_code == 200
    assert held_of(alices) == 30_00
    asked = ask_on_page(browser, frozen, "lift", reason="Order revoked")
    assert held_of(alices) == 30_00
    page = decide_on_page(browser_of(a_colleague()), asked)
    assert "Approved and done." in words_of(page)
    frozen.refresh_from_db()
    assert (frozen.status, frozen.reason, held_of(alices)) == ("RELEASED", "Order revoked", 0)
    event = Event.objects.get(kind="wallet.amount_unfrozen")
    assert event.actor == f"staff:{asked.asked_by_id}"
    assert event.data["approval"] == str(asked.pk)


@pytest.mark.slow
def test_approver_sees_amount_case_and_reasons_of_a_freeze(browser, alices, case):
    frozen = freezes.freeze(alices, 30_00, case)
    asked = ask_on_page(browser, frozen, "lift", reason="Order revoked")
    page = browser_of(a_colleague()).get(action_on(asked, "approve"))
    shown = words_of(page)
    for text in ("30.00 EUR", str(alices.id), case.number, str(frozen.concept), "Order revoked"):
        assert text in shown, text


@pytest.mark.slow
def test_freeze_that_is_lifted_meanwhile_is_shown_to_the_approver(browser, alices, case):
    frozen = freezes.freeze(alices, 30_00, case)
    asked = ask_on_page(browser, frozen, "lift", reason="Order revoked")
    seen = seen_now(asked)
    freezes.lift(frozen)
    with pytest.raises(FactsChanged):
        approve_request(asked.id, by=a_colleague(), seen=seen)
    assert approve(asked, a_colleague()).state == Approval.State.FAILED


def lift_with_a_colleague(browser: Browser, frozen: Hold) -> None:
    approve(ask_on_page(browser, frozen, "lift", reason="Order revoked"), a_colleague())


@pytest.mark.slow
def test_stale_page_lifts_nothing(browser, alices, case):
    frozen = freezes.freeze(alices, 30_00, case)
    lift_with_a_colleague(browser, frozen)
    page = browser.post(action_on(frozen, "lift"), lifting()).text
    assert "The freeze has been lifted already." in page
    assert re.search(r"This is not possible any more\.\s+\w+ lifted it just now\.", page)
    assert held_of(alices) == 0


@pytest.mark.slow
def test_freeze_is_not_released_and_hold_is_not_lifted(browser, alices, bobs, case):
    frozen, hold = freezes.freeze(alices, 30_00, case), people.place(alices, bobs, 1_00)
    pages = [browser.get(page_of(each)).text for each in (frozen, hold)]
    assert ["action/release/" in page for page in pages] == [False, True]
    assert ["action/lift/" in page for page in pages] == [True, False]
    browser.post(action_on(frozen, "release"), lifting())
    browser.post(action_on(hold, "lift"), lifting())
    assert held_of(alices) == 31_00


@pytest.mark.slow
@pytest.mark.parametrize("group", [VIEWER, OPERATOR])
def test_only_supervisors_freeze_and_lift(alices, case, group):
    frozen, browser = freezes.freeze(alices, 30_00, case), somebody(group)
    for thing, name in ((alices, "freeze"), (case, "freeze"), (frozen, "lift")):
        assert f"action/{name}/" not in browser.get(page_of(thing)).text
        assert browser.post(action_on(thing, name), values(case)).status_code == 403
    assert held_of(alices) == 30_00


# --- Pages ---------------------------------------------------------------------------------------


@pytest.fixture
def lifted(browser: Browser, alices: Wallet, case: Case) -> Hold:
    """A freeze that a supervisor has placed, and lifted with a colleague."""
    browser.post(action_on(alices), values(case))
    frozen = Hold.objects.get()
    lift_with_a_colleague(browser, frozen)
    return people.seen(frozen.id)


@pytest.mark.slow
def test_page_of_a_wallet_names_its_freezes(browser, alices, case):
    browser.post(action_on(alices), values(case))
    page = browser.get(page_of(alices)).text
    held = page[page.index("What holds the money") :]
    assert f"Frozen by {SUPERVISOR}" in held
    assert f"Case {case.number}" in held
    assert "until it is lifted" in held


@pytest.mark.slow
def test_histories_have_the_freeze_and_its_end(browser, alices, case, lifted):
    wallet = browser.get(page_of(alices)).text
    freeze = browser.get(page_of(lifted)).text
    for page in (wallet, freeze):
        for text in ("Amount frozen", "Freeze lifted", f"30.00 EUR. Case {case.number}"):
            assert text in page, text
    for text in (REASON, "Order revoked", case.title, "Lifted"):
        assert text in freeze, text


@pytest.mark.slow
def test_timelines_have_the_freeze_and_its_end(browser, alices, case, lifted):
    number = case.number
    user = browser.get(page_of(alices.user), {"tab": "timeline"}).text
    assert f"30.00 EUR of the EUR wallet were frozen, case {number}." in user
    assert f"The freeze of 30.00 EUR of the EUR wallet was lifted, case {number}." in user
    shown = browser.get(page_of(case)).text
    assert "Froze an amount of a wallet. 30.00 EUR" in shown
    assert "Lifted a freeze of a wallet. 30.00 EUR" in shown
    for page in (user, shown):
        for text in (REASON, "Order revoked", page_of(lifted)):
            assert text in page, text


@pytest.mark.slow
def test_lists_show_freezes_among_holds(browser, alices, bobs, case, lifted):
    hold, frozen = people.place(alices, bobs, 1_00), freezes.freeze(alices, 2_00, case)
    tab = browser.get(page_of(alices.user), {"tab": "holds"}).text
    assert f"Freeze, case {case.number}" in tab
    states = re.findall(r'data-label="Status">(\w+)<', tab)
    assert states == ["Frozen", "Open", "Lifted"]
    address = reverse("admin:wallets_hold_changelist")
    shown = {
        value: [each for each in (hold, frozen) if str(each.id) in browser.get(address, query).text]
        for value, query in {
            "all": {},
            "yes": {"freeze": "yes"},
            "no": {"freeze": "no"},
        }.items()
    }
    assert shown == {"all": [hold, frozen], "yes": [frozen], "no": [hold]}
    page = browser.get(address).text
    for text in ("Frozen", "Lifted", case.number):
        assert text in page, text


def test_closing_names_the_freeze(browser, alices, case):
    freezes.freeze(alices, 30_00, case)
    at = action_on(alices.user, "pay-out")
    page = browser.post(at, {"key": str(uuid4()), "iban": "ES9121000418450200051332"}).text
    assert "1 amount is frozen. Lift the freeze first." in page


@pytest.mark.slow
def test_reasons_are_erased_with_the_user(browser, alices, case, lifted):
    people.transfer(alices, people.first_wallet(people.a_user(alices.client, people.BOB)), 100_00)
    owner: dict[str, Any] = {"client_id": alices.client_id, "user_id": alices.user_id}
    posting.submit(UnsubscribeUser(by=people.BY, **owner))
    erasure.erase(user_id=alices.user_id, by=people.BY, reason="OTHER")
    lifted.refresh_from_db()
    assert (lifted.concept, lifted.reason, lifted.salt) == (None, None, None)
    page = browser.get(page_of(lifted)).text
    assert REASON not in page
    assert "Order revoked" not in page


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_members_at_once_freeze_what_they_have_seen(staff, alices, case):
    browsers = [browser_of(staff), browser_of(backoffice.worker(is_superuser=True))]
    sent = [values(case, amount="20") for _ in browsers]
    answers = at_once(
        *(
            lambda browser=browser, body=body: browser.post(action_on(alices), body).status_code
            for browser, body in zip(browsers, sent, strict=True)
        )
    )
    assert sorted(answers) == [200, 302]
    assert held_of(alices) == 20_00
