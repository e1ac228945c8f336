"""The pages with which members of staff ask for approvals and decide about them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser
from django.urls import reverse

from tests.support import people, staff
from tests.support.approvals import a_request, approve, raise_threshold, seen_now
from tests.support.cash_outs import a_cash_out
from tests.support.payments_out import bulk, words_of
from tests.support.people import Api
from users.approvals.thresholds import threshold_of
from users.models import ApiKey, Approval, User
from users.models.approvals import ApprovalKind
from wallets import erasure, posting
from wallets.models import Movement, Wallet
from wallets.orders.cash_outs import MarkCashOutSent
from wallets.orders.users import BlockUser, UnsubscribeUser
from wallets.orders.wallets import BlockWallet

pytestmark = pytest.mark.django_db
State = Approval.State
REASON = {"ask": "1", "approval_reason": "Letter of the bank"}


@pytest.fixture
def asker(db: None) -> Any:
    return staff.a_member(staff.SUPERVISOR, staff.OPERATOR, staff.ADMINISTRATOR, name="alice")


@pytest.fixture
def second(db: None) -> Any:
    return staff.a_member(staff.SUPERVISOR, staff.OPERATOR, staff.ADMINISTRATOR, name="bob")


@pytest.fixture
def alice_at_work(asker: Any) -> Browser:
    return staff.browser_of(asker)


@pytest.fixture
def bob_at_work(second: Any) -> Browser:
    return staff.browser_of(second)


def acting(thing: Any, name: str) -> str:
    options = thing._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_action", args=[thing.pk, name])


def act(browser: Browser, thing: Any, name: str, **values: Any) -> Any:
    """Send the form of an action twice, as it is, then with a reason: one request is left."""
    form = {"key": str(uuid4()), **values}
    page = browser.post(acting(thing, name), form)
    assert "Somebody else must approve this" in words_of(page), words_of(page)
    for _ in range(2):
        assert browser.post(acting(thing, name), form | REASON).status_code == 302
    return Approval.objects.latest("id")


def decide(browser: Browser, asked: Approval, **values: Any) -> Any:
    page = browser.get(acting(asked, "approve"))
    form = {"key": str(uuid4()), "seen": page.context["form"]["seen"].initial, **values}
    return browser.post(acting(asked, "approve"), form, follow=True)


def balance(wallet: Wallet) -> int:
    wallet.refresh_from_db()
    return wallet.balance


def test_cash_in_is_asked_for_on_the_page_of_the_wallet_and_approved(
    alice_at_work, bob_at_work, alices
):
    asked = act(alice_at_work, alices, "add-movement", kind="CASH_IN", amount="5", concept="Card")
    assert (asked.amount, asked.reason) == (5_00, "Letter of the bank")
    assert balance(alices) == 100_00
    own = alice_at_work.get(reverse("admin:approvals"))
    assert "Nothing waits for you" in words_of(own)
    assert "Letter of the bank" in words_of(own)
    page = bob_at_work.get(reverse("admin:approvals"))
    assert "5.00 EUR will be created in the wallet of Alice Example" in words_of(page)
    page = bob_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert [each.name for each in page.context["page_actions"]] == ["approve", "refuse"]
    assert "105.00 EUR" in words_of(page)
    assert "Approved and done." in words_of(decide(bob_at_work, asked))
    assert balance(alices) == 105_00
    page = bob_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert page.context["page_actions"] == []


def test_asker_can_only_withdraw_on_the_page(alice_at_work, alices):
    asked = act(alice_at_work, alices, "add-movement", kind="UP", amount="5", concept="Card")
    page = alice_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert [each.name for each in page.context["page_actions"]] == ["withdraw"]
    assert "You asked for this" in words_of(page)
    page = decide(alice_at_work, asked)
    assert "You asked for this. Somebody else must decide." in words_of(page)
    assert balance(alices) == 100_00
    alice_at_work.post(acting(asked, "withdraw"), {"key": str(uuid4())})
    asked.refresh_from_db()
    assert asked.state == State.WITHDRAWN


def test_page_shows_what_changed_and_the_same_form_then_approves(
    bob_at_work, asker, second, alices
):
    asked = a_request(alices, 5_00, asker)
    form = {"key": str(uuid4()), "seen": seen_now(asked), "decision": "Seen"}
    people.cash_in(alices, 1_00)
    page = bob_at_work.post(acting(asked, "approve"), form)
    assert "The facts have changed. Nothing was done." in words_of(page)
    assert "Balance: 100.00 EUR → 101.00 EUR" in words_of(page)
    assert balance(alices) == 101_00
    form["seen"] = page.context["form"]["seen"].value()
    assert bob_at_work.post(acting(asked, "approve"), form).status_code == 302
    assert balance(alices) == 106_00


def test_refusal_needs_a_reason_and_is_shown_to_the_asker(
    alice_at_work, bob_at_work, asker, alices
):
    asked = a_request(alices, 5_00, asker)
    form = {"key": str(uuid4()), "decision": ""}
    assert bob_at_work.post(acting(asked, "refuse"), form).status_code == 200
    bob_at_work.post(acting(asked, "refuse"), form | {"decision": "No letter"})
    page = alice_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert "No letter" in words_of(page)


def test_impossible_act_is_refused_before_it_is_asked_for(alice_at_work, alices):
    form = {"key": str(uuid4()), "kind": "DOWN", "amount": "100.01", "concept": "Card"}
    page = alice_at_work.post(acting(alices, "add-movement"), form)
    assert "Available: 100.00 EUR" in words_of(page)
    page = alice_at_work.post(acting(alices, "add-movement"), form | REASON)
    assert "Available: 100.00 EUR" in words_of(page)
    assert not Approval.objects.exists()


def test_act_below_the_threshold_is_done_at_once(alice_at_work, asker, second, alices):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, asker, second)
    form = {"key": str(uuid4()), "kind": "CASH_IN", "amount": "5", "concept": "Card"}
    alice_at_work.post(acting(alices, "add-movement"), form | {"confirmed": "1"})
    assert balance(alices) == 105_00


def test_reversal_without_an_amount_asks_for_what_was_shown(alice_at_work, bob_at_work, alices):
    received = Movement.objects.get(wallet=alices)
    asked = act(alice_at_work, received, "reverse", amount="", concept="")
    assert asked.amount == 100_00
    decide(bob_at_work, asked)
    assert balance(alices) == 0


def sent_cash_outs(wallet: Wallet, number: int) -> list[Movement]:
    found = [a_cash_out(wallet, 1_00) for _ in range(number)]
    for each in found:
        about: dict[str, Any] = {"wallet_id": wallet.id, "movement_id": each.id}
        posting.submit(MarkCashOutSent(client_id=wallet.client_id, by=people.BY, **about))
    return found


@pytest.mark.parametrize("name", ["settle", "reject"])
def test_many_sent_payments_are_asked_for_and_approved_at_once(
    alice_at_work, bob_at_work, alices, name
):
    payments = sent_cash_outs(alices, 3)
    values = {"reason": "Returned"} if name == "reject" else {}
    page = bulk(alice_at_work, name, payments, approval_reason="Statement 7", **values)
    assert "3 payments wait for an approval." in words_of(page)
    page = bulk(alice_at_work, name, payments, approval_reason="Statement 7", **values)
    assert "This waits for an approval already." in words_of(page)
    waiting = [str(pk) for pk in Approval.objects.values_list("pk", flat=True)]
    page = bob_at_work.post(reverse("admin:approvals-confirm"), {"item": waiting})
    rows = page.context["rows"]
    assert len(rows) == 3
    assert words_of(page).count("Statement 7") == 3
    items = [f"{row.asked.pk}:{row.digest}" for row in rows]
    page = bob_at_work.post(reverse("admin:approvals-decide"), {"item": items[:1]}, follow=True)
    assert "1 request approved and done." in words_of(page)
    page = bob_at_work.post(reverse("admin:approvals-decide"), {"item": items}, follow=True)
    text = words_of(page)
    assert "This was decided already." in text
    assert ("The facts have changed" in text) is True
    assert Movement.objects.filter(type="CASH_OUT", status="PENDING").count() == 2


def test_bulk_approval_leaves_out_own_requests(alice_at_work, asker, alices):
    asked = a_request(alices, 5_00, asker)
    page = alice_at_work.post(reverse("admin:approvals-confirm"), {"item": [str(asked.pk)]})
    assert page.context["left_out"] == 1
    item = f"{asked.pk}:{seen_now(asked)}"
    alice_at_work.post(reverse("admin:approvals-decide"), {"item": [item]})
    assert balance(alices) == 100_00


@pytest.mark.parametrize("route", ["approvals-confirm", "approvals-decide"])
def test_malformed_selection_is_refused(bob_at_work, route):
    assert bob_at_work.post(reverse(f"admin:{route}"), {"item": ["x"]}).status_code == 400


def test_staff_create_no_money_over_the_api(asker, alices):
    browser = Browser(enforce_csrf_checks=False)
    browser.force_login(asker)
    staff.allow(asker, "wallets.add_movement")
    body = {"type": "CASH_IN", "amount": "5.00"}
    address = f"/api/v1/wallets/{alices.pk}/movements"
    answer = browser.post(
        address, body, content_type="application/json", headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 403
    assert answer.json()["code"] == "permission_denied"
    assert balance(alices) == 100_00


# --- Customers -----------------------------------------------------------------------------------


def block(thing: Any, reason: str) -> None:
    about: dict[str, Any] = {"client_id": thing.client_id, "by": people.BY, "reason": reason}
    if isinstance(thing, User):
        posting.submit(BlockUser(**about, user_id=thing.id))
    else:
        posting.submit(BlockWallet(**about, wallet_id=thing.id))
    thing.refresh_from_db()


def test_user_is_unblocked_after_fraud_by_two_people(alice_at_work, bob_at_work, alice):
    block(alice, "SUSPECTED_FRAUD")
    asked = act(alice_at_work, alice, "unblock", reason="RESOLVED")
    alice.refresh_from_db()
    assert alice.status == "BLOCKED"
    decide(bob_at_work, asked)
    alice.refresh_from_db()
    assert alice.status == "ACTIVATED"


def test_wallet_is_unblocked_after_fraud_by_two_people(alice_at_work, bob_at_work, alices):
    block(alices, "SUSPECTED_FRAUD")
    asked = act(alice_at_work, alices, "unblock", reason="RESOLVED")
    decide(bob_at_work, asked)
    alices.refresh_from_db()
    assert alices.status == "READY"


def test_other_block_is_lifted_by_one_person(alice_at_work, alice):
    block(alice, "CLIENT_REQUEST")
    form = {"key": str(uuid4()), "reason": "RESOLVED"}
    alice_at_work.post(acting(alice, "unblock"), form)
    alice.refresh_from_db()
    assert alice.status == "ACTIVATED"


@pytest.fixture
def gone(alice: User) -> User:
    about: dict[str, Any] = {"client_id": alice.client_id, "by": people.BY, "user_id": alice.id}
    posting.submit(UnsubscribeUser(**about))
    alice.refresh_from_db()
    return alice


def test_erasure_before_its_time_needs_two_people_and_erases_the_request(
    alice_at_work, bob_at_work, gone
):
    asked = act(alice_at_work, gone, "erase", reason="USER_REQUEST")
    gone.refresh_from_db()
    assert gone.erased_at is None
    decide(bob_at_work, asked)
    gone.refresh_from_db()
    asked.refresh_from_db()
    assert gone.erased_at
    assert (asked.state, asked.facts, asked.reason) == (State.APPROVED, None, "")
    page = bob_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert page.status_code == 200


def test_interrupted_erasure_is_due_again(alice_at_work, second, gone, monkeypatch):
    asked = act(alice_at_work, gone, "erase", reason="USER_REQUEST")
    with monkeypatch.context() as patched:
        patched.setattr("wallets.erasure.erase_approved", lambda asked: None)
        approve(asked, second)
    assert [each.pk for each in erasure.approved_and_due()] == [asked.pk]
    erasure.erase_approved(asked)
    assert not erasure.approved_and_due().exists()


# --- Staff, keys, thresholds ---------------------------------------------------------------------


def test_member_is_added_by_two_people_and_gets_a_link(alice_at_work, bob_at_work):
    form = {"key": str(uuid4()), "username": "carol", "roles": ["viewer"]}
    address = reverse("admin:auth_user_add")
    assert "Somebody else must approve this" in words_of(alice_at_work.post(address, form))
    alice_at_work.post(address, form | REASON)
    members = get_user_model().objects
    assert not members.filter(username="carol").exists()
    asked = Approval.objects.get()
    assert "Approved and done." in words_of(decide(bob_at_work, asked))
    carol = members.get(username="carol")
    page = bob_at_work.post(acting(carol, "password-link"), {"key": str(uuid4())})
    assert "Somebody else must approve this" in words_of(page)
    page = alice_at_work.post(acting(carol, "password-link"), {"key": str(uuid4())})
    assert "The link is shown only once" in words_of(page)
    carol.set_password("abc")
    carol.save()
    page = alice_at_work.post(acting(carol, "password-link"), {"key": str(uuid4())})
    assert "Somebody else must approve this" in words_of(page)


def test_password_is_reset_by_two_people(alice_at_work, bob_at_work):
    carol = staff.a_member(staff.VIEWER, name="carol")
    carol.set_password("abc")
    carol.save()
    asked = act(alice_at_work, carol, "password-link")
    carol.refresh_from_db()
    assert carol.has_usable_password()
    decide(bob_at_work, asked)
    carol.refresh_from_db()
    assert not carol.has_usable_password()
    page = alice_at_work.post(acting(carol, "password-link"), {"key": str(uuid4())})
    assert "The link is shown only once" in words_of(page)


def test_roles_are_given_by_two_people_and_taken_by_one(alice_at_work, bob_at_work):
    carol = staff.a_member(staff.VIEWER, name="carol")
    asked = act(alice_at_work, carol, "roles", roles=["operator", "viewer"])
    decide(bob_at_work, asked)
    assert {each.name for each in carol.groups.all()} == {"operator", "viewer"}
    form = {"key": str(uuid4()), "roles": ["viewer"]}
    alice_at_work.post(acting(carol, "roles"), form)
    assert {each.name for each in carol.groups.all()} == {"viewer"}


def test_nobody_approves_roles_of_their_own(alice_at_work, bob_at_work, second):
    second.groups.remove(*second.groups.filter(name=staff.OPERATOR))
    asked = act(alice_at_work, second, "roles", roles=["administrator", "operator", "supervisor"])
    assert "This is about you" in words_of(decide(bob_at_work, asked))
    assert not second.groups.filter(name=staff.OPERATOR).exists()


def test_member_is_activated_by_two_people(alice_at_work, bob_at_work):
    carol = staff.a_member(staff.VIEWER, name="carol")
    carol.is_active = False
    carol.save()
    asked = act(alice_at_work, carol, "activate")
    decide(bob_at_work, asked)
    carol.refresh_from_db()
    assert carol.is_active


def test_scope_that_creates_money_is_granted_by_two_people(
    alice_at_work, bob_at_work, client_demo, alices
):
    key, secret = ApiKey.issue(client=client_demo, label="Server", scopes=["movements:write"])
    body = {"type": "CASH_IN", "amount": "5.00"}
    api = Api(secret)
    assert api.post(f"wallets/{alices.pk}/movements", body, key=str(uuid4())).status == 403
    asked = act(alice_at_work, key, "grant-cash-in")
    decide(bob_at_work, asked)
    key.refresh_from_db()
    assert key.scopes == ["cash-in:write", "movements:write"]
    assert api.post(f"wallets/{alices.pk}/movements", body, key=str(uuid4())).status == 201


def test_key_is_issued_and_rotated_without_the_scope_that_creates_money(alice_at_work, client_demo):
    form = {"key": str(uuid4()), "label": "Server", "scopes": ["cash-in:write"]}
    alice_at_work.post(acting(client_demo, "issue-key"), form)
    assert not ApiKey.objects.exists()
    key, _ = ApiKey.issue(
        client=client_demo, label="Server", scopes=["cash-in:write", "users:read"]
    )
    alice_at_work.post(acting(key, "rotate"), {"key": str(uuid4())})
    assert ApiKey.objects.exclude(pk=key.pk).get().scopes == ["users:read"]


def test_threshold_is_raised_by_two_people_and_lowered_by_one(alice_at_work, bob_at_work):
    address = reverse("admin:thresholds")
    form = {
        "key": str(uuid4()),
        "kind": "CASH_IN",
        "currency": "EUR",
        "amount": "10",
        "reason": "Cash desk",
    }
    assert alice_at_work.post(address, form).status_code == 302
    assert threshold_of("CASH_IN", "EUR") == 0
    decide(bob_at_work, Approval.objects.get())
    assert threshold_of("CASH_IN", "EUR") == 10_00
    alice_at_work.post(address, form | {"key": str(uuid4()), "amount": "5"})
    assert threshold_of("CASH_IN", "EUR") == 5_00
    page = alice_at_work.post(address, form | {"key": str(uuid4()), "amount": "10001"})
    assert "Must be between 0 and 10000.00 EUR." in words_of(page)
    page = alice_at_work.get(address)
    assert "Cash desk" in words_of(page)


def test_member_without_the_permission_changes_no_threshold(alices):
    browser = staff.somebody(staff.OPERATOR)
    assert browser.get(reverse("admin:thresholds")).status_code == 200
    assert browser.post(reverse("admin:thresholds"), {}).status_code == 403


def test_first_page_says_what_waits_for_the_member(alice_at_work, bob_at_work, asker, alices):
    a_request(alices, 5_00, asker)
    assert "Waiting for my approval 1 request" in words_of(bob_at_work.get("/admin/"))
    assert "Waiting for my approval None" in words_of(alice_at_work.get("/admin/"))
