"""Actions about customers, staff, keys and thresholds that two people agree on, on their pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser
from django.urls import reverse

from iocash import errors
from tests.support import people, sandbox, staff
from tests.support.approval_pages import REASON, action_address, ask_on_page, decide_on_page
from tests.support.approvals import approve, ask
from tests.support.payments_out import words_of
from tests.support.people import Api
from users.admin.approved_activations import ask_to_activate
from users.admin.approved_keys import ask_for_scope
from users.admin.approved_staff import about_member, ask_for_member
from users.approvals.asking import ask_for_approval
from users.approvals.deciding import expire_requests, refuse_request, withdraw_request
from users.approvals.thresholds import threshold_of
from users.approvals.words import waiting_for_member
from users.models import ApiKey, Approval, Client, Event, User
from users.models.approvals import ApprovalKind
from users.models.clients import MONEY_SCOPES
from wallets import erasure, posting
from wallets.orders.users import BlockUser, UnsubscribeUser
from wallets.orders.wallets import BlockWallet

pytestmark = pytest.mark.django_db
State = Approval.State


@pytest.fixture
def alice_at_work(asker: Any) -> Browser:
    return staff.browser_of(asker)


@pytest.fixture
def bob_at_work(second: Any) -> Browser:
    return staff.browser_of(second)


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
    asked = ask_on_page(alice_at_work, alice, "unblock", reason="RESOLVED")
    alice.refresh_from_db()
    assert alice.status == "BLOCKED"
    decide_on_page(bob_at_work, asked)
    alice.refresh_from_db()
    assert alice.status == "ACTIVATED"


def test_wallet_is_unblocked_after_fraud_by_two_people(alice_at_work, bob_at_work, alices):
    block(alices, "SUSPECTED_FRAUD")
    asked = ask_on_page(alice_at_work, alices, "unblock", reason="RESOLVED")
    decide_on_page(bob_at_work, asked)
    alices.refresh_from_db()
    assert alices.status == "READY"


def test_other_block_is_lifted_by_one_person(alice_at_work, alice):
    block(alice, "CLIENT_REQUEST")
    form = {"key": str(uuid4()), "reason": "RESOLVED"}
    alice_at_work.post(action_address(alice, "unblock"), form)
    alice.refresh_from_db()
    assert alice.status == "ACTIVATED"


@pytest.fixture
def gone(alice: User) -> User:
    about: dict[str, Any] = {"client_id": alice.client_id, "by": people.BY, "user_id": alice.id}
    posting.submit(UnsubscribeUser(**about))
    alice.refresh_from_db()
    return alice


@pytest.mark.slow
def test_erasure_before_its_time_needs_two_people_and_erases_the_request(
    alice_at_work, bob_at_work, gone
):
    asked = ask_on_page(alice_at_work, gone, "erase", reason="USER_REQUEST")
    gone.refresh_from_db()
    assert gone.erased_at is None
    decide_on_page(bob_at_work, asked)
    gone.refresh_from_db()
    asked.refresh_from_db()
    assert gone.erased_at
    assert (asked.state, asked.facts, asked.reason) == (State.APPROVED, None, "")
    page = bob_at_work.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert page.status_code == 200


def test_interrupted_erasure_is_due_again(alice_at_work, second, gone, monkeypatch):
    asked = ask_on_page(alice_at_work, gone, "erase", reason="USER_REQUEST")
    with monkeypatch.context() as patched:
        patched.setattr("wallets.erasure.erase_approved", lambda asked: None)
        approve(asked, second)
    assert [each.pk for each in erasure.approved_and_due()] == [asked.pk]
    erasure.erase_approved(asked)
    assert not erasure.approved_and_due().exists()


# --- Staff, keys, thresholds ---------------------------------------------------------------------


@pytest.mark.slow
def test_member_is_added_by_two_people_and_gets_a_link(alice_at_work, bob_at_work):
    form = {"key": str(uuid4()), "username": "carol", "roles": ["viewer"]}
    address = reverse("admin:auth_user_add")
    assert "Somebody else must approve this" in words_of(alice_at_work.post(address, form))
    alice_at_work.post(address, form | REASON)
    members = get_user_model().objects
    assert not members.filter(username="carol").exists()
    asked = Approval.objects.get()
    assert "Approved and done." in words_of(decide_on_page(bob_at_work, asked))
    carol = members.get(username="carol")
    page = bob_at_work.post(action_address(carol, "password-link"), {"key": str(uuid4())})
    assert "Somebody else must approve this" in words_of(page)
    page = alice_at_work.post(action_address(carol, "password-link"), {"key": str(uuid4())})
    assert "The link is shown only once" in words_of(page)
    carol.set_password("abc")
    carol.save()
    page = alice_at_work.post(action_address(carol, "password-link"), {"key": str(uuid4())})
    assert "Somebody else must approve this" in words_of(page)


def test_password_is_reset_by_two_people(alice_at_work, bob_at_work):
    carol = staff.a_member(staff.VIEWER, name="carol")
    carol.set_password("abc")
    carol.save()
    asked = ask_on_page(alice_at_work, carol, "password-link")
    carol.refresh_from_db()
    assert carol.has_usable_password()
    decide_on_page(bob_at_work, asked)
    carol.refresh_from_db()
    assert not carol.has_usable_password()
    page = alice_at_work.post(action_address(carol, "password-link"), {"key": str(uuid4())})
    assert "The link is shown only once" in words_of(page)


@pytest.mark.slow
def test_roles_are_given_by_two_people_and_taken_by_one(alice_at_work, bob_at_work):
    carol = staff.a_member(staff.VIEWER, name="carol")
    asked = ask_on_page(alice_at_work, carol, "roles", roles=["operator", "viewer"])
    decide_on_page(bob_at_work, asked)
    assert {each.name for each in carol.groups.all()} == {"operator", "viewer"}
    form = {"key": str(uuid4()), "roles": ["viewer"]}
    alice_at_work.post(action_address(carol, "roles"), form)
    assert {each.name for each in carol.groups.all()} == {"viewer"}


@pytest.mark.slow
def test_member_approves_no_roles_of_their_own(alice_at_work, bob_at_work, second):
    second.groups.remove(*second.groups.filter(name=staff.OPERATOR))
    asked = ask_on_page(
        alice_at_work, second, "roles", roles=["administrator", "operator", "supervisor"]
    )
    assert "This is about you" in words_of(decide_on_page(bob_at_work, asked))
    assert not second.groups.filter(name=staff.OPERATOR).exists()


def a_decider(*, may_give: bool) -> Any:
    """A member of staff who decides about staff, and may give the role of a supervisor or not."""
    name = "carol" if may_give else "dave"
    roles = (staff.ADMINISTRATOR,) if may_give else (staff.VIEWER,)
    decider = staff.a_member(*roles, name=name)
    return staff.allow(decider, "users.change_approval", "auth.change_user", "auth.add_user")


@pytest.mark.parametrize("kind", ["added", "changed"])
def test_member_gives_only_roles_of_its_own_right(kind, asker, second):
    values = {"first_name": "", "last_name": "", "email": "", "roles": ["supervisor"]}
    if kind == "added":
        asked = ask(ask_for_member(None, {"username": "erin", **values}), asker)
    else:
        erin = staff.a_member(staff.VIEWER, name="erin")
        asked = ask(about_member(ApprovalKind.CHANGE_ROLES)(erin, values), asker)
    dave, carol = (a_decider(may_give=each) for each in (False, True))
    assert not waiting_for_member(dave).exists()
    with pytest.raises(errors.PermissionDenied, match="permission to give: supervisor"):
        approve(asked, dave)
    assert [*waiting_for_member(carol)] == [asked]
    assert approve(asked, carol).state == State.APPROVED
    erin = get_user_model().objects.get(username="erin")
    assert [each.name for each in erin.groups.all()] == ["supervisor"]


NEW_MEMBER = {
    "username": "erin",
    "first_name": "Erin",
    "last_name": "Example",
    "email": "erin@example.com",
    "roles": ["viewer"],
}


def end_request(asked: Approval, state: str, asker: Any, second: Any) -> None:
    if state == State.APPROVED:
        approve(asked, second)
    elif state == State.REFUSED:
        refuse_request(asked.id, by=second, reason="Unknown")
    elif state == State.WITHDRAWN:
        withdraw_request(asked.id, by=asker)
    else:
        sandbox.make(clock_offset=timedelta(days=8))
        assert expire_requests() == 1


@pytest.mark.parametrize("state", ["APPROVED", "REFUSED", "WITHDRAWN", "EXPIRED"])
def test_decided_request_forgets_name_and_address_of_a_new_member(state, asker, second):
    asked = ask(ask_for_member(None, NEW_MEMBER), asker)
    page = staff.browser_of(second).get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert "erin@example.com" in words_of(page)
    end_request(asked, state, asker, second)
    asked.refresh_from_db()
    assert asked.state == state
    assert asked.payload == {"username": "erin", "roles": ["viewer"]}
    assert asked.facts == [["member", "erin"], ["roles_after", "viewer"]]
    page = staff.browser_of(second).get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert "erin" in words_of(page)
    if state == State.APPROVED:
        assert get_user_model().objects.get(username="erin").email == "erin@example.com"


def test_form_of_a_new_member_is_recognised_after_the_decision(asker, second):
    asked = ask(ask_for_member(None, NEW_MEMBER), asker)
    withdraw_request(asked.id, by=asker)
    values = {"by": asker, "reason": "Letter", "key": asked.id}
    again = ask_for_approval(ask_for_member(None, NEW_MEMBER), **values)
    assert (again.id, again.state) == (asked.id, State.WITHDRAWN)
    with pytest.raises(errors.IdempotencyKeyReused):
        ask_for_approval(ask_for_member(None, NEW_MEMBER | {"username": "eve"}), **values)


@pytest.mark.slow
def test_member_is_activated_by_two_people(alice_at_work, bob_at_work):
    carol = staff.a_member(staff.VIEWER, name="carol")
    carol.is_active = False
    carol.save()
    asked = ask_on_page(alice_at_work, carol, "activate")
    decide_on_page(bob_at_work, asked)
    carol.refresh_from_db()
    assert carol.is_active


@pytest.mark.slow
def test_scopes_about_money_are_granted_by_two_people(
    alice_at_work, bob_at_work, client_demo, alices
):
    key, secret = ApiKey.issue(client=client_demo, label="Server", scopes=["users:read"])
    body = {"type": "CASH_IN", "amount": "5.00"}
    api = Api(secret)
    assert api.post(f"wallets/{alices.pk}/movements", body, key=str(uuid4())).status == 403
    asked = ask_on_page(alice_at_work, key, "grant-scopes", scopes=[*MONEY_SCOPES])
    decide_on_page(bob_at_work, asked)
    key.refresh_from_db()
    assert key.scopes == ["cash-in:write", "movements:write", "users:read"]
    event = Event.objects.about(key.pk).get()
    assert (event.kind, event.actor) == ("api_key.changed", f"staff:{asked.asked_by_id}")
    assert event.data == {"approval": str(asked.pk), "scopes": [*MONEY_SCOPES]}
    page = bob_at_work.get(reverse("admin:users_apikey_change", args=[key.pk]))
    assert "Scopes granted to the API key" in words_of(page)
    assert api.post(f"wallets/{alices.pk}/movements", body, key=str(uuid4())).status == 201


@pytest.mark.slow
def test_suspended_client_is_activated_by_two_people(alice_at_work, bob_at_work, client_demo):
    _key, secret = ApiKey.issue(client=client_demo, label="Server", scopes=["users:read"])
    bob_at_work.post(action_address(client_demo, "suspend"), {"key": str(uuid4())})
    assert Api(secret).get("users").code == "client_suspended"
    asked = ask_on_page(alice_at_work, client_demo, "activate")
    assert Api(secret).get("users").code == "client_suspended"
    page = bob_at_work.get(action_address(asked, "approve"))
    assert "Suspended by bob" in words_of(page)
    assert "Approved and done." in words_of(decide_on_page(bob_at_work, asked))
    assert Api(secret).get("users").status == 200
    event = Event.objects.about(client_demo.pk).last()
    assert event
    assert (event.kind, event.data) == ("client.activated", {"approval": str(asked.pk)})


def test_active_client_is_not_activated(asker, second, client_demo):
    with pytest.raises(errors.InvalidFields, match="wrong"):
        ask(ask_to_activate(client_demo, {}), asker)
    Client.objects.update(status="SUSPENDED")
    asked = ask(ask_to_activate(client_demo, {}), asker)
    Client.objects.update(status="ACTIVE")
    assert approve(asked, second).state == State.FAILED
    assert not Event.objects.about(client_demo.pk).exists()


@pytest.mark.slow
@pytest.mark.parametrize("scope", MONEY_SCOPES)
def test_key_is_issued_and_rotated_without_a_scope_about_money(alice_at_work, client_demo, scope):
    form = {"key": str(uuid4()), "label": "Server", "scopes": [scope]}
    alice_at_work.post(action_address(client_demo, "issue-key"), form)
    assert not ApiKey.objects.exists()
    key, _ = ApiKey.issue(client=client_demo, label="Server", scopes=[scope, "users:read"])
    alice_at_work.post(action_address(key, "rotate"), {"key": str(uuid4())})
    assert ApiKey.objects.exclude(pk=key.pk).get().scopes == ["users:read"]


@pytest.mark.slow
def test_issuer_of_a_key_neither_asks_for_money_nor_decides(
    alice_at_work, asker, second, client_demo
):
    form = {"key": str(uuid4()), "label": "Server", "scopes": ["users:read"]}
    alice_at_work.post(action_address(client_demo, "issue-key"), form)
    key = ApiKey.objects.get()
    with pytest.raises(errors.PermissionDenied, match="You have issued this key"):
        ask(ask_for_scope(key, {"scopes": ["movements:write"]}), asker)
    asked = ask(ask_for_scope(key, {"scopes": ["movements:write"]}), second)
    assert ["issued_by", "alice"] in (asked.facts or [])
    with pytest.raises(errors.PermissionDenied, match="You have issued this key"):
        approve(asked, asker)
    assert approve(asked, staff.a_member(staff.SUPERVISOR, name="carol")).state == "APPROVED"
    key.refresh_from_db()
    assert key.scopes == ["movements:write", "users:read"]


@pytest.mark.slow
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
    decide_on_page(bob_at_work, Approval.objects.get())
    assert threshold_of("CASH_IN", "EUR") == 10_00
    alice_at_work.post(address, form | {"key": str(uuid4()), "amount": "5"})
    assert threshold_of("CASH_IN", "EUR") == 5_00
    page = alice_at_work.post(address, form | {"key": str(uuid4()), "amount": "10001"})
    assert "Must be between 0 and 10000.00 EUR." in words_of(page)
    page = alice_at_work.get(address)
    assert "Cash desk" in words_of(page)


@pytest.mark.slow
def test_member_without_the_permission_changes_no_threshold(alices):
    browser = staff.somebody(staff.OPERATOR)
    assert browser.get(reverse("admin:thresholds")).status_code == 200
    assert browser.post(reverse("admin:thresholds"), {}).status_code == 403
