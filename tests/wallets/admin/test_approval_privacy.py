"""Whom requests name, who reads it, and when it is erased."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from tests.support import people, staff
from tests.support.approvals import a_request, ask
from tests.support.payments_out import words_of
from users.models.approvals import ApprovalKind
from users.models.events import By
from wallets import erasure, posting
from wallets.admin.approvals.customers import ask_to_unblock_wallet
from wallets.admin.approvals.money import asked_about
from wallets.models import Movement, Wallet
from wallets.orders.payments import Adjust
from wallets.orders.users import UnsubscribeUser
from wallets.orders.wallets import BlockWallet

pytestmark = pytest.mark.django_db


def reversal_of(leg: Movement, asker: Any) -> Any:
    return ask(asked_about(leg, ApprovalKind.REVERSAL, 1_00, concept="Twice"), asker)


@pytest.mark.slow
@pytest.mark.parametrize("is_payer", [True, False])
def test_request_stores_no_name_of_the_other_party(is_payer, asker, second, alices, bobs):
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 1_00).id)
    received = Movement.objects.get(wallet=bobs, operation_id=paid.operation_id)
    asked = reversal_of(paid if is_payer else received, asker)
    other = (bobs if is_payer else alices).user.display_name
    assert other not in str(asked.facts)
    page = staff.browser_of(second).get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert other in words_of(page)


def closed(wallet: Wallet) -> Any:
    """The owner of the wallet, closed, after its money was taken out."""
    about: dict[str, Any] = {"client_id": wallet.client_id, "by": people.BY}
    wallet.refresh_from_db()
    if wallet.balance:
        left = people.decimal(wallet.balance)
        posting.submit(Adjust(**about, wallet_id=wallet.id, is_debit=True, amount=left))
    posting.submit(UnsubscribeUser(**about, user_id=wallet.user_id))
    return wallet.user


@pytest.mark.slow
@pytest.mark.parametrize("is_payer", [True, False])
def test_erasure_of_one_party_leaves_no_text_in_a_request_about_the_other(
    is_payer, asker, alices, bobs
):
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 1_00, concept="Rent").id)
    received = Movement.objects.get(wallet=bobs, operation_id=paid.operation_id)
    about = asked_about(received if is_payer else paid, ApprovalKind.REVERSAL, 1_00, concept="Rent")
    asked = ask(about, asker, reason="Alice or Bob has called")
    user = closed(alices if is_payer else bobs)
    erasure.erase(user_id=user.id, by=By("system:tests"), reason="USER_REQUEST")
    asked.refresh_from_db()
    assert (asked.texts, asked.facts, asked.reason) == (None, None, "")
    assert asked.is_waiting


def test_erasure_of_another_user_leaves_the_texts_of_a_request(asker, alices, bobs):
    asked = reversal_of(Movement.objects.filter(wallet=alices).earliest("id"), asker)
    erasure.erase(user_id=closed(bobs).id, by=By("system:tests"), reason="USER_REQUEST")
    asked.refresh_from_db()
    assert asked.texts == {"concept": "Twice"}


def test_administrator_reads_no_customers_in_requests(asker, alices):
    administrator = staff.a_member(staff.ADMINISTRATOR, name="root")
    asked = a_request(alices, 5_00, asker)
    browser = staff.browser_of(administrator)
    name = alices.user.display_name
    page = browser.get(reverse("admin:users_approval_change", args=[asked.pk]), follow=True)
    assert name not in words_of(page)
    listed = browser.get(reverse("admin:users_approval_changelist"))
    assert asked not in listed.context["cl"].result_list
    answer = browser.get(reverse("admin:users_approval_action", args=[asked.pk, "refuse"]))
    assert answer.status_code == 404


@pytest.mark.parametrize("role", [staff.VIEWER, staff.OPERATOR, staff.SUPERVISOR])
def test_roles_that_see_wallets_see_requests_about_them(role, asker, alices):
    asked = a_request(alices, 5_00, asker)
    browser = staff.browser_of(staff.a_member(role, name="carol"))
    page = browser.get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert alices.user.display_name in words_of(page)


def test_facts_identify_client_wallet_and_movement(asker, second, alices, bobs):
    paid = Movement.objects.get(id=people.transfer(alices, bobs, 1_00).id)
    for asked, texts in (
        (a_request(alices, 5_00, asker), ["Demo", str(alices.id)]),
        (reversal_of(paid, asker), ["Demo", str(bobs.id), str(alices.id), f"TRANSFER {paid.id}"]),
    ):
        page = staff.browser_of(second).post(
            reverse("admin:approvals-confirm"), {"item": [str(asked.pk)]}
        )
        for text in texts:
            assert text in words_of(page)


def test_reason_of_an_unblocking_is_a_fact(asker, alices):
    about: dict[str, Any] = {"client_id": alices.client_id, "by": people.BY}
    posting.submit(BlockWallet(**about, wallet_id=alices.id, reason="SUSPECTED_FRAUD"))
    asked = ask(ask_to_unblock_wallet(alices, {"reason": "OTHER"}), asker)
    assert ["reason_of_action", "OTHER"] in (asked.facts or [])


@pytest.mark.slow
def test_administrator_reads_no_amount_by_deciding_many(asker, alices):
    asked = a_request(alices, 4321_00, asker)
    browser = staff.browser_of(staff.a_member(staff.ADMINISTRATOR, name="root"))
    page = browser.post(reverse("admin:approvals-decide"), {"item": [f"{asked.pk}:x"]}, follow=True)
    assert page.status_code == 200
    assert "4,321.00" not in words_of(page)
    asked.refresh_from_db()
    assert asked.is_waiting


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "is_shown"), [(staff.ADMINISTRATOR, False), (staff.SUPERVISOR, True)]
)
def test_activity_of_staff_shows_amounts_to_roles_that_see_wallets(role, is_shown, asker, alices):
    a_request(alices, 4321_00, asker)
    reader = staff.a_member(role, name="root")
    reader.user_permissions.add(
        Permission.objects.get(codename="view_user", content_type__app_label="auth")
    )
    page = staff.browser_of(reader).get(reverse("admin:staff-activity", args=[asker.pk]))
    assert page.status_code == 200
    assert "Asked for an approval." in words_of(page)
    assert ("4,321.00" in words_of(page)) is is_shown
