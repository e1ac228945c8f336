"""Payments with the money of a customer, which no member of staff orders alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model

from iocash import errors
from iocash.db.pipeline import Pipeline
from tests.support import people, staff
from tests.support.approval_pages import ask_on_page, decide_on_page
from tests.support.approvals import ask, balance_of, let_one_person_act, raise_threshold
from tests.support.ibans import IBAN, OTHER_IBAN
from tests.support.payments_out import words_of
from users.approvals.asking import ask_for_approval
from users.models.approvals import NEVER_ALONE
from users.models.events import By
from wallets import posting
from wallets.admin.approvals.pay_outs import ask_to_pay_out
from wallets.models import Closing, Movement
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CashOut
from wallets.orders.holds import ExecuteHold, PlaceHold
from wallets.orders.operations import TransferOperation
from wallets.orders.payments import Transfer
from wallets.orders.schedules import ChangeSchedule, CreateSchedule
from wallets.posting import read

pytestmark = pytest.mark.django_db


def payments(alices: Any, bobs: Any, member: Any) -> list[Any]:
    """The orders that pay with the money of Alice."""
    about: dict[str, Any] = {"client_id": alices.client_id, "wallet_id": alices.id}
    own = about | {"by": people.BY}
    about["by"] = By(f"staff:{member.pk}")
    to_bob = {"target_id": bobs.id, "amount": people.decimal(1_00)}
    hold = posting.submit(PlaceHold(**own, **to_bob))
    plan = {**to_bob, "receiver": "WALLET", "trigger": "BALANCE_BELOW"}
    plan |= {"watched_id": bobs.id, "threshold": people.decimal(500_00)}
    schedule = posting.submit(CreateSchedule(**own, **plan))
    transfer = Transfer(**about, **to_bob)
    envelope = {name: about[name] for name in ("client_id", "by")}
    return [
        transfer,
        CashOut(**about, amount=people.decimal(1_00), iban=IBAN),
        PlaceHold(**about, **to_bob),
        ExecuteHold(**about, hold_id=hold.id, target_id=bobs.id),
        Batch(**about, items=(transfer,)),
        TransferOperation(**envelope, items=(transfer,)),
        CreateSchedule(**about, **plan),
        ChangeSchedule(**about, schedule_id=schedule.id, amount=people.decimal(2_00)),
    ]


@pytest.mark.slow
def test_member_of_staff_pays_with_no_customers_money(asker, alices, bobs):
    let_one_person_act()
    for order in payments(alices, bobs, asker):
        for run in (posting.submit, posting.dry_run):
            with pytest.raises(errors.ApprovalRequired, match="Members of staff can't pay"):
                run(order)
        if not hasattr(order, "items"):
            client = replace(order, by=By("key:1"))
            assert posting.dry_run(client).is_predicted
    assert (balance_of(alices), balance_of(bobs)) == (100_00, 0)


@pytest.mark.parametrize("change", [{"new_status": "PAUSED"}, {"alias": "Rent"}])
def test_member_of_staff_pauses_a_schedule_alone(asker, alices, bobs, change):
    *_others, order = payments(alices, bobs, asker)
    assert posting.submit(replace(order, amount=None, **change)).status == 200


@pytest.mark.parametrize("is_superuser", [False, True])
@pytest.mark.parametrize("kind", ["TRANSFER", "CASH_OUT"])
def test_staff_pay_nothing_over_the_api(kind, is_superuser, alices, bobs):
    member = staff.a_member(staff.SUPERVISOR, name="mallory")
    get_user_model().objects.filter(pk=member.pk).update(is_superuser=is_superuser)
    body = {"type": kind, "amount": "90.00"}
    body |= {"iban": IBAN} if kind == "CASH_OUT" else {"targetWalletId": str(bobs.id)}
    answer = staff.browser_of(member).post(
        f"/api/v1/wallets/{alices.pk}/movements",
        body,
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid4())},
    )
    assert answer.status_code == 403, answer.content
    assert answer.json()["code"] == "permission_denied"
    assert balance_of(alices) == 100_00


def test_no_threshold_lets_staff_pay_alone(asker, second):
    for kind in NEVER_ALONE:
        with pytest.raises(errors.InvalidFields):
            raise_threshold(kind, 1_00, asker, second)


def test_payments_of_a_client_send_no_more_statements(asker, alices, bobs, monkeypatch):
    sent: list[str] = []
    ask_database = Pipeline.ask

    def noting(self: Pipeline, statement: str, *values: Any, **more: Any) -> Any:
        sent.append(statement)
        return ask_database(self, statement, *values, **more)

    monkeypatch.setattr(Pipeline, "ask", noting)
    about_staff = {read.LOCK_STAFF, read.READ_DEEDS, read.READ_THRESHOLDS}
    about: dict[str, Any] = {"client_id": alices.client_id, "wallet_id": alices.id}
    transfer = Transfer(
        **about, by=By("key:1"), target_id=bobs.id, amount=people.decimal(1_00), key=str(uuid4())
    )
    posting.submit(transfer)
    posting.submit(CashOut(**about, by=By("key:1"), amount=people.decimal(1_00), iban=IBAN))
    of_client = len(sent)
    assert not about_staff & {*sent}
    with pytest.raises(errors.ApprovalRequired):
        posting.submit(replace(transfer, by=By(f"staff:{asker.pk}"), key=str(uuid4())))
    assert about_staff <= {*sent[of_client:]}


# --- Pay out and close ---------------------------------------------------------------------------


@pytest.mark.slow
def test_pay_out_is_asked_for_with_its_account_and_ordered_once_approved(asker, second, alices):
    holder = {"iban": IBAN, "holder_name": "Alice Example"}
    asked = ask_on_page(staff.browser_of(asker), alices.user, "pay-out", **holder)
    assert not Movement.objects.filter(type="CASH_OUT").exists()
    browser = staff.browser_of(second)
    page = words_of(browser.get(f"/admin/users/approval/{asked.pk}/change/"))
    for text in (IBAN, "Alice Example", str(alices.user_id), str(alices.id), "100.00"):
        assert text in page
    assert "Approved and done" in words_of(decide_on_page(browser, asked))
    (made,) = Movement.objects.filter(type="CASH_OUT")
    assert (made.amount, made.iban, made.wallet) == (-100_00, IBAN, alices)
    assert Closing.objects.get().id == asked.id


def test_used_form_with_another_account_asks_for_nothing(asker, alices):
    form = {"iban": IBAN, "holder_name": ""}
    asked = ask(ask_to_pay_out(alices.user, form), asker)
    other = ask_to_pay_out(alices.user, form | {"iban": OTHER_IBAN})
    with pytest.raises(errors.IdempotencyKeyReused):
        ask_for_approval(other, by=asker, reason="Letter", key=asked.id)
