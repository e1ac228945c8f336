"""Actions with money of one member of staff, which another one approves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import DatabaseError

from iocash import errors
from tests.support import people, staff
from tests.support.approvals import a_request, approve, ask, balance_of, seen_now, watched_orders
from tests.support.sandbox import made
from users.approvals.actions import APPROVABLES, differences, facts_when_asked
from users.approvals.asking import ask_for_approval
from users.approvals.deciding import (
    FactsChanged,
    approve_request,
    expire_requests,
    refuse_request,
    withdraw_request,
)
from users.models import Approval, Event, Key
from users.models.approvals import ApprovalKind
from users.models.ids import new_id
from users.staff import members, roles
from wallets import posting
from wallets.admin.approvals.money import asked_about, asked_movement
from wallets.models import Movement
from wallets.orders.payments import Transfer
from wallets.orders.wallets import BlockWallet

pytestmark = pytest.mark.django_db
State = Approval.State
IBAN = "ES9121000418450200051332"


# --- Asked and approved --------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "change"), [("CASH_IN", 50_00), ("UP", 50_00), ("DOWN", -50_00)])
def test_approved_movement_is_made_with_its_approval(asker, second, alices, kind, change):
    asked = a_request(alices, 50_00, asker, kind)
    assert balance_of(alices) == 100_00
    done = approve(asked, second)
    assert balance_of(alices) == 100_00 + change
    assert (done.state, done.decided_by) == (State.APPROVED, second)
    assert done.made_id
    movement = Movement.objects.get(id=done.made_id)
    assert (movement.amount, movement.concept) == (change, "Paid in")
    event = Event.objects.get(subject_id=movement.id)
    assert (event.actor, event.data["approval"]) == (f"staff:{asker.pk}", str(asked.id))


def test_reversal_and_ends_of_cash_outs_are_approved(asker, second, alices):
    *_others, reverse, settle, reject, _batch = watched_orders(alices, asker)
    received = Movement.objects.get(id=reverse.movement_id)
    asked = ask(asked_about(received, ApprovalKind.REVERSAL, 1_00, concept="Back"), asker)
    assert approve(asked, second).state == State.APPROVED
    sent = Movement.objects.get(id=settle.movement_id)
    asked = ask(asked_about(sent, ApprovalKind.SETTLE_CASH_OUT), asker)
    other = ask(asked_about(sent, ApprovalKind.REJECT_CASH_OUT, reason="Returned"), asker)
    assert approve(asked, second).made_id == sent.id
    assert balance_of(alices) == 98_00
    failed = approve(other, second)
    assert (failed.state, failed.code) == (State.FAILED, "movement_not_pending")
    assert reject.movement_id == sent.id


def test_second_end_of_a_cash_out_is_not_asked_for_while_one_waits(asker, alices):
    settle = watched_orders(alices, asker)[4]
    sent = Movement.objects.get(id=settle.movement_id)
    ask(asked_about(sent, ApprovalKind.SETTLE_CASH_OUT), asker)
    with pytest.raises(errors.InvalidFields):
        ask(asked_about(sent, ApprovalKind.SETTLE_CASH_OUT), asker)


def test_approval_is_run_once(asker, second, alices):
    asked = a_request(alices, 50_00, asker)
    seen = seen_now(asked)
    approve_request(asked.id, by=second, seen=seen)
    with pytest.raises(errors.InvalidFields):
        approve_request(asked.id, by=second, seen=seen)
    assert balance_of(alices) == 150_00
    assert Key.objects.filter(key__contains=str(asked.id)).count() == 1


def test_changed_facts_run_nothing(asker, second, alices):
    asked = a_request(alices, 50_00, asker)
    seen = seen_now(asked)
    about: dict[str, Any] = {"client_id": alices.client_id, "by": people.BY}
    posting.submit(BlockWallet(**about, wallet_id=alices.id, reason="OTHER"))
    with pytest.raises(FactsChanged):
        approve_request(asked.id, by=second, seen=seen)
    assert balance_of(alices) == 100_00
    asked.refresh_from_db()
    assert asked.is_waiting
    now = APPROVABLES[asked.kind].facts(asked)
    names = [name for name, *_ in differences(facts_when_asked(asked), now)]
    assert names == ["wallet_status"]
    assert approve(asked, second).state == State.FAILED


def test_changed_balance_does_not_delay_an_approval(asker, second, alices, bobs):
    """A customer who keeps moving money stalls no action about it."""
    about: dict[str, Any] = {"client_id": alices.client_id, "by": people.BY}
    paid = people.transfer(alices, bobs, 50_00)
    asked = ask(asked_about(Movement.objects.get(id=paid.id), ApprovalKind.REVERSAL, 40_00), asker)
    seen = seen_now(asked)
    order = Transfer(**about, wallet_id=bobs.id, target_id=alices.id, amount=people.decimal(1))
    posting.submit(order)
    assert approve_request(asked.id, by=second, seen=seen).state == State.APPROVED


def test_uncovered_action_is_refused_by_its_rules(asker, second, alices, bobs):
    asked = a_request(alices, 80_00, asker, "DOWN")
    seen = seen_now(asked)
    people.transfer(alices, bobs, 50_00)
    done = approve_request(asked.id, by=second, seen=seen)
    assert (done.state, done.code) == (State.FAILED, "insufficient_funds")
    assert balance_of(alices) == 50_00


def test_refused_order_fails_its_approval(asker, second, alices):
    asked = a_request(alices, 80_00, asker, "DOWN")
    approve(a_request(alices, 50_00, asker, "DOWN"), second)
    failed = approve(asked, second)
    assert (failed.state, failed.code, failed.made_id) == (
        State.FAILED,
        "insufficient_funds",
        None,
    )
    assert balance_of(alices) == 50_00


def test_impossible_action_is_not_asked_for(asker, alices):
    with pytest.raises(errors.InsufficientFunds):
        a_request(alices, 200_00, asker, "DOWN")
    assert not Approval.objects.exists()


def test_repeated_form_asks_once(asker, alices):
    key = new_id()
    for _ in range(2):
        asked = asked_movement(alices, kind="CASH_IN", amount=people.decimal(5_00), concept="In")
        ask_for_approval(asked, by=asker, reason="Letter", key=key)
    assert Approval.objects.count() == 1
    other = asked_movement(alices, kind="CASH_IN", amount=people.decimal(6_00), concept="In")
    with pytest.raises(errors.IdempotencyKeyReused):
        ask_for_approval(other, by=asker, reason="Letter", key=key)


def test_request_needs_a_reason_and_the_permission(asker, alices):
    asked = asked_movement(alices, kind="CASH_IN", amount=people.decimal(5_00), concept="In")
    with pytest.raises(errors.InvalidFields):
        ask(asked, asker, " ")
    with pytest.raises(errors.PermissionDenied):
        ask(asked, staff.a_member(staff.VIEWER))


# --- The second person ---------------------------------------------------------------------------


@pytest.mark.parametrize("is_superuser", [False, True])
def test_asker_decides_nothing(asker, alices, is_superuser):
    asker.is_superuser = is_superuser
    asker.save()
    asked = a_request(alices, 50_00, asker)
    with pytest.raises(errors.PermissionDenied):
        approve(asked, asker)
    with pytest.raises(errors.PermissionDenied):
        refuse_request(asked.id, by=asker, reason="No")
    assert balance_of(alices) == 100_00


@pytest.mark.parametrize("role", [staff.VIEWER, staff.OPERATOR, staff.ADMINISTRATOR])
def test_member_without_the_permissions_decides_nothing(asker, alices, role):
    asked = a_request(alices, 50_00, asker)
    with pytest.raises(errors.PermissionDenied):
        approve(asked, staff.a_member(role, name="carol"))


@pytest.mark.parametrize("column", ["is_active", "is_staff"])
@pytest.mark.parametrize("role", ["asker", "second"])
def test_both_people_are_active_staff_at_the_approval(asker, second, alices, column, role):
    asked = a_request(alices, 50_00, asker)
    person = {"asker": asker, "second": second}[role]
    setattr(person, column, False)
    person.save()
    with pytest.raises(errors.PermissionDenied):
        approve(asked, second)


def test_asker_without_the_permission_any_more_gets_nothing(asker, second, alices):
    asked = a_request(alices, 50_00, asker)
    asker.groups.clear()
    with pytest.raises(errors.PermissionDenied):
        approve(asked, second)


def boss(asker: Any) -> Any:
    asker.is_superuser = True
    asker.save()
    return asker


def test_member_made_by_the_asker_decides_nothing_for_seven_days(asker, alices):
    values = {"username": "new", "first_name": "", "last_name": "", "email": ""}
    new = members.add_member(values, [staff.SUPERVISOR, staff.OPERATOR], by=boss(asker))
    asked = a_request(alices, 50_00, asker)
    with pytest.raises(errors.PermissionDenied):
        approve(asked, new)
    entry = LogEntry.objects.filter(user=asker)
    entry.update(action_time=entry.get().action_time - timedelta(days=7))
    assert approve(asked, new).state == State.APPROVED


def test_promoted_and_reset_member_decides_nothing(asker, second, alices):
    asked = a_request(alices, 50_00, boss(asker))
    for change in (
        lambda: roles.give_roles(second, [staff.SUPERVISOR], by=asker),
        lambda: members.new_link(second, by=asker),
        lambda: members.set_active(second, is_active=True, by=asker),
    ):
        LogEntry.objects.all().delete()
        change()
        with pytest.raises(errors.PermissionDenied):
            approve(asked, second)


# --- Other ends ----------------------------------------------------------------------------------


def test_refused_and_withdrawn_requests_are_not_run(asker, second, alices):
    refused = a_request(alices, 50_00, asker)
    refuse_request(refused.id, by=second, reason="No letter")
    withdrawn = a_request(alices, 50_00, asker)
    with pytest.raises(errors.PermissionDenied):
        withdraw_request(withdrawn.id, by=second)
    withdraw_request(withdrawn.id, by=asker)
    for asked in (refused, withdrawn):
        with pytest.raises(errors.InvalidFields):
            approve(asked, second)
        with pytest.raises(errors.InvalidFields):
            withdraw_request(asked.id, by=asker)
    assert balance_of(alices) == 100_00


def test_expired_request_is_not_run(asker, second, alices):
    asked = a_request(alices, 50_00, asker)
    with made(timedelta(days=7)):
        with pytest.raises(errors.InvalidFields):
            approve(asked, second)
        assert expire_requests() == 1
        assert expire_requests() == 0
    asked.refresh_from_db()
    assert (asked.state, asked.decided_by) == (State.EXPIRED, None)


def test_crash_before_the_approval_is_written_undoes_the_movement(
    asker, second, alices, monkeypatch
):
    asked = a_request(alices, 50_00, asker)

    def crash(*_: Any) -> None:
        assert Movement.objects.filter(wallet=alices).count() == 2
        raise DatabaseError("gone")

    with monkeypatch.context() as patched:
        patched.setattr("users.approvals.deciding.write_decision", crash)
        with pytest.raises(DatabaseError):
            approve(asked, second)
    assert balance_of(alices) == 100_00
    assert approve(asked, second).state == State.APPROVED
