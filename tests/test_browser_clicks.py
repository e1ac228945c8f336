"""The tasks of the day in a real browser: how many clicks, fields and keys each takes.

Takes 90 s, and needs Chromium. Any CSP violation, console error or foreign request fails.
"""

from __future__ import annotations

import csv
from base64 import b32decode
from collections.abc import Iterator
from typing import Any, Final

import pytest
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from playwright.sync_api import Browser

from tests.support import chromium, kyc, people
from tests.support.approvals import a_colleague, approve, let_one_person_act
from tests.support.backoffice import page_of
from tests.support.browsing import log_in
from tests.support.cash_outs import a_cash_out, end
from tests.support.clicks import AtWork, Effort
from tests.support.ibans import IBAN
from tests.support.log_ins import PASSWORD
from tests.support.payments_out import states
from tests.support.staff import OPERATOR, a_member
from users.kyc import NEEDED, Kind
from users.models import Approval, Note, RejectionReason, ReviewAssignment, User
from wallets.models import Movement, Wallet
from wallets.orders.cash_outs import CancelCashOut, MarkCashOutSent

MOST: Final = {
    "find a person": Effort(fields=1, keys=2),
    "whose wallet is this, on a list": Effort(clicks=1),
    "whose wallet is this, on a movement": Effort(),
    "mark 60 payments as sent": Effort(clicks=4),
    "settle the day's payments": Effort(clicks=5),
    "reject a payment with a reason": Effort(clicks=4, fields=1),
    "ask for a large cash-in": Effort(clicks=4, fields=3),
    "block a user": Effort(clicks=2, fields=1),
    "ask to unblock a user": Effort(clicks=3, fields=2),
    "approve a review and open the next": Effort(keys=5),
    "reject a review with a prepared reason": Effort(fields=1, clicks=1, keys=2),
    "read the status and the timeline of a user": Effort(clicks=1),
    "export a filtered list": Effort(clicks=3),
    "ask to reset the second factor of a colleague": Effort(clicks=5, fields=1),
    "set up a second factor": Effort(clicks=3, fields=1),
    "write a note on a user": Effort(clicks=2, fields=1),
    "assign a review to me": Effort(clicks=1),
}
"""The most that each task may take."""

FRONT, BACK = Kind.DOCUMENT_IDENTITY_FRONT, Kind.DOCUMENT_IDENTITY_BACK
QUEUE, MENU_QUEUE = "/admin/payments-out/", "#office-menu a[href='/admin/payments-out/']"

pytestmark = [
    pytest.mark.ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not chromium.CHROMIUM, reason="Debian's chromium is not installed"),
]


@pytest.fixture
def staff(browser: Browser, live_server: Any, supervisor: Any) -> Iterator[AtWork]:
    """A supervisor at work."""
    with chromium.watched(browser, live_server.url) as page:
        log_in(page)
        yield AtWork(page, MOST)


@pytest.fixture
def colleague(browser: Browser, live_server: Any) -> Iterator[AtWork]:
    """An operator at work, in another browser."""
    member = a_member(OPERATOR, name="operator")
    member.set_password(PASSWORD)
    member.save(update_fields=["password"])
    with chromium.watched(browser, live_server.url) as page:
        log_in(page, "operator")
        yield AtWork(page, MOST)


@pytest.fixture
def avila(client_demo: Any) -> User:
    """Alice Ávila, of level 2, with 100.00 EUR."""
    user = people.a_user(client_demo, people.ALICE | {"last_name": "Ávila"})
    kyc.approve(user, NEEDED["NATURAL"][2])
    people.cash_in(people.first_wallet(user), 100_00)
    user.refresh_from_db()
    return user


@pytest.fixture
def cafe(client_demo: Any) -> User:
    values = people.ALICE | {"kind": "JURIDICAL", "user_name": "cafe", "company_name": "Café Ltd"}
    del values["first_name"], values["last_name"]
    return people.a_user(client_demo, values | {"mobile_phone": "+34600000009"})


def review_of(user: User) -> str:
    return f"/admin/users/review/{user.pk}/change/"


def status(user: User) -> str:
    user.refresh_from_db()
    return user.status


# --- Finding --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("alice avila", "Alice Ávila"),
        ("cafe ltd", "Café Ltd"),
        ("12345678z", "Alice Ávila"),
        ("600000001", "Alice Ávila"),
        (IBAN, "Alice Ávila"),
    ],
    ids=["name", "company", "document-number", "phone", "iban"],
)
def test_person_is_found_from_any_page(staff, avila, cafe, words, name):
    Wallet.objects.filter(user=avila).update(iban=IBAN)
    with staff.task("find a person", at="/admin/wallets/movement/"):
        staff.press("/")
        staff.type(words)
        staff.press("Enter")
        staff.sees("#content", name)


@pytest.mark.parametrize("place", ["list", "movement"])
def test_owner_is_named_beside_the_money(staff, avila, place):
    movement = Movement.objects.get()
    at = "/admin/wallets/movement/" if place == "list" else page_of(movement)
    with staff.task(f"whose wallet is this, on a {place}", at=at):
        staff.sees("#content", "Alice Ávila")
        if place == "list":
            staff.click("#content a:text-is('Alice Ávila')")
            staff.sees(".customer-head", "Alice Ávila")


def test_user_page_shows_status_and_timeline(staff, avila, bobs):
    people.transfer(people.first_wallet(avila), bobs, 10_00)
    with staff.task("read the status and the timeline of a user", at=page_of(avila)):
        staff.sees(".customer-head", "Alice Ávila", "KYC level 2")
        staff.sees(".cards", "90.00 EUR", "All documents are approved.", "No limits")
        staff.click(".tabs a:has-text('Timeline')")
        staff.sees(".timeline", "cash-in of 100.00 EUR", "10.00 EUR")


def test_list_is_exported_with_its_filters(staff, avila, bobs):
    people.transfer(people.first_wallet(avila), bobs, 10_00)
    with staff.task("export a filtered list", at="/admin/"):
        staff.click("#office-menu a:has-text('Movements')")
        staff.click("#changelist-filter a[href*='type__exact=CASH_IN']")
        text = staff.download("a:has-text('Export as CSV')")
    rows = list(csv.DictReader(text.lstrip("\ufeff").splitlines()))
    assert [row["type"] for row in rows] == ["CASH_IN"]


# --- Money ----------------------------------------------------------------------------------------


@pytest.fixture
def sixty(avila):
    people.cash_in(people.first_wallet(avila), 1_000_00)
    return [a_cash_out(people.first_wallet(avila), 1_00 + number) for number in range(60)]


def test_sixty_payments_are_marked_as_sent(staff, sixty):
    with staff.task("mark 60 payments as sent", at="/admin/"):
        staff.click(MENU_QUEUE)
        staff.click("#tick-all")
        staff.sees("#ticked", "60: EUR")
        staff.click("button:has-text('Mark as sent…')")
        staff.click("button:has-text('Mark 60 payments as sent')")
        staff.sees(".messagelist .success", "60 payments marked as sent.")
    assert states(sixty) == ["SENT"] * 60


def test_sent_payments_are_settled_in_bulk(staff, sixty):
    let_one_person_act()
    for each in sixty[:5]:
        end(MarkCashOutSent, each)
    with staff.task("settle the day's payments", at="/admin/"):
        staff.click(MENU_QUEUE)
        staff.click(".tabs a:has-text('Sent')")
        staff.click("#tick-all")
        staff.click("button:has-text('Settle…')")
        staff.sees("#content", "Alice Ávila", "5 payments")
        staff.click(".submit-row button:has-text('Settle')")
        staff.sees(".messagelist .success", "5 payments settled.")
    assert states(sixty) == ["SUCCESS"] * 5 + ["PENDING"] * 55


def test_payment_is_rejected_with_a_reason(staff, avila):
    movement = a_cash_out(people.first_wallet(avila), 30_00)
    with staff.task("reject a payment with a reason", at="/admin/"):
        staff.click(MENU_QUEUE)
        staff.click("input[name=item]")
        staff.click("button:has-text('Reject…')")
        staff.sees("#content", "Alice Ávila", "30.00")
        staff.fill("#id_reason", "The account is closed")
        staff.click(".submit-row button:has-text('Reject')")
        staff.sees(".messagelist .success", "rejected")
    movement.refresh_from_db()
    assert (movement.status, movement.reason) == ("ERROR", "The account is closed")


def ask_for_approval(staff: AtWork, reason: str) -> None:
    staff.fill("#id_approval_reason", reason)
    staff.click("button[name=ask]")
    staff.sees(".messagelist .success", "Somebody else must approve this now.")


def test_large_cash_in_is_confirmed_in_words_and_figures(staff, avila):
    with staff.task("ask for a large cash-in", at=page_of(avila)):
        staff.click(".tab a[href*='/wallets/wallet/']")
        staff.click(".object-tools a:has-text('Add movement')")
        staff.fill("#id_amount", "500000")
        staff.fill("#id_concept", "Transfer received")
        staff.click(".submit-row .default")
        staff.sees(".facts", "Alice Ávila", "500,000.00", "five hundred thousand euros")
        ask_for_approval(staff, "Letter of the bank")
    approve(Approval.objects.get(), a_colleague())
    assert Movement.objects.filter(type="CASH_IN", amount=500_000_00).count() == 1


# --- People ---------------------------------------------------------------------------------------


def test_user_is_blocked_and_unblocked(staff, avila):
    with staff.task("block a user", at=page_of(avila)):
        staff.click(".object-tools a:text-is('Block')")
        staff.sees(".action-form", "Alice Ávila", "100.00 EUR", "can't pay or receive")
        staff.choose("#id_reason", "SUSPECTED_FRAUD")
        staff.click(".submit-row .default")
        staff.sees(".messagelist .success", "User blocked.")
    assert status(avila) == "BLOCKED"
    with staff.task("ask to unblock a user", at=page_of(avila)):
        staff.click(".object-tools a:text-is('Unblock')")
        staff.sees(".action-form", "Alice Ávila", "can pay and receive again")
        staff.choose("#id_reason", "RESOLVED")
        staff.click(".submit-row .default")
        ask_for_approval(staff, "The police have found nothing")
    assert status(avila) == "BLOCKED"
    approve(Approval.objects.get(), a_colleague())
    assert status(avila) == "ACTIVATED"


def test_note_is_written_on_a_user(staff, avila):
    with staff.task("write a note on a user", at=page_of(avila)):
        staff.click(".tabs a:has-text('Notes')")
        staff.fill("#id_text", "Called: nobody answered.")
        staff.click("text=Add the note")
        staff.sees(".notes", "Called: nobody answered.")
    assert Note.objects.get().subject_id == avila.pk


@pytest.fixture
def waiting(alice: User, bob: User) -> User:
    """Alice, whose identity waits for review, and Bob, who waits too."""
    kyc.send(alice, Kind.IDENTITY, FRONT, BACK)
    kyc.send(bob, Kind.OCCUPATION)
    return alice


def test_review_is_approved_with_five_keys(staff, waiting, bob):
    with staff.task("approve a review and open the next", at=review_of(waiting)):
        staff.sees(".facts-beside", "12345678Z")
        staff.sees(".viewer", "Identity document, front")
        staff.counts("input[name=documents]:checked", 0)
        for key in ("1", "2", "3", "a", "Enter"):
            staff.press(key)
        staff.sees("h1", bob.display_name)
    waiting.refresh_from_db()
    assert waiting.kyc_level == 1


def test_review_is_rejected_with_a_prepared_reason(staff, waiting, bob):
    RejectionReason.objects.create(text="The picture is not sharp.")
    with staff.task("reject a review with a prepared reason", at=review_of(waiting)):
        staff.counts("#reasons option[value='The picture is not sharp.']", 1)
        staff.press("1")
        staff.press("x")
        staff.type("The picture is not sharp.")
        staff.click("text=Reject and next")
        staff.sees("h1", bob.display_name)
    assert kyc.stored(waiting)[0] == ("IDENTITY", "REJECTED")


def test_review_is_assigned_to_me(staff, waiting, supervisor):
    with staff.task("assign a review to me", at=review_of(waiting)):
        staff.click("button:text-is('Assign to me')")
        staff.sees(".messagelist", "Review assigned.")
    assert ReviewAssignment.objects.get().member == f"staff:{supervisor.pk}"
    staff.page.goto(review_of(waiting))
    staff.counts("button:text-is('Assign to me')", 0)


# --- Access ---------------------------------------------------------------------------------------


def test_second_factor_of_a_colleague_is_reset_and_never_shown(staff):
    device = TOTPDevice.objects.create(user=a_member(OPERATOR, name="bob"), name="App")
    with staff.task("ask to reset the second factor of a colleague", at="/admin/"):
        staff.click("#office-menu a:has-text('Staff')")
        staff.click("#result_list a:has-text('bob')")
        for secret in (device.key, device.config_url):
            assert secret not in staff.page.content()
        staff.click(".object-tools a:has-text('second factor')")
        staff.sees("#content", "bob")
        staff.click(".submit-row .default")
        ask_for_approval(staff, "The phone was stolen")
    approve(Approval.objects.get(), a_colleague())
    assert not TOTPDevice.objects.exists()


def test_second_factor_is_set_up_with_ten_recovery_codes(staff):
    with staff.task("set up a second factor", at="/admin/"):
        staff.click(".account-link")
        staff.click("text=Set up a second factor")
        secret = staff.page.inner_text(".second-factor code")
        staff.fill("#id_token", f"{totp(b32decode(secret)):06d}")
        staff.click("input[value=Activate]")
        staff.sees(".recovery-codes code")
        staff.counts(".recovery-codes code", 10)


# --- Two at once, refused items, stale pages, empty lists -----------------------------------------


def test_review_shows_the_decision_of_a_colleague(staff, colleague, waiting):
    colleague.page.goto(review_of(waiting))
    staff.page.goto(review_of(waiting))
    staff.sees(".notice", "operator")
    for key in ("1", "2", "3", "a", "Enter"):
        colleague.press(key)
    colleague.sees("h1", "Bob")
    for key in ("1", "a", "Enter"):
        staff.press(key)
    staff.sees(".errornote", "has changed since you opened", "Identity: Approved (operator).")


def test_bulk_action_says_which_payments_were_refused_and_why(staff, avila):
    wallet = people.first_wallet(avila)
    gone, kept = a_cash_out(wallet, 10_00), a_cash_out(wallet, 20_00)
    staff.page.goto(QUEUE)
    staff.click("#tick-all")
    staff.click("button:has-text('Mark as sent…')")
    staff.sees(".submit-row", "Mark 2 payments as sent")
    end(CancelCashOut, gone)
    staff.click("button:has-text('Mark 2 payments as sent')")
    staff.sees("h1", "1 payment marked as sent")
    staff.sees("table.cards tbody", "Alice Ávila", "10.00", "cancelled")
    staff.counts("table.cards tbody tr", 1)
    assert states([gone, kept]) == ["CANCELLED", "SENT"]


def test_stale_form_shows_the_action_of_a_colleague(staff, colleague, avila):
    for member in (staff, colleague):
        member.page.goto(page_of(avila))
        member.click(".object-tools a:text-is('Block')")
        member.choose("#id_reason", "SUSPECTED_FRAUD")
    colleague.click(".submit-row .default")
    colleague.sees(".messagelist .success", "User blocked.")
    staff.click(".submit-row .default")
    staff.sees(".notice", "This is not possible any more.", "operator")


def test_filter_that_matches_nothing_says_so_and_can_be_cleared(staff, avila):
    staff.page.goto("/admin/wallets/movement/?type__exact=CASH_OUT")
    staff.sees(".empty-list", "Nothing matches the search and the filters.")
    staff.click(".empty-list a:has-text('Clear the filters')")
    staff.sees("#result_list", "Alice Ávila")
    staff.page.goto(f"{QUEUE}?q=nobody")
    staff.sees("#content", "Nothing matches the search and the filters.")
    staff.click("#content a:has-text('Clear the filters')")
    staff.sees("#content", "No payments here.")
