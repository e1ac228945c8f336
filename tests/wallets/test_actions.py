"""What staff may do from the page of a thing, who may, and that it happens once."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.support import people
from tests.support.cash_outs import a_cash_out, end, money_of
from tests.support.ibans import IBAN
from tests.support.staff import OPERATOR, SUPERVISOR, VIEWER, somebody
from tests.support.threads import at_once
from users.models import ApiKey
from wallets.models import Movement
from wallets.orders.cash_outs import MarkCashOutSent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_person_acts")]

CONFIRMED = {"confirmed": "1"}

ACTIONS: dict[str, tuple[str, set[str]]] = {
    "client/issue-key": ("Issue a key", {SUPERVISOR}),
    "client/suspend": ("Suspend", {SUPERVISOR}),
    "apikey/rotate": ("Rotate", {SUPERVISOR}),
    "apikey/revoke": ("Revoke", {SUPERVISOR}),
    "user/block": ("Block", {OPERATOR, SUPERVISOR}),
    "wallet/add-movement": ("Add movement", {OPERATOR, SUPERVISOR}),
    "wallet/block": ("Block", {OPERATOR, SUPERVISOR}),
    "movement/send": ("Mark as sent", {OPERATOR, SUPERVISOR}),
    "movement/reject": ("Reject", {SUPERVISOR}),
    "transfer/reverse": ("Reverse", {SUPERVISOR}),
    "hold/release": ("Release", {OPERATOR, SUPERVISOR}),
}


@pytest.fixture
def things(alices, bobs, client_demo, api):
    return {
        "hold": people.place(alices, bobs, 1_00),
        "transfer": Movement.objects.get(id=people.transfer(alices, bobs, 2_00).id),
        "client": client_demo,
        "apikey": ApiKey.objects.get(),
        "user": alices.user,
        "wallet": alices,
        "movement": a_cash_out(alices, 30_00),
    }


def address(thing: Any, name: str = "") -> str:
    options = thing._meta
    page = f"admin:{options.app_label}_{options.model_name}"
    if name:
        return reverse(f"{page}_action", args=[thing.pk, name])
    return reverse(f"{page}_change", args=[thing.pk])


@pytest.mark.slow
@pytest.mark.parametrize("group", [VIEWER, OPERATOR, SUPERVISOR])
@pytest.mark.parametrize("action", ACTIONS)
def test_action_without_permission_has_no_button_and_gets_403(things, group, action):
    kind, name = action.split("/")
    label, allowed = ACTIONS[action]
    browser = somebody(group)
    page = browser.get(address(things[kind]))
    assert page.status_code == 200
    button = f'href="../action/{name}/"'
    assert (button in page.text) is (group in allowed)
    assert not label or label in page.text or group not in allowed
    expected = 200 if group in allowed else 403
    assert browser.get(address(things[kind], name)).status_code == expected
    assert browser.post(address(things[kind], name), {}).status_code == expected


@pytest.mark.parametrize("action", ["user/block", "wallet/block", "user/open-case"])
def test_nothing_is_selected_in_advance(things, action):
    kind, name = action.split("/")
    browser, thing = somebody(SUPERVISOR), things[kind]
    page = browser.get(address(thing, name)).text
    assert '<option value="" selected>Select…</option>' in page
    answer = browser.post(address(thing, name), {"key": str(uuid4()), "reason": "", "kind": ""})
    assert {"reason", "kind"} & answer.context["form"].errors.keys()
    thing.refresh_from_db()
    assert thing.status != "BLOCKED"


def test_operator_can_add_cash_ins_but_not_adjustments(alices):
    browser = somebody(OPERATOR)
    values = {"amount": "5", "concept": "Card top-up"}
    for kind, balance in (("UP", 100_00), ("DOWN", 100_00), ("CASH_IN", 105_00)):
        form = {"key": str(uuid4()), "kind": kind, **values, **CONFIRMED}
        browser.post(address(alices, "add-movement"), form)
        assert money_of(alices) == (balance, 0)


def test_added_movement_is_confirmed_with_amount_and_owner(alices):
    browser = somebody(SUPERVISOR)
    for kind, name, to in (("CASH_IN", "Cash-in", "to"), ("DOWN", "Adjustment down", "for")):
        form = {"key": str(uuid4()), "kind": kind, "amount": "500", "concept": "Card"}
        form |= CONFIRMED
        page = browser.post(address(alices, "add-movement"), form, follow=True).text
        assert f"{name} of 500.00 EUR {to} Alice Example recorded." in page


def test_form_submitted_twice_moves_once(alices):
    browser = somebody(SUPERVISOR)
    form = {"key": str(uuid4()), "kind": "CASH_IN", "amount": "5", "concept": "Card top-up"}
    form |= CONFIRMED
    for _ in range(2):
        assert browser.post(address(alices, "add-movement"), form).status_code == 302
    assert money_of(alices) == (105_00, 0)


def test_form_moves_money_although_a_client_has_used_a_key_like_its_own(api, alices):
    number = str(uuid4())
    body = {"type": "CASH_IN", "amount": "1"}
    assert api.post(f"wallets/{alices.id}/movements", body, key=f"staff-{number}").status == 201
    form = {"key": number, "kind": "CASH_IN", "amount": "5", "concept": "Card top-up"} | CONFIRMED
    assert somebody(SUPERVISOR).post(address(alices, "add-movement"), form).status_code == 302
    assert money_of(alices) == (106_00, 0)


@pytest.mark.parametrize("amount", ["1e2", "-1", "0", "0.001", "", "x"])
def test_invalid_amount_is_reported_at_the_field(alices, amount):
    browser = somebody(SUPERVISOR)
    form = {"key": str(uuid4()), "kind": "CASH_IN", "amount": amount, "concept": "Top-up"}
    page = browser.post(address(alices, "add-movement"), form)
    assert page.status_code == 200
    assert "errorlist" in page.text
    assert money_of(alices) == (100_00, 0)


def test_a_movement_is_added_by_the_id_of_its_wallet(alices):
    browser = somebody(SUPERVISOR)
    form = {"key": str(uuid4()), "kind": "CASH_IN", "amount": "5", "concept": "Top-up"} | CONFIRMED
    screen = reverse("admin:wallets_movement_add")
    assert "errorlist" in browser.post(screen, form | {"wallet": str(uuid4())}).text
    assert browser.post(screen, form | {"wallet": str(alices.id)}).status_code == 302
    assert money_of(alices) == (105_00, 0)


@pytest.mark.parametrize(("group", "expected"), [(VIEWER, 403), (OPERATOR, 302)])
def test_page_to_add_a_movement_requires_the_permission(alices, group, expected):
    form = {"key": str(uuid4()), "kind": "CASH_IN", "amount": "5", "concept": "Top-up"} | CONFIRMED
    screen = reverse("admin:wallets_movement_add")
    answer = somebody(group).post(screen, form | {"wallet": str(alices.id)})
    assert answer.status_code == expected
    assert money_of(alices) == (100_00 if expected == 403 else 105_00, 0)


def test_rotated_key_stays_valid_until_it_is_revoked(api, client_demo):
    browser = somebody(SUPERVISOR)
    (key,) = ApiKey.objects.all()
    page = browser.post(address(key, "rotate"), {"key": str(uuid4())})
    secret = page.text.split('id="secret">')[1].split("<")[0]
    assert api.get("users").status == people.Api(secret).get("users").status == 200
    browser.post(address(key, "revoke"), {"key": str(uuid4())})
    assert api.get("users").code == "credentials_revoked"
    assert people.Api(secret).get("users").status == 200


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_second_concurrent_settlement_reports_the_current_status(alices):
    movement = end(MarkCashOutSent, a_cash_out(alices, 30_00))
    browsers = [somebody(SUPERVISOR), Browser()]
    browsers[1].cookies = browsers[0].cookies

    def settle(browser: Browser) -> str:
        return browser.post(address(movement, "settle"), {"key": str(uuid4())}, follow=True).text

    pages = at_once(*[lambda browser=browser: settle(browser) for browser in browsers])
    assert sorted("Settled. The amount was deducted." in page for page in pages) == [False, True]
    assert any(f"The movement {movement.id} is SUCCESS." in page for page in pages)
    assert money_of(alices) == (70_00, 0)


@pytest.mark.slow
def test_query_count_of_the_first_page_is_constant(alices, bobs):
    browser = somebody(SUPERVISOR)

    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert browser.get("/admin/").status_code == 200
        return len(asked)

    before = questions()
    for _ in range(15):
        a_cash_out(alices, 1_00)
        people.transfer(alices, bobs, 1_00)
    assert questions() == before <= 23


def test_first_page_leads_to_the_queue_of_cash_outs(alices):
    first, second = a_cash_out(alices, 1_00), a_cash_out(alices, 2_00)
    browser = somebody(SUPERVISOR)
    address = "/admin/payments-out/?state=to-send"
    assert f'href="{address}"' in browser.get("/admin/").text
    page = browser.get(address).text
    assert page.index(str(first.id)) < page.index(str(second.id))


@pytest.mark.parametrize("words", ["id", "operation", "wallet", "iban", "key"])
def test_movement_is_found_by_id_operation_wallet_iban_and_key(alices, bobs, words):
    people.transfer(alices, bobs, 1_00, key="lunch-1")
    movement = a_cash_out(alices, 5_00)
    paid = Movement.objects.get(wallet=alices.id, type="TRANSFER")
    asked = {
        "id": (movement.id, movement),
        "operation": (movement.operation_id, movement),
        "wallet": (alices.id, paid),
        "iban": ("es91 2100 0418 4502 0005 1332", movement),
        "key": ("lunch-1", paid),
    }
    term, found = asked[words]
    listed = reverse("admin:wallets_movement_changelist")
    page = somebody(VIEWER).get(listed, {"q": str(term)}).text
    assert str(found.id) in page
    assert str(bobs.id) not in page


def test_movement_of_a_closed_wallet_renders_the_refusal(bobs):
    browser = somebody(SUPERVISOR)
    people.close(bobs)
    form = {"key": str(uuid4()), "kind": "CASH_IN", "amount": "5", "concept": "Top-up"}
    page = browser.post(address(bobs, "add-movement"), form, follow=True).text
    assert "The wallet is closed permanently. Use another wallet." in page


def test_a_hold_is_released_by_staff(alices, bobs):
    hold = people.place(alices, bobs, 30_00)
    page = somebody(OPERATOR).post(address(hold, "release"), {"key": str(uuid4())}, follow=True)
    assert "Hold released. The amount is available again." in page.text
    assert money_of(alices) == (100_00, 0)
    assert 'href="../action/release/"' not in page.text


@pytest.mark.slow
@pytest.mark.parametrize(("amount", "left"), [("", 100_00), ("1.50", 91_50)])
def test_a_movement_is_reversed_by_staff_once(alices, bobs, amount, left):
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 10_00).id)
    browser = somebody(SUPERVISOR)
    form = {"key": str(uuid4()), "amount": amount, "concept": "Mistake"} | CONFIRMED
    for _ in range(2):
        page = browser.post(address(paid, "reverse"), form, follow=True)
        assert "Movement reversed." in page.text
    assert money_of(alices) == (left, 0)


def test_reversal_above_the_remaining_amount_renders_the_refusal(alices, bobs):
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 10_00).id)
    form = {"key": str(uuid4()), "amount": "10.01", "concept": ""}
    page = somebody(SUPERVISOR).post(address(paid, "reverse"), form, follow=True)
    assert "Not yet reversed: 10.00 EUR; you entered 10.01 EUR." in page.text
    assert money_of(alices) == (90_00, 0)


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        ("movement/reject", ["-30.00 EUR", "thirty euros", "ES9121000418450200051332", "Rent"]),
        ("transfer/reverse", ["-2.00 EUR"]),
        ("hold/release", ["1.00 EUR"]),
        ("wallet/block", ["98.00 EUR", "31.00 EUR", "67.00 EUR"]),
    ],
)
def test_action_page_has_the_facts_of_its_resource(things, action, shown):
    kind, name = action.split("/")
    page = somebody(SUPERVISOR).get(address(things[kind], name)).text
    for words in shown:
        assert f"<dd>{words}</dd>" in page
    assert ">Alice Example</a>" in page


# --- Over the API ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("cash-in", {SUPERVISOR}),
        ("transfer", set()),
        ("cash-out", set()),
        ("batch", set()),
        ("execute", set()),
        ("reverse", {SUPERVISOR}),
        ("release", {OPERATOR, SUPERVISOR}),
        ("hold", set()),
        ("cancel", set()),
        ("alias", set()),
    ],
)
@pytest.mark.parametrize("group", [VIEWER, OPERATOR, SUPERVISOR])
def test_the_api_lets_staff_do_no_more_than_the_back_office(things, bobs, group, action, allowed):
    wallet, hold, paid = things["wallet"], things["hold"], things["transfer"]
    below = f"/api/v1/wallets/{wallet.id}"
    pay = people.to(bobs, "1.00")
    method, path, body = {
        "cash-in": ("post", f"{below}/movements", people.cash("1.00")),
        "transfer": ("post", f"{below}/movements", pay),
        "cash-out": (
            "post",
            f"{below}/movements",
            {"type": "CASH_OUT", "amount": "1.00", "iban": {"accountNumber": IBAN}},
        ),
        "batch": ("post", f"{below}/movements/batch", {"movements": [pay]}),
        "execute": ("post", f"{below}/holds/{hold.id}/executions", {}),
        "reverse": ("post", f"{below}/movements/{paid.id}/reversal", {}),
        "release": ("patch", f"{below}/holds/{hold.id}", {"status": "RELEASED"}),
        "hold": ("post", f"{below}/holds", {"targetWalletId": str(bobs.id), "amount": "1.00"}),
        "cancel": (
            "patch",
            f"{below}/movements/{things['movement'].id}",
            {"status": "CANCELLED"},
        ),
        "alias": ("patch", below, {"alias": "Trips"}),
    }[action]
    answer = getattr(somebody(group), method)(path, body, content_type="application/json")
    assert (answer.status_code < 300) is (group in allowed), answer.json()
    assert answer.status_code < 300 or answer.json()["code"] == "permission_denied"


@pytest.mark.parametrize(
    ("parts", "words", "is_open"),
    [
        ([], "", True),
        ([1_00], "Partly reversed: 1.00 EUR; 4.00 EUR left (", True),
        ([1_00, 4_00], "Reversed (", False),
    ],
)
def test_page_of_a_movement_shows_its_reversals(alices, bobs, parts, words, is_open):
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 5_00).id)
    made = [people.reverse(paid, part) for part in parts]
    browser = somebody(SUPERVISOR)
    page = browser.get(address(paid)).text
    assert words in page
    assert ("eversed" in page) is bool(parts)
    links = Movement.objects.filter(reversal_of=paid)
    assert len(links) == len(made)
    assert all(f'href="{address(each)}"' in page for each in links)
    assert ('href="../action/reverse/"' in page) is is_open
    form = browser.get(address(paid, "reverse")).text
    left = f"Leave empty to reverse all that is left: {5 - sum(parts) / 100:.2f} EUR."
    assert (left in form) is is_open


@pytest.mark.slow
def test_page_of_a_movement_costs_the_same_for_more_reversals(alices, bobs):
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 5_00).id)
    browser = somebody(SUPERVISOR)
    counts = []
    for _ in range(3):
        people.reverse(paid, 1_00)
        with CaptureQueriesContext(connection) as captured:
            browser.get(address(paid))
        counts.append(len(captured))
    assert counts[1] == counts[2]
