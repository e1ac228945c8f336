"""Several people decide about one approval at the same moment, or one person acts twice."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from iocash import errors
from tests.support import people, staff, threads
from tests.support.approvals import a_request, raise_threshold, seen_now
from tests.support.sandbox import made
from tests.support.threads import kinds
from users.approvals.deciding import (
    approve_request,
    expire_requests,
    refuse_request,
    withdraw_request,
)
from users.models import Approval
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets import posting
from wallets.models import Movement, Wallet
from wallets.orders.payments import Adjust, CashIn

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def others(db: None) -> list[Any]:
    return [staff.a_member(staff.SUPERVISOR, staff.OPERATOR, name=f"bob {n}") for n in range(4)]


def cash_ins(wallet: Wallet) -> int:
    return Movement.objects.filter(wallet=wallet, type="CASH_IN").count()


@pytest.mark.slow
def test_of_four_approvers_one_approves(asker, others, alices):
    asked = a_request(alices, 5_00, asker)
    seen = seen_now(asked)
    answers = threads.at_once(
        *(partial(approve_request, asked.id, by=each, seen=seen) for each in others)
    )
    assert kinds(answers) == {"Approval": 1, "InvalidFields": 3}
    assert cash_ins(alices) == 2


@pytest.mark.slow
def test_approval_withdrawal_and_refusal_exclude_one_another(asker, others, alices):
    for _ in range(5):
        asked = a_request(alices, 5_00, asker)
        before = cash_ins(alices)
        answers = threads.at_once(
            partial(approve_request, asked.id, by=others[0], seen=seen_now(asked)),
            partial(withdraw_request, asked.id, by=asker),
            partial(refuse_request, asked.id, by=others[1], reason="No"),
        )
        assert kinds(answers) == {"Approval": 1, "InvalidFields": 2}
        asked.refresh_from_db()
        is_approved = asked.state == Approval.State.APPROVED
        assert cash_ins(alices) - before == is_approved


@pytest.mark.slow
def test_expired_approval_is_run_by_none(asker, others, alices):
    asked = a_request(alices, 5_00, asker)
    with made(timedelta(days=7)):
        answers = threads.at_once(
            partial(approve_request, asked.id, by=others[0], seen=seen_now(asked)),
            expire_requests,
            expire_requests,
        )
    assert isinstance(answers[0], errors.InvalidFields)
    assert sorted(answers[1:]) in ([0, 1], [0, 0])
    assert cash_ins(alices) == 1


@pytest.mark.slow
def test_simultaneous_actions_of_one_person_are_summed(asker, others, alices, bobs):
    for kind in (ApprovalKind.CASH_IN, ApprovalKind.ADJUSTMENT):
        raise_threshold(kind, 10_00, asker, others[0])
    about: dict[str, Any] = {"client_id": alices.client_id, "by": By(f"staff:{asker.pk}")}
    about["amount"] = people.decimal(4_00)
    orders = [
        CashIn(**about, wallet_id=alices.id),
        CashIn(**about, wallet_id=bobs.id),
        Adjust(**about, wallet_id=alices.id, is_debit=False),
        Adjust(**about, wallet_id=bobs.id, is_debit=False),
    ]
    answers = threads.at_once(*(partial(posting.submit, order) for order in orders))
    assert kinds(answers) == {"Outcome": 2, "ApprovalRequired": 2}


@pytest.mark.slow
def test_action_in_another_wallet_waits_for_the_first_action_of_the_person(
    asker, others, alices, bobs
):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, asker, others[0])
    about: dict[str, Any] = {"client_id": alices.client_id, "by": By(f"staff:{asker.pk}")}
    about["amount"] = people.decimal(6_00)
    first, second = (CashIn(**about, wallet_id=each.id) for each in (alices, bobs))
    assert isinstance(threads.waiting(second, first), errors.ApprovalRequired)
