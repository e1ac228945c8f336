"""Facts of approvals on pages: amounts are grouped, and texts of others are shown as they are."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from iocash import errors
from tests.support import bank_files, people, staff
from tests.support.approval_pages import REASON, action_address
from tests.support.approvals import a_request, approve, ask
from tests.support.payments_out import words_of
from users.admin.approved_staff import about_member
from users.approvals import words
from users.models import Approval, User
from users.models.approvals import ApprovalKind
from wallets.admin.approvals.bank_files import ask_to_take_back
from wallets.admin.approvals.money import asked_about
from wallets.admin.approvals.set_apart import ask_to_set_apart
from wallets.models import Movement

pytestmark = pytest.mark.django_db


def reversal_with_reference(payer: Any, payee: Any, asker: Any, reference: str) -> Any:
    paid = people.transfer(payer, payee, 1_00, reference=reference)
    return ask(asked_about(Movement.objects.get(id=paid.id), ApprovalKind.REVERSAL, 1_00), asker)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["queue", "one", "confirm"])
@pytest.mark.parametrize("reference", ["2024 INV", "4711 EUR", "007 EUR"])
def test_pages_show_a_reference_as_it_is(page, reference, asker, second, alices, bobs):
    asked = reversal_with_reference(alices, bobs, asker, reference)
    browser = staff.browser_of(second)
    if page == "queue":
        answer = browser.get(reverse("admin:approvals"))
    elif page == "one":
        answer = browser.get(reverse("admin:users_approval_change", args=[asked.pk]))
    else:
        answer = browser.post(reverse("admin:approvals-confirm"), {"item": [str(asked.pk)]})
    assert answer.status_code == 200
    assert reference in words_of(answer)


def test_page_groups_the_amounts_of_facts(asker, second, alices):
    asked = a_request(alices, 4321_00, asker)
    page = staff.browser_of(second).get(reverse("admin:users_approval_change", args=[asked.pk]))
    assert "4,421.00 EUR" in words_of(page)


def ask_to_take_a_file_back(source: Any, asker: Any) -> Approval:
    account = bank_files.an_account(source.client)
    builder, approver = bank_files.two_members()
    file = bank_files.build(account, bank_files.some_cash_outs(source, 4321_00), builder)
    return ask(ask_to_take_back(bank_files.approve(file, approver), {}), asker)


def ask_to_set_a_movement_apart(source: Any, asker: Any) -> Approval:
    paid = Movement.objects.select_related("wallet__user").get(amount=4321_00)
    return ask(ask_to_set_apart(paid, {"pair": None, "why": "OWN_FUNDS"}), asker)


@pytest.mark.parametrize("page", ["queue", "one"])
@pytest.mark.parametrize("request_to", [ask_to_take_a_file_back, ask_to_set_a_movement_apart])
def test_pages_group_the_amounts_of_bank_requests(request_to, page, asker, second, alices):
    people.cash_in(alices, 4321_00)
    asked = request_to(alices, asker)
    about = {"queue": ("approvals", []), "one": ("users_approval_change", [asked.pk])}
    name, arguments = about[page]
    answer = staff.browser_of(second).get(reverse(f"admin:{name}", args=arguments))
    assert "4,321.00 EUR" in words_of(answer)
    assert "4321.00 EUR" not in words_of(answer)


def test_page_reads_the_facts_once_for_the_form_and_the_reader(asker, second, alices, monkeypatch):
    asked, calls, read = a_request(alices, 5_00, asker), [], words.shown_approval

    def noting(each: Any) -> Any:
        calls.append(each)
        return read(each)

    monkeypatch.setattr(words, "shown_approval", noting)
    page = staff.browser_of(second).get(action_address(asked, "approve"))
    assert page.context["form"]["seen"].initial == read(asked).digest
    assert len(calls) == 1


@pytest.mark.slow
def test_changed_name_of_the_other_party_is_named(asker, second, alices, bobs):
    asked = reversal_with_reference(alices, bobs, asker, "Rent")
    browser = staff.browser_of(second)
    address = action_address(asked, "approve")
    form = browser.get(address).context["form"]
    sent = {"key": form["key"].initial, "seen": form["seen"].initial}
    User.objects.filter(pk=bobs.user_id).update(last_name="Mallory")
    text = words_of(browser.post(address, sent, follow=True))
    assert "The facts have changed" in text
    assert "Mallory" in text.partition("The facts have changed")[2][:200]
    assert ": → " in text


def test_queue_leaves_out_requests_about_oneself(asker, second):
    asked = ask(about_member(ApprovalKind.RESET_PASSWORD)(second, {}), asker)
    with pytest.raises(errors.PermissionDenied):
        approve(asked, second)
    assert not words.waiting_for_member(second).exists()


@pytest.mark.slow
def test_form_that_is_sent_again_after_the_decision_says_so(asker, alices):
    browser, form = staff.browser_of(asker), {"key": str(uuid4()), "kind": "UP", "amount": "5"}
    address = action_address(alices, "add-movement")
    sent = form | {"concept": "Card"} | REASON
    assert "must approve this now" in words_of(browser.post(address, sent, follow=True))
    asked = Approval.objects.get()
    browser.post(action_address(asked, "withdraw"), {"key": str(uuid4())}, follow=True)
    text = words_of(browser.post(address, sent, follow=True))
    assert "This was decided already." in text
    assert "must approve this now" not in text
    anew = sent | {"key": str(uuid4())}
    assert "must approve this now" in words_of(browser.post(address, anew, follow=True))
    assert Approval.objects.waiting().count() == 1
