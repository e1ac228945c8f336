"""What one form, one link and one bulk approval can do: each thing once."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser
from django.urls import reverse

from iocash import errors
from tests.support import people, staff
from tests.support.approval_pages import REASON, action_address, ask_on_page
from tests.support.approvals import (
    a_request,
    approve,
    ask,
    balance_of,
    let_one_person_act,
    raise_threshold,
    staff_action_approved,
)
from tests.support.payments_out import words_of
from users.admin.approved_staff import ask_for_member, may_make_link
from users.approvals.deciding import approve_request
from users.models import Approval
from users.models.approvals import ApprovalKind
from users.models.events import By
from users.models.idempotency import staff_key
from wallets import posting
from wallets.orders.payments import CashIn

pytestmark = pytest.mark.django_db
PAID: Final = {"kind": "CASH_IN", "amount": "5", "concept": "Card"}


@pytest.fixture
def alice_at_work(asker: Any) -> Browser:
    return staff.browser_of(asker)


@pytest.mark.slow
def test_form_that_was_asked_for_is_not_done(alice_at_work, second, alices):
    asked = ask_on_page(alice_at_work, alices, "add-movement", **PAID)
    raise_threshold(
        ApprovalKind.CASH_IN, 10_00, staff.a_member(staff.SUPERVISOR, name="carol"), second
    )
    form = {"key": str(asked.pk), "confirmed": "1", **PAID}
    page = alice_at_work.post(action_address(alices, "add-movement"), form)
    assert "An approval was asked for with this form." in words_of(page)
    assert balance_of(alices) == 100_00
    approve(asked, second)
    assert balance_of(alices) == 105_00


@pytest.mark.slow
def test_form_that_was_done_is_not_asked_for(alice_at_work, alices):
    let_one_person_act()
    form = {"key": str(uuid4()), "confirmed": "1", **PAID}
    alice_at_work.post(action_address(alices, "add-movement"), form)
    assert balance_of(alices) == 105_00
    page = alice_at_work.post(action_address(alices, "add-movement"), form | REASON)
    assert "This form was sent before, and was done." in words_of(page)
    assert not Approval.objects.waiting().exists()


@pytest.mark.slow
def test_action_done_while_it_was_asked_for_fails_its_approval(asker, second, alices):
    """Two processes that look at the same time: the key of the order is the fence."""
    let_one_person_act()
    asked = a_request(alices, 5_00, asker)
    alone = CashIn(
        client_id=alices.client_id,
        by=By(f"staff:{asker.pk}"),
        key=staff_key(asked.id),
        wallet_id=alices.id,
        amount=people.decimal(5_00),
        concept="Paid in",
    )
    posting.submit(alone)
    done = approve(asked, second)
    assert (done.state, done.code) == ("FAILED", "idempotency_key_reused")
    assert balance_of(alices) == 105_00


def test_link_is_made_by_the_asker_of_the_newest_approval(asker, second):
    values = {"username": "carol", "first_name": "", "last_name": "", "email": ""}
    approve(ask(ask_for_member(None, values | {"roles": ["viewer"]}), asker), second)
    carol = get_user_model().objects.get(username="carol")
    assert may_make_link(carol, asker)
    carol.set_password("her own")
    carol.save()
    third = staff.a_member(staff.ADMINISTRATOR, name="third")
    staff_action_approved(ApprovalKind.RESET_PASSWORD, carol, third)
    carol.refresh_from_db()
    assert may_make_link(carol, third)
    assert not may_make_link(carol, asker)


@pytest.mark.slow
def test_two_requests_about_one_wallet_are_approved_together(asker, second, alices):
    made = [a_request(alices, minor, asker) for minor in (5_00, 6_00)]
    browser = staff.browser_of(second)
    page = browser.post(
        reverse("admin:approvals-confirm"), {"item": [str(each.pk) for each in made]}
    )
    items = [f"{row.asked.pk}:{row.digest}" for row in page.context["rows"]]
    browser.post(reverse("admin:approvals-decide"), {"item": items})
    assert balance_of(alices) == 111_00


def test_unknown_approval_is_not_approved(second):
    with pytest.raises(errors.NotFound):
        approve_request(UUID(int=1), by=second, seen="")
