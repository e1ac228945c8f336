"""Statements, lines in suspense and safeguarding in the back office."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests.support import bank, bank_files, people
from tests.support.backoffice import Office, list_of, opens, page_of
from tests.support.camt import Line, Statement, incoming, of_day, outgoing
from tests.support.cash_outs import end
from tests.support.ibans import OTHER_IBAN
from tests.support.staff import OPERATOR, SUPERVISOR, a_member
from tests.support.statement_files import text_of
from users.models import Client
from wallets import posting
from wallets.bank import safeguarding_reports
from wallets.models import (
    BankDecision,
    BankLine,
    BankStatement,
    BankUpload,
    SafeguardingReport,
    Wallet,
)
from wallets.orders.cash_outs import MarkCashOutSent
from wallets.orders.external_accounts import AddExternalAccount

pytestmark = pytest.mark.django_db
IMPORT = "/admin/bank/import/"


@pytest.fixture
def operator() -> Office:
    return Office(a_member(OPERATOR, name="operator"))


@pytest.fixture
def approver() -> Office:
    return Office(a_member(SUPERVISOR, name="approver"))


@pytest.fixture
def line(client_demo: Client) -> BankLine:
    bank.an_account(client_demo)
    bank.receive(incoming("10.00", "R1", name="Bob"), opening="0.00", closing="10.00")
    return BankLine.objects.get()


def sent(office: Office, address: str, **values: Any) -> str:
    """Send a form, and return the page that it leads to."""
    return office.browser.post(address, values, follow=True).content.decode()


def page_of_action(row: Any, name: str) -> str:
    return reverse(f"admin:wallets_{row._meta.model_name}_action", args=[row.pk, name])


def key_of_form(office: Office, address: str) -> str:
    page = office.get(address)
    return page.partition('name="key" value="')[2].partition('"')[0]


def uploaded(office: Office, content: bytes) -> str:
    file = SimpleUploadedFile("statement.xml", content)
    return office.browser.post(IMPORT, {"file": file}, follow=True).content.decode()


def release_on_page(office: Office, upload: BankUpload) -> str:
    """Release a file: the form, then the page that says what it does."""
    address = page_of_action(upload, "release")
    values = {"key": key_of_form(office, address), "sha256": upload.hash}
    shown = sent(office, address, **values)
    if "Check before you confirm" not in shown:
        return shown
    return shown + sent(office, address, **values, confirmed="1")


@pytest.mark.slow
def test_second_person_releases_an_uploaded_file(operator, approver, client_demo, bobs):
    bank.an_account(client_demo)
    iban = bank.an_iban(bobs)
    content = Statement(lines=(incoming("1.00", "R1", target=iban), Line(amount="2.00"))).xml()
    assert "Another person must release it" in uploaded(operator, content)
    upload = BankUpload.objects.get()
    assert bank.balance(bobs) == 0
    assert operator.status("get", page_of_action(upload, "release")) == 403
    shown = release_on_page(approver, upload)
    for text in (upload.hash, "operator", "2 credits: 3.00 EUR", "Becomes cash-ins", "For Bob"):
        assert text in shown
    assert "2 new entries, 0 known ones. 1 lines are booked, 1 are in suspense." in shown
    assert bank.balance(bobs) == 1_00
    assert "Released by approver" in approver.get(page_of(upload))


@pytest.mark.slow
def test_lines_that_need_a_look_come_first(operator, approver, client_demo, alices, bobs):
    bank.an_account(client_demo)
    paid = bank_files.some_cash_outs(alices, *[1_00] * 21)
    for each in paid:
        end(MarkCashOutSent, each)
    debits = [outgoing("1.00", f"D{each.id}"[:35], end_to_end=each.id.hex) for each in paid]
    credits_ = [incoming("3.00", "C1", name="Stranger"), incoming("4.00", "C2", name="Unknown")]
    credit = incoming("5.00", "C3", name="Payer", target=bank.an_iban(bobs))
    content = Statement(lines=(*debits, credit, *credits_)).xml()
    uploaded(operator, content)
    upload = BankUpload.objects.get()
    values = {
        "key": key_of_form(approver, page_of_action(upload, "release")),
        "sha256": upload.hash,
    }
    page = sent(approver, page_of_action(upload, "release"), **values)
    expected = [
        "7.00 EUR (2)",
        "21.00 EUR (21)",
        "For Bob",
        "3.00 EUR Stranger",
        "4.00 EUR Unknown",
        "5.00 EUR Payer",
        "-1.00 EUR",
        "Settles payments out: more lines",
    ]
    places = [page.find(each) for each in expected]
    assert -1 not in places
    assert places == sorted(places)


def test_uploader_can_not_release_on_the_page(approver, client_demo, bobs):
    bank.an_account(client_demo)
    content = Statement(lines=(incoming("1.00", "R1", target=bank.an_iban(bobs)),)).xml()
    uploaded(approver, content)
    upload = BankUpload.objects.get()
    assert "Another person must release it" in release_on_page(approver, upload)
    assert bank.balance(bobs) == 0


def test_refused_upload_is_kept(operator, approver, client_demo):
    bank.an_account(client_demo)
    uploaded(operator, Statement().xml())
    upload = BankUpload.objects.get()
    refuse = page_of_action(upload, "refuse")
    assert "never imported" in sent(approver, refuse, key=key_of_form(approver, refuse))
    assert "Refused by approver" in approver.get(page_of(upload))


def test_refused_file_says_why(operator, client_demo):
    assert "no bank account" in uploaded(operator, Statement().xml())
    assert "This is not a statement of a bank" in uploaded(operator, b"<a/>")
    operator.browser.defaults["HTTP_ACCEPT_LANGUAGE"] = "es"
    assert "No es un extracto de un banco" in uploaded(operator, b"<a/>")


@pytest.mark.slow
def test_line_is_assigned_by_two_members(operator, approver, line, bobs):
    address = page_of_action(line, "assign")
    values = {
        "wallet": str(bobs.id),
        "reason": "Known payer",
        "key": key_of_form(operator, address),
    }
    assert "Another person must approve it" in sent(operator, address, **values)
    decision = BankDecision.objects.get()
    assert "Waits for another person" in operator.get(page_of(decision))
    approve = page_of_action(decision, "approve")
    assert operator.status("get", approve) == 403
    shown = sent(approver, approve, key=key_of_form(approver, approve))
    assert "Known payer" in shown
    assert "operator" in shown
    assert bank.balance(bobs) == 0
    assert "Approved and carried out." in sent(
        approver, approve, key=key_of_form(approver, approve), confirmed="1"
    )
    assert bank.balance(bobs) == 10_00


def asked_to_assign(office: Office, line: BankLine, wallet: str) -> str:
    address = page_of_action(line, "assign")
    values = {"wallet": wallet, "reason": "Known", "key": key_of_form(office, address)}
    return sent(office, address, **values)


@pytest.mark.parametrize("words", ["iban", "spaced", "alias"])
def test_line_is_assigned_to_a_wallet_by_its_iban_or_alias(operator, line, bobs, words):
    iban = bank.an_iban(bobs)
    Wallet.objects.filter(id=bobs.id).update(alias="Savings")
    spaced = " ".join(iban[each : each + 4] for each in range(0, len(iban), 4)).lower()
    known = {"iban": iban, "spaced": spaced, "alias": "savings"}
    assert "Another person must approve it" in asked_to_assign(operator, line, known[words])
    assert BankDecision.objects.get().wallet_id == bobs.id


@pytest.mark.slow
def test_unknown_or_ambiguous_wallet_is_refused_in_words(operator, line, alices, bobs):
    Wallet.objects.filter(id__in=[alices.id, bobs.id]).update(alias="Savings")
    assert "Several wallets have it." in asked_to_assign(operator, line, "Savings")
    for words in ("Saving", "DE02120300000000202051", "-", str(line.id)):
        assert "This wallet does not exist." in asked_to_assign(operator, line, words)
    assert not BankDecision.objects.exists()


def test_wallet_of_an_external_account_is_not_called_by_its_iban(operator, line, bobs):
    posting.submit(AddExternalAccount(**people.about(bobs), iban=OTHER_IBAN))
    assert "This wallet does not exist." in asked_to_assign(operator, line, OTHER_IBAN)


@pytest.mark.slow
def test_page_leaves_out_empty_rows(operator, approver, line, bobs):
    asked_to_assign(operator, line, str(bobs.id))
    page = approver.get(page_of(BankDecision.objects.get()))
    assert "field-wallet" in page
    for name in ("field-movement", "field-parts", "field-pair", "history-heading"):
        assert name not in page
    assert "history-heading" not in approver.get(page_of(line))
    assert "history-heading" in Office(a_member(OPERATOR, name="other")).get(page_of(bobs))


@pytest.mark.slow
def test_asker_can_not_approve_in_the_back_office(approver, line):
    address = page_of_action(line, "set-apart")
    sent(approver, address, reason="Fee", key=key_of_form(approver, address))
    decision = BankDecision.objects.get()
    approve = page_of_action(decision, "approve")
    shown = sent(approver, approve, key=key_of_form(approver, approve), confirmed="1")
    assert "Another person must answer" in shown
    assert bank.states() == {"no_wallet": 1}


@pytest.mark.slow
def test_line_is_split_as_typed(operator, line):
    address = page_of_action(line, "split")
    wrong = {"amounts": "7,00\n2.00", "reason": "Two", "key": key_of_form(operator, address)}
    assert "The parts add up to 9.00 EUR" in sent(operator, address, **wrong)
    sent(operator, address, **wrong | {"amounts": "7,00\n3.00"})
    assert BankDecision.objects.get().amounts == [7_00, 3_00]


@pytest.mark.slow
def test_refused_decision_is_shown(operator, approver, line):
    address = page_of_action(line, "return")
    sent(operator, address, reason="Unknown", key=key_of_form(operator, address))
    decision = BankDecision.objects.get()
    refuse = page_of_action(decision, "refuse")
    assert "Refused." in sent(approver, refuse, key=key_of_form(approver, refuse))
    assert "Refused by" in approver.get(page_of(decision))


@pytest.mark.ci
def test_lists_and_rows_open(operator, staff, line, bobs):
    """Takes 5 s."""
    address = page_of_action(line, "assign")
    values = {"wallet": str(bobs.id), "reason": "Known", "key": key_of_form(operator, address)}
    sent(operator, address, **values)
    safeguarding_reports.make_report()
    uploaded(operator, Statement(name="NEW").xml())
    office = Office(staff)
    for state in ("waiting", "1"):
        office.get(list_of(BankUpload), state=state)
    for model in (BankUpload, BankLine, BankStatement, BankDecision, SafeguardingReport):
        opens(office, model)
    for state in ("open", "MATCHED"):
        office.get(list_of(BankLine), state=state)


@pytest.mark.slow
def test_statement_says_if_it_does_not_follow_the_one_before(operator, line):
    gap = "The statement before it ends with 10.00 EUR."
    for opening, day in (("10.00", of_day(1)), ("11.00", of_day(0))):
        assert gap not in operator.get(list_of(BankStatement))
        bank.receive(opening=opening, closing="10.00", day=day, name=day)
    assert operator.get(list_of(BankStatement)).count(gap) == 1
    assert gap in operator.get(page_of(BankStatement.objects.latest("day")))


@pytest.mark.slow
def test_report_is_signed_by_two_and_downloaded(approver, line):
    report = safeguarding_reports.make_report()
    assert report is not None
    first = Office(a_member(SUPERVISOR, name="other"))
    sign = page_of_action(report, "sign")
    for office in (approver, first):
        assert "Signed off." in sent(office, sign, key=key_of_form(office, sign))
    assert "approver" in approver.get(page_of(report))
    csv = page_of_action(report, "csv")
    answer = approver.browser.post(csv, {"key": key_of_form(approver, csv)})
    assert answer.headers["Content-Disposition"].endswith('.csv"')
    assert b"suspense,10.00" in answer.content
    pdf = page_of_action(report, "pdf")
    answer = approver.browser.post(pdf, {"key": key_of_form(approver, pdf)})
    assert answer.headers["Content-Disposition"].endswith('.pdf"')
    text = text_of(answer.content)
    assert text.index("approver") < text.index("other")


def test_page_of_the_signature_shows_the_figures(approver, line):
    report = safeguarding_reports.make_report()
    page = approver.get(page_of_action(report, "sign"))
    assert "10.00 EUR" in page
    assert "Must be in the bank" in page


def test_decision_to_split_shows_the_parts_before_it_is_answered(operator, approver, line):
    address = page_of_action(line, "split")
    values = {"amounts": "4.00\n6.00", "reason": "Two", "key": key_of_form(operator, address)}
    sent(operator, address, **values)
    assert "4.00 EUR, 6.00 EUR" in approver.get(page_of(BankDecision.objects.get()))


def test_today_shows_safeguarding_in_green_or_red(approver, line):
    report = safeguarding_reports.make_report()
    assert report is not None
    page = approver.get("/admin/")
    tile = page.partition("<h3>Safeguarding</h3>")
    assert "Right" in tile[2][:300]
    assert tile[0].rpartition("tile-")[2].startswith("good")
