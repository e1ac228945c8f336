"""What people do, in a real browser; any CSP violation, console error or foreign request fails.

Takes 70 s, and needs Chromium.
"""

import json
import re
import subprocess
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support import chromium, identity, people, sandbox
from tests.support.approvals import a_colleague, approve, let_one_person_act
from tests.support.browsing import log_in
from tests.support.cash_outs import a_cash_out
from tests.support.log_ins import PASSWORD
from tests.support.staff import SUPERVISOR, a_member
from users import demo_documents, kyc
from users.models import Approval, Client, User
from wallets.models import Movement, Wallet

pytestmark = [
    pytest.mark.ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not chromium.CHROMIUM, reason="Debian's chromium is not installed"),
]


def open_thing(page: Page, thing: Any) -> None:
    options = thing._meta
    page.goto(f"/admin/{options.app_label}/{options.model_name}/{thing.pk}/change/")


def do_action(page: Page, name: str) -> None:
    page.click(f".object-tools a:has-text('{name}')")


def confirm(page: Page) -> None:
    page.click(".submit-row .default")


def money_of(wallet: Wallet) -> tuple[int, int]:
    wallet.refresh_from_db()
    return wallet.balance, wallet.held


def test_wrong_password_shows_an_error_and_the_right_one_opens_the_back_office(page, supervisor):
    page.goto("/admin/")
    page.fill("#id_username", "supervisor")
    page.fill("#id_password", "wrong")
    page.click("text=Log in")
    expect(page.locator(".errornote")).to_contain_text("correct username and password")
    log_in(page)
    expect(page.locator("h1")).to_have_text("Today")


def test_issued_key_is_shown_once_and_works_with_curl(page, supervisor, client_demo, live_server):
    log_in(page)
    open_thing(page, client_demo)
    do_action(page, "Issue a key")
    page.fill("#id_label", "Shop")
    confirm(page)
    secret = page.inner_text("#secret")
    command = [
        "curl",
        "-s",
        "-H",
        f"Authorization: Bearer {secret}",
        f"{live_server.url}/api/v1/wallets",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(answer)["_embedded"] == {"wallets": []}
    open_thing(page, client_demo)
    assert secret not in page.content()
    expect(page.locator("body")).to_contain_text("API key issued")


def send_cash_in(page: Page, wallet: Wallet) -> None:
    open_thing(page, wallet)
    do_action(page, "Add movement")
    page.fill("#id_amount", "12.34")
    page.fill("#id_concept", "Card top-up")
    confirm(page)


def test_cash_in_is_posted_and_confirmed_on_the_page(page, supervisor, alices):
    let_one_person_act()
    log_in(page)
    send_cash_in(page, alices)
    expect(page.locator(".facts")).to_contain_text("twelve euros and thirty-four cents")
    confirm(page)
    expect(page.locator(".messagelist .success")).to_contain_text("12.34 EUR")
    assert money_of(alices) == (112_34, 0)


def ask_for_approval(page: Page, reason: str) -> None:
    page.fill("#id_approval_reason", reason)
    page.click("button[name=ask]")
    expect(page.locator(".messagelist .success")).to_contain_text("Somebody else must approve")


def test_cash_in_is_asked_for_and_approved_by_a_colleague(
    page, browser, live_server, supervisor, alices
):
    second_person = a_member(SUPERVISOR, name="second")
    second_person.set_password(PASSWORD)
    second_person.save()
    log_in(page)
    send_cash_in(page, alices)
    ask_for_approval(page, "Letter of today")
    assert money_of(alices) == (100_00, 0)
    with browser.new_context(base_url=live_server.url) as context:
        second = context.new_page()
        log_in(second, "second")
        second.click("a[href='/admin/approvals/'] >> nth=0")
        second.click("#content a[href*='/users/approval/'] >> nth=0")
        do_action(second, "Approve")
        expect(second.locator("#content")).to_contain_text("12.34 EUR")
        confirm(second)
        expect(second.locator(".messagelist .success")).to_contain_text("Approved and done.")
    assert money_of(alices) == (112_34, 0)


def test_refused_form_shows_the_refusal_and_keeps_its_values(page, supervisor, alices):
    log_in(page)
    open_thing(page, alices)
    do_action(page, "Add movement")
    page.select_option("#id_kind", "DOWN")
    page.fill("#id_amount", "100.01")
    page.fill("#id_concept", "Counted twice")
    confirm(page)
    expect(page.locator(".form-row.errors")).to_contain_text(
        "Available: 100.00 EUR; this needs 100.01 EUR."
    )
    expect(page.locator("#id_concept")).to_have_value("Counted twice")


def test_blocked_user_neither_pays_nor_receives(page, supervisor, alices, bobs, api):
    log_in(page)
    open_thing(page, alices.user)
    do_action(page, "Block")
    page.select_option("#id_reason", "SUSPECTED_FRAUD")
    confirm(page)
    body = {"type": "TRANSFER", "targetWalletId": str(bobs.id), "amount": "1.00"}
    assert api.post(f"wallets/{alices.id}/movements", body).code == "user_not_active"
    page.click(".tabs a:has-text('Timeline')")
    expect(page.locator(".timeline")).to_contain_text("Reason: suspected fraud.")
    do_action(page, "Unblock")
    page.select_option("#id_reason", "RESOLVED")
    confirm(page)
    ask_for_approval(page, "The police have found nothing")
    assert api.post(f"wallets/{alices.id}/movements", body).code == "user_not_active"
    approve(Approval.objects.get(), a_colleague())
    assert api.post(f"wallets/{alices.id}/movements", body).status == 201


def test_cash_out_is_sent_and_settled_from_the_first_page(page, supervisor, alices):
    let_one_person_act()
    movement = a_cash_out(alices, 30_00)
    log_in(page)
    page.click("a[href='/admin/payments-out/?state=to-send'] >> nth=0")
    page.click(".bulk tbody .number a >> nth=0")
    do_action(page, "Mark as sent")
    confirm(page)
    do_action(page, "Settle")
    confirm(page)
    movement.refresh_from_db()
    assert (movement.status, money_of(alices)) == ("SUCCESS", (70_00, 0))


def test_rejected_cash_out_returns_the_money_and_the_reason(page, supervisor, alices, api):
    movement = a_cash_out(alices, 30_00)
    log_in(page)
    open_thing(page, movement)
    do_action(page, "Reject")
    page.fill("#id_reason", "The account is closed")
    confirm(page)
    answer = api.get(f"wallets/{alices.id}/movements/{movement.id}").json
    assert (answer["status"], answer["reason"]) == ("ERROR", "The account is closed")
    assert money_of(alices) == (100_00, 0)


def test_staff_post_a_cash_in_in_the_browsable_api(page, supervisor, alices):
    let_one_person_act()
    log_in(page)
    page.goto(f"/api/v1/wallets/{alices.id}")
    page.click(f"a[href$='/wallets/{alices.id}/movements']")
    page.fill("textarea[name=_content]", json.dumps({"type": "CASH_IN", "amount": "2.00"}))
    page.click("button:has-text('POST')")
    expect(page.locator(".response-info")).to_contain_text("201 Created")
    assert Movement.objects.filter(wallet=alices.id, amount=2_00).exists()


def fill_cash_in(page: Page, wallet: Wallet, amount: str, **more: str) -> str:
    """Open the form of a movement and fill it in; return its idempotency key."""
    page.goto(f"/api/v1/wallets/{wallet.id}/movements")
    body = {"type": "CASH_IN", "amount": amount, **more}
    page.fill("textarea[name=_content]", json.dumps(body))
    return page.inner_text(".key")


def lose(route: Route) -> None:
    """Let the server answer, and let nobody hear it."""
    route.fetch()
    route.abort()


def test_form_sent_again_after_a_lost_answer_is_one_order(browser, live_server, supervisor, alices):
    """The page isn't watched: the browser reports the lost answer as an error."""
    let_one_person_act()
    with browser.new_context(base_url=live_server.url) as context:
        page = context.new_page()
        log_in(page)
        key = fill_cash_in(page, alices, "2.00")
        page.route("**/movements", lose, times=1)
        page.click("button:has-text('POST')")
        expect(page.locator(".no-answer:visible")).to_contain_text("Send this form again")
        assert page.inner_text(".key") == key
        page.click("button:has-text('POST')")
        expect(page.locator(".response-info")).to_contain_text("Idempotent-Replayed")
        assert page.inner_text(".key") != key
    assert Movement.objects.filter(wallet=alices.id, amount=2_00).count() == 1


def test_form_sent_by_a_double_click_is_one_order(page, supervisor, alices):
    let_one_person_act()
    log_in(page)
    fill_cash_in(page, alices, "2.00")
    page.dblclick("button:has-text('POST')")
    expect(page.locator(".response-info")).to_contain_text("201 Created")
    assert Movement.objects.filter(wallet=alices.id, amount=2_00).count() == 1


def test_refused_body_stays_in_the_form_and_may_be_changed(page, supervisor, alices):
    let_one_person_act()
    log_in(page)
    key = fill_cash_in(page, alices, "20.00", currency="USD")
    page.click("button:has-text('POST')")
    expect(page.locator(".response-info")).to_contain_text("currency_mismatch")
    assert "20.00" in page.input_value("textarea[name=_content]")
    assert page.inner_text(".key") != key
    fill_cash_in(page, alices, "3.00")
    page.click("button:has-text('POST')")
    expect(page.locator(".response-info")).to_contain_text("201 Created")


def test_swagger_sends_a_request(page, supervisor, alices, client_demo):
    page.goto("/api/docs")
    page.click("button.authorize")
    page.fill(".auth-container input", people.a_key(client_demo))
    page.click(".auth-btn-wrapper button.authorize")
    page.click(".auth-btn-wrapper button.btn-done")
    operation = page.locator(".opblock-get", has_text="/api/v1/users").first
    operation.locator(".opblock-summary").click()
    operation.locator("button.try-out__btn").click()
    operation.locator("button.execute").click()
    answer = operation.locator(".live-responses-table .response-col_status").last
    expect(answer).to_contain_text("200")


@pytest.mark.parametrize("width", [390, 1280])
def test_error_code_is_never_wrapped(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/api/docs/errors")
    lines = "all => all.map(code => code.getClientRects().length)"
    assert set(page.locator("tbody code").evaluate_all(lines)) == {1}


def test_documentation_follows_the_preferred_color_scheme(page):
    paper = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="dark")
    page.goto("/api/docs")
    assert page.evaluate(paper) == "rgb(28, 32, 34)"
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).not_to_have_class("dark-mode")
    assert page.evaluate(paper) == "rgb(250, 250, 250)"


def test_operation_fits_a_phone_screen(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/api/docs")
    operation = page.locator(".opblock-post").first
    operation.locator(".opblock-summary").click()
    expect(operation.locator(".responses-table")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.fixture
def newcomer(client_demo: Client) -> User:
    """Alice, of whom all that level 1 needs waits for staff, and a PDF."""
    user = people.a_user(client_demo, people.ALICE)
    kinds = kyc.NEEDED["NATURAL"][1] | {kyc.Kind.DOCUMENT_INCOME_TAX}
    demo_documents.send_samples(user, kinds, people.BY)
    return user


def drawn(page: Page, title: str) -> bool:
    """Tell whether the picture of a document is there, and not only its frame."""
    picture = page.get_by_alt_text(title)
    picture.scroll_into_view_if_needed()  # until then it is not asked for
    found: bool = picture.evaluate("each => each.decode().then(() => each.naturalWidth > 0)")
    return found


def test_staff_approval_of_documents_is_visible_to_the_client(page, supervisor, newcomer, api):
    compliance = f"users/{newcomer.id}/compliance"
    assert api.get(compliance).json["kycLevel"] == 0
    log_in(page)
    page.click("text=1 user")
    page.click("#result_list >> text=alice")
    expect(page.locator(".kyc-documents")).to_contain_text("12345678Z")
    for title in ("Identity document, front", "Identity document, back", "Income tax return"):
        page.click(f".files >> text={title}")
        assert drawn(page, title)
    expect(page.locator("input[name=documents]:checked")).to_have_count(0)
    for title in ("Type", "Identity document, front", "Identity document, back"):
        page.check(f".piece:has-text('{title}') input[name=documents]")
    page.click("button:text-is('Approve')")
    expect(page.locator(".messagelist")).to_contain_text("approved")
    answer = api.get(compliance).json
    assert answer["kycLevel"] == 1
    waiting = [each["evidence"] for each in answer["requirements"] if each["status"] == "PENDING"]
    assert waiting == ["documents/income-tax"]


def test_client_reads_the_rejection_reason_of_staff(page, supervisor, newcomer, api):
    log_in(page)
    page.goto(f"/admin/users/review/{newcomer.pk}/change/")
    page.check(".piece:has-text('Type') input[name=documents]")
    page.click("button:text-is('Reject')")
    expect(page.locator(".errornote")).to_contain_text("Give the reason for rejection.")
    page.fill("#id_reason", "The number can't be read.")
    page.click("button:text-is('Reject')")
    expect(page.locator(".piece.rejected")).to_contain_text("The number can't be read.")
    answer = api.get(f"users/{newcomer.id}/identity").json
    assert (answer["status"], answer["reason"]) == ("REJECTED", "The number can't be read.")


def test_list_filter_sends_only_filled_in_fields(page, supervisor, alices, bobs):
    people.transfer(alices, bobs, 10_00)
    log_in(page)
    page.goto(f"/api/v1/wallets/{alices.id}/movements")
    page.select_option("form.filters [name=type]", "TRANSFER")
    page.click("form.filters button")
    expect(page).to_have_url(re.compile(r"/movements\?type=TRANSFER$"))
    expect(page.locator(".response-info")).not_to_contain_text("CASH_IN")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("label", "url", "status"),
    [("Approve", identity.SUCCESS, "APPROVED"), ("Reject", identity.FAILURE, "REJECTED")],
)
def test_identity_page_sends_the_user_back_to_the_application(
    label, url, status, scheme, browser, live_server, alice
):
    """The application has another origin, which the policy of the page must allow."""
    with sandbox.made():
        verification = identity.a_verification(alice, provider="demo")
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": 390, "height": 844},
            color_scheme=scheme,
        )
        context.route("https://app.example/**", lambda route: route.fulfill(body="Welcome back"))
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"/identity/{verification.id}")
        button = page.get_by_role("button", name=label)
        assert button.bounding_box()["height"] >= 44
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        button.click()
        page.wait_for_url(url)
        expect(page.locator("body")).to_have_text("Welcome back")
        context.close()
        verification.refresh_from_db()
    assert (verification.status, said) == (status, [])
