"""Bank files in the back office: from the queue to the bank, and its answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from iocash.db import clock
from tests.support import bank_files, payments_out
from tests.support.bank_files import an_answer, some_cash_outs, states
from tests.support.staff import OPERATOR, SUPERVISOR, VIEWER, a_member, browser_of, somebody
from wallets.models import BankFile, BankUpload, Movement

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(client_demo):
    return bank_files.an_account(client_demo)


@pytest.fixture
def cash_outs(alices):
    return some_cash_outs(alices, 10_00, 20_00, 30_00)


@pytest.fixture
def operator(db):
    return browser_of(a_member(OPERATOR))


@pytest.fixture
def supervisor(db):
    return browser_of(a_member(SUPERVISOR))


def choose_for_file(browser: Browser, items: Iterable[Movement] = (), **values: Any) -> Any:
    body = {"item": [str(each.id) for each in items], **values}
    return browser.post(reverse("admin:bank-file-build"), body)


def make(browser: Browser, items: Iterable[Movement] = (), **values: Any) -> Any:
    """Select payments, and confirm the page with the account that it offers."""
    page = choose_for_file(browser, items, **values)
    form = page.context["form"]
    body = payments_out.form_on(page) | {
        "account": form.fields["account"].queryset.get().pk,
        "execution_date": form.initial["execution_date"].isoformat(),
    }
    return browser.post(reverse("admin:bank-file-build"), body, follow=True)


def do_action(browser: Browser, file: BankFile, name: str, **values: Any) -> Any:
    """Do an action on the page of a file: its form, and its confirmation if it has one."""
    address = reverse("admin:wallets_bankfile_action", args=[file.pk, name])
    body = payments_out.form_on(browser.get(address)) | values
    answer = browser.post(address, body, follow=True)
    if "Check before you confirm" in answer.text:
        body = payments_out.form_on(answer) | {"confirmed": "1"}
        answer = browser.post(address, body, follow=True)
    return answer


def upload(browser: Browser, *contents: bytes) -> Any:
    named = [SimpleUploadedFile(f"{n}.xml", each) for n, each in enumerate(contents)]
    return browser.post(reverse("admin:bank-report-import"), {"answers": named}, follow=True)


@pytest.mark.slow
def test_three_pages_lead_from_the_queue_to_a_file(account, cash_outs, operator):
    assert "Make a bank file" in payments_out.queue(operator).text
    answer = make(operator, scope="all")
    file = BankFile.objects.get()
    assert answer.request["PATH_INFO"] == reverse("admin:wallets_bankfile_change", args=[file.pk])
    assert (file.count, file.control_sum) == (3, 60_00)
    assert states(cash_outs) == ["IN A FILE"] * 3


@pytest.mark.slow
def test_form_that_is_sent_twice_makes_one_file(account, cash_outs, operator):
    page = choose_for_file(operator, cash_outs)
    body = payments_out.form_on(page) | {"account": account.pk, "execution_date": "2999-01-01"}
    for _ in range(2):
        assert operator.post(reverse("admin:bank-file-build"), body).status_code == 302
    assert BankFile.objects.count() == 1


@pytest.mark.slow
def test_selection_without_an_account_says_so(cash_outs, operator):
    assert "No open bank account holds the money" in choose_for_file(operator, cash_outs).text


@pytest.mark.slow
def test_payments_in_another_file_are_left_out_with_a_reason(account, cash_outs, operator):
    make(operator, cash_outs[:1])
    answer = make(operator, cash_outs)
    assert "Left out: 1. It is in another file." in answer.text


@pytest.mark.slow
def test_payment_in_a_file_is_in_a_tab_of_its_own(account, cash_outs, operator):
    make(operator, cash_outs[:2])
    assert payments_out.ids_on(payments_out.queue(operator)) == [str(cash_outs[2].id)]
    in_file = payments_out.ids_on(payments_out.queue(operator, state="in-a-file"))
    assert in_file == [str(each.id) for each in cash_outs[:2]]


@pytest.mark.slow
def test_supervisor_approves_and_operator_downloads(account, cash_outs, operator, supervisor):
    make(operator, cash_outs)
    file = BankFile.objects.get()
    assert "Download for the bank" not in operator.get(address_of(file)).text
    assert "Approved. Its payments are sent" in do_action(supervisor, file, "approve").text
    assert states(cash_outs) == ["SENT"] * 3
    assert "Download for the bank" in operator.get(address_of(file)).text
    answer = operator.post(reverse("admin:bank-file-download", args=[file.pk]))
    assert answer.content == bank_files.content_of(file)
    assert file.message_id in answer.headers["Content-Disposition"]
    file.refresh_from_db()
    assert file.state == "SENT"


def address_of(file: BankFile) -> str:
    return reverse("admin:wallets_bankfile_change", args=[file.pk])


@pytest.mark.slow
def test_builder_is_told_that_somebody_else_approves(account, cash_outs, supervisor):
    make(supervisor, cash_outs)
    answer = do_action(supervisor, BankFile.objects.get(), "approve")
    assert "Somebody else must approve it." in answer.text
    assert states(cash_outs) == ["IN A FILE"] * 3


def offered_on(page: Any) -> set[str]:
    return {action.name for action in page.context["page_actions"]}


@pytest.mark.slow
def test_page_offers_the_approval_to_others_only(account, cash_outs, supervisor):
    make(supervisor, cash_outs)
    address = address_of(BankFile.objects.get())
    assert "approve" not in offered_on(supervisor.get(address))
    other = browser_of(a_member(SUPERVISOR, name="other"))
    assert "approve" in offered_on(other.get(address))


@pytest.mark.slow
def test_title_of_a_file_names_its_contents(account, cash_outs, operator):
    make(operator, cash_outs)
    page = operator.get(address_of(BankFile.objects.get()))
    assert page.context["title"] == f"3 payments out, 60.00 EUR, {clock.today()}"


@pytest.mark.slow
def test_approval_of_another_hash_is_refused(account, cash_outs, operator, supervisor):
    make(operator, cash_outs)
    answer = do_action(supervisor, BankFile.objects.get(), "approve", sha256="0" * 64)
    assert "another one than the page showed" in answer.text
    assert states(cash_outs) == ["IN A FILE"] * 3


@pytest.mark.slow
def test_discarded_file_returns_its_payments(account, cash_outs, operator):
    make(operator, cash_outs)
    answer = do_action(operator, BankFile.objects.get(), "discard", reason="Wrong day")
    assert "Its payments are in the queue again." in answer.text
    assert states(cash_outs) == ["QUEUED"] * 3


@pytest.mark.slow
def test_file_is_not_downloaded_before_its_approval(account, cash_outs, operator):
    make(operator, cash_outs)
    file = BankFile.objects.get()
    answer = operator.post(reverse("admin:bank-file-download", args=[file.pk]), follow=True)
    assert "This file was not approved." in answer.text


@pytest.mark.parametrize("role", [VIEWER, OPERATOR])
def test_role_without_the_permission_neither_approves_nor_imports(account, cash_outs, role):
    file = bank_files.build(account, cash_outs, bank_files.by_member("builder"))
    browser = somebody(role)
    approve = reverse("admin:wallets_bankfile_action", args=[file.pk, "approve"])
    assert browser.get(approve).status_code == 403
    assert browser.get(reverse("admin:bank-report-import")).status_code == 403


def release(browser: Browser, row: BankUpload) -> Any:
    """Release an uploaded answer: its form, and the page that says what it does."""
    address = reverse("admin:wallets_bankupload_action", args=[row.pk, "release"])
    form = payments_out.form_on(browser.get(address))
    answer = browser.post(address, form, follow=True)
    assert "Rejects payments out" in answer.text
    body = payments_out.form_on(answer) | {"confirmed": "1"}
    return browser.post(address, body, follow=True)


@pytest.mark.slow
def test_uploaded_answers_wait_for_a_second_person(account, cash_outs, supervisor):
    builder, approver = bank_files.two_members()
    file = bank_files.send(bank_files.build(account, cash_outs, builder), approver)
    good = an_answer(file, payments={cash_outs[0]: "RJCT AC04", cash_outs[1]: "ACSC"})
    answer = upload(supervisor, good, b"<x/>", good)
    assert "“0.xml”: Uploaded. Another person must release it" in answer.text
    assert "“1.xml”: This is no message pain.002" in answer.text
    assert "“2.xml”: This file was uploaded before, and waits" in answer.text
    assert states(cash_outs) == ["SENT"] * 3
    answer = release(browser_of(a_member(SUPERVISOR, name="releaser")), BankUpload.objects.get())
    assert "Settled: 1. Rejected: 1. Noted: 0. Contradictions: 0." in answer.text
    assert states(cash_outs) == ["ERROR", "SUCCESS", "SENT"]
    assert "RJCT AC04" in supervisor.get(address_of(file)).text


def test_actions_by_hand_are_not_offered_for_payments_in_files(account, cash_outs, supervisor):
    builder, approver = bank_files.two_members()
    bank_files.send(bank_files.build(account, cash_outs, builder), approver)
    page = supervisor.get(reverse("admin:wallets_movement_change", args=[cash_outs[0].pk]))
    assert "action/settle" not in page.text
    answer = payments_out.choose(supervisor, "settle", cash_outs)
    assert "None of the selected payments can be changed in this way." in answer.text
