"""The audit of approvals: what staff did without one is found, and an approval run twice."""

from __future__ import annotations

from datetime import timedelta
from threading import Event as Signal
from typing import Any

import pytest
from django.db import connection

from iocash.db.transactions import single_transaction
from tests.support import audited, people, staff
from tests.support.approvals import a_request, approve, ask, raise_threshold
from tests.support.corruptions import WRONG_APPROVALS
from tests.support.ibans import IBAN
from tests.support.threads import Caller
from users.approvals.thresholds import lower_threshold
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets import posting
from wallets.admin.approvals.money import asked_about
from wallets.models import Movement
from wallets.orders.cash_outs import CashOut
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


def test_approved_and_small_actions_are_right(stage):
    assert audited.wrong() == []


@pytest.mark.parametrize(("names", "change"), WRONG_APPROVALS)
def test_audit_finds_actions_without_an_agreement_of_two(stage, names, change):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE users_approval DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE users_threshold DISABLE TRIGGER USER")
        cursor.execute(change, stage)
        assert cursor.rowcount >= 1
    assert audited.violated() == names


# --- Around an upgrade, and a change of a threshold ----------------------------------------------


@pytest.fixture
def pair() -> tuple[Any, Any]:
    """Two members of staff who can ask and approve."""
    asker, second = (
        staff.a_member(staff.SUPERVISOR, staff.OPERATOR, name=name) for name in ("alice", "bob")
    )
    return asker, second


def cash_in_alone(wallet: Any, member: Any, minor: int) -> None:
    about: dict[str, Any] = {"client_id": wallet.client_id, "wallet_id": wallet.id}
    posting.submit(CashIn(**about, by=By(f"staff:{member.pk}"), amount=people.decimal(minor)))


def make_older(movement_id: Any, member: Any, ago: timedelta) -> None:
    """Let a member of staff have ordered a movement some time ago, without an approval."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE users_event DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE users_event SET actor = %s, created_at = created_at - %s::interval"
            " WHERE subject_id = %s",
            [f"staff:{member.pk}", str(ago), movement_id],
        )
        assert cursor.rowcount >= 1


def upgrade(ago: timedelta) -> None:
    """Let approvals have been added some time ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE django_migrations SET applied = now() - %s::interval"
            " WHERE app = 'users' AND name LIKE '%%add_approvals'",
            [str(ago)],
        )


@pytest.mark.parametrize("kind", ["cash-out", "transfer"])
def test_payments_of_staff_before_approvals_count_towards_nothing(kind, pair, alices, bobs):
    if kind == "cash-out":
        order = CashOut(**people.about(alices), amount=people.decimal(10_00), iban=IBAN)
        old = posting.submit(order).id
    else:
        old = people.transfer(alices, bobs, 10_00).id
    raise_threshold(ApprovalKind.CASH_IN, 5_00, *pair)
    make_older(old, pair[0], timedelta(hours=1))
    upgrade(timedelta(days=1, minutes=30))
    cash_in_alone(alices, pair[0], 2_00)
    assert "deeds" not in audited.violated()
    upgrade(timedelta(days=2))
    assert "deeds" in audited.violated()


def test_audit_accepts_actions_of_a_former_version(pair, alices):
    made = people.cash_in(alices, 10_00)
    make_older(made.id, pair[0], timedelta(seconds=30))
    upgrade(timedelta(minutes=1))
    assert "deeds" not in audited.violated()
    upgrade(timedelta(days=1, minutes=1))
    assert "deeds" in audited.violated()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_action_before_the_end_of_a_change_of_the_threshold_is_right(pair, alices):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, *pair)
    written, may_end = Signal(), Signal()

    def lower() -> None:
        with single_transaction():
            lower_threshold(ApprovalKind.CASH_IN, "EUR", 1_00, by=pair[1], reason="Less")
            written.set()
            assert may_end.wait(20)

    caller = Caller(lower)
    assert written.wait(20)
    cash_in_alone(alices, pair[0], 5_00)
    may_end.set()
    assert caller.answer is None
    assert "deeds" not in audited.violated()
