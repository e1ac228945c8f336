"""The audit of approvals: what staff did without one is found, and an approval run twice."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.support import audited, people, staff
from tests.support.approvals import a_request, approve, ask, raise_threshold
from tests.support.corruptions import WRONG_APPROVALS
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets import posting
from wallets.admin.approvals.money import asked_about
from wallets.models import Movement
from wallets.orders.payments import CashIn

pytestmark = [pytest.mark.django_db, pytest.mark.spoils_the_books]


@pytest.fixture
def stage(alices, bobs) -> dict[str, Any]:
    """An approved cash-in and reversal, and two cash-ins of one person below the threshold."""
    asker, second = (
        staff.a_member(staff.SUPERVISOR, staff.OPERATOR, name=name) for name in ("alice", "bob")
    )
    raise_threshold(ApprovalKind.CASH_IN, 5_00, asker, second)
    approved = approve(a_request(alices, 50_00, asker), second)
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 2_00).id)
    approve(ask(asked_about(paid, ApprovalKind.REVERSAL, 1_00), asker), second)
    about: dict[str, Any] = {
        "client_id": alices.client_id,
        "by": By(f"staff:{asker.pk}"),
        "wallet_id": alices.id,
    }
    for minor in (2_00, 3_00):
        alone = posting.submit(CashIn(**about, amount=people.decimal(minor))).id
    return {"made": approved.made_id, "approval": str(approved.id), "alone": alone}


def test_approved_and_small_acts_are_right(stage):
    assert audited.wrong() == []


@pytest.mark.parametrize(("names", "change"), WRONG_APPROVALS)
def test_audit_finds_acts_without_an_agreement_of_two(stage, names, change):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE users_approval DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE users_threshold DISABLE TRIGGER USER")
        cursor.execute(change, stage)
        assert cursor.rowcount >= 1
    assert audited.violated() == names
