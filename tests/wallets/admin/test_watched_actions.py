"""What members of staff can't do alone, and up to which sums they can."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from iocash import errors
from tests.support import people, staff
from tests.support.approvals import a_request, approve, balance_of, raise_threshold, watched_orders
from tests.support.sandbox import made
from tests.support.source_code import modules
from users.approvals.thresholds import lower_threshold, threshold_of
from users.models import Approval
from users.models.approvals import CEILINGS, ApprovalKind
from users.models.events import By
from wallets import posting
from wallets.models import Movement
from wallets.orders.base import Order, Outcome
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CashOut, RejectCashOut
from wallets.orders.payments import Adjust, CashIn
from wallets.posting import group

pytestmark = pytest.mark.django_db
State = Approval.State
IBAN = "ES9121000418450200051332"


def by(member: Any) -> By:
    return By(f"staff:{member.pk}")


# --- Alone ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_superuser", [False, True])
def test_member_of_staff_moves_no_money_alone(asker, alices, is_superuser):
    asker.is_superuser = is_superuser
    asker.save()
    for order in watched_orders(alices, asker):
        with pytest.raises(errors.ApprovalRequired):
            posting.submit(order)
        with pytest.raises(errors.ApprovalRequired):
            posting.dry_run(order)
    assert balance_of(alices) == 100_00


def test_key_and_system_need_no_approval(asker, alices):
    for order in watched_orders(alices, asker)[:-1]:
        for actor in ("key:1", "system:bank"):
            assert posting.dry_run(replace(order, by=By(actor))).is_predicted


def test_unsent_cash_out_is_rejected_by_one_person(asker, alices):
    about: dict[str, Any] = {"client_id": alices.client_id, "by": people.BY, "wallet_id": alices.id}
    order = CashOut(**about, amount=people.decimal(1_00), iban=IBAN)
    movement_id = posting.submit(order).id
    about |= {"by": by(asker), "movement_id": movement_id}
    posting.submit(RejectCashOut(**about, reason="Wrong name"))
    assert Movement.objects.get(id=movement_id).status == "ERROR"


# --- Thresholds ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_sum_of_24_hours_counts_for_all_actions_of_one_person(asker, second, alices):
    for kind in (ApprovalKind.CASH_IN, ApprovalKind.ADJUSTMENT):
        raise_threshold(kind, 10_00, asker, second)
    about: dict[str, Any] = {"client_id": alices.client_id, "by": by(asker), "wallet_id": alices.id}
    four, two = people.decimal(4_00), people.decimal(2_00)
    posting.submit(CashIn(**about, amount=four))
    posting.submit(Adjust(**about, amount=four, is_debit=True))
    for order in (CashIn(**about, amount=four), Adjust(**about, amount=four, is_debit=False)):
        with pytest.raises(errors.ApprovalRequired):
            posting.submit(order)
    posting.submit(CashIn(**about, amount=two))
    posting.submit(CashIn(**about | {"by": by(second)}, amount=four))
    with made(timedelta(hours=25)):
        posting.submit(CashIn(**about, amount=four))


def test_approved_and_refused_actions_do_not_count(asker, second, alices):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, asker, second)
    approve(a_request(alices, 50_00, asker), second)
    about: dict[str, Any] = {"client_id": alices.client_id, "by": by(asker), "wallet_id": alices.id}
    with pytest.raises(errors.InvalidFields):
        posting.submit(CashIn(**about, amount=people.decimal(1) / 100))
    posting.submit(CashIn(**about, amount=people.decimal(10_00)))


def test_orders_of_one_group_are_summed(asker, second, alices):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, asker, second)
    about: dict[str, Any] = {"client_id": alices.client_id, "by": by(asker), "wallet_id": alices.id}
    orders = [CashIn(**about, amount=people.decimal(4_00)) for _ in range(4)]
    answers = [type(each) for each in group.post(orders)]
    assert answers == [Outcome, Outcome, errors.ApprovalRequired, errors.ApprovalRequired]
    batch = Batch(**about, items=tuple(orders[:1]))
    with pytest.raises(errors.ApprovalRequired):
        posting.submit(batch)


def test_threshold_is_of_its_currency_and_action(asker, second, alice, alices):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, asker, second)
    dollars = people.a_wallet(alice, "USD")
    about: dict[str, Any] = {
        "client_id": alices.client_id,
        "by": by(asker),
        "amount": people.decimal(1_00),
    }
    for order in (
        CashIn(**about, wallet_id=dollars.id),
        Adjust(**about, wallet_id=alices.id, is_debit=False),
    ):
        with pytest.raises(errors.ApprovalRequired):
            posting.submit(order)


def test_one_person_lowers_and_never_raises_a_threshold(asker, second):
    raise_threshold(ApprovalKind.CASH_IN, 10_00, asker, second)
    lower = partial(lower_threshold, ApprovalKind.CASH_IN, "EUR", by=asker, reason="Less")
    lower(5_00)
    assert threshold_of(ApprovalKind.CASH_IN, "EUR") == 5_00
    with pytest.raises(errors.ApprovalRequired):
        lower(5_01)
    with pytest.raises(errors.InvalidFields):
        lower(-1)
    with pytest.raises(errors.PermissionDenied):
        lower(1_00, by=staff.a_member(staff.OPERATOR))


def test_no_threshold_is_above_its_ceiling(asker, second, alices, monkeypatch):
    with pytest.raises(errors.InvalidFields):
        raise_threshold(ApprovalKind.CASH_IN, 10_000_01, asker, second)
    raise_threshold(ApprovalKind.CASH_IN, 10_000_00, asker, second)
    monkeypatch.setitem(CEILINGS, ApprovalKind.CASH_IN, 1)
    about: dict[str, Any] = {"client_id": alices.client_id, "by": by(asker), "wallet_id": alices.id}
    with pytest.raises(errors.ApprovalRequired):
        posting.submit(CashIn(**about, amount=people.decimal(1_01)))


# --- The code ------------------------------------------------------------------------------------

MARKING = {
    "users/approvals/asking.py",
    "users/approvals/deciding.py",
    "users/approvals/pages.py",
    "wallets/admin/approvals/pay_again.py",
    "wallets/erasure.py",
}
"""Where an action is marked as approved: it is rehearsed, run, or repeated by the duty."""


@pytest.mark.slow
def test_only_approvals_mark_actions_as_approved():
    found = {
        path
        for path, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "By"
        and (len(node.args) > 2 or any(each.arg == "approval" for each in node.keywords))
    }
    assert found == MARKING


def test_every_order_with_an_action_of_staff_is_watched():
    orders = [each for each in every_order() if each.__module__.startswith("wallets.")]
    watched = {each.__name__ for each in orders if each.is_watched}
    acting = {each.__name__ for each in orders if each.deeds is not Order.deeds}
    names = {"CashIn", "Adjust", "Reverse", "SettleCashOut", "RejectCashOut"}
    payments = {"Transfer", "CashOut", "PlaceHold", "ExecuteHold"}
    payments |= {"CreateSchedule", "ChangeSchedule"}
    names |= {"SettleByBank", "RejectByBank"}
    assert watched == acting == names | payments | {"ItemsOrder", "Batch", "TransferOperation"}


def every_order(kind: type[Order] = Order) -> list[type[Order]]:
    below = [each for child in kind.__subclasses__() for each in every_order(child)]
    return [kind, *below]
