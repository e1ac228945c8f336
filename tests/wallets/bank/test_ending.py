"""Approved files are taken back, or their payments are ended one by one, by two people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from iocash import errors
from tests.support import audited, bank, bank_files, sandbox, staff
from tests.support.approval_pages import ask_on_page, decide_on_page
from tests.support.approvals import approve as approve_request
from tests.support.approvals import ask, seen_now
from tests.support.bank_files import build, say, some_cash_outs, states
from tests.support.camt import outgoing
from tests.support.cash_outs import end, money_of
from users.approvals.deciding import FactsChanged
from users.approvals.deciding import approve_request as decide
from users.models import Approval, Event
from users.models.approvals import ApprovalKind
from wallets.admin.approvals.bank_files import ask_to_take_back
from wallets.admin.approvals.money import asked_about
from wallets.bank import files
from wallets.models import BankFile, BankLine, Movement
from wallets.orders.cash_outs import CancelCashOut, SettleCashOut

pytestmark = pytest.mark.django_db

IBAN = "NL85MOCK0000000001"
SETTLE, REJECT = ApprovalKind.SETTLE_CASH_OUT, ApprovalKind.REJECT_CASH_OUT


@pytest.fixture
def account(client_demo):
    return bank_files.an_account(client_demo)


@pytest.fixture
def cash_outs(alices):
    return some_cash_outs(alices, 10_00, 20_00)


@pytest.fixture
def members(db):
    return bank_files.two_members()


@pytest.fixture
def approved(account, cash_outs, members):
    return bank_files.approve(build(account, cash_outs, members[0]), members[1])


@pytest.fixture
def sent(approved, members):
    return files.take_file(file_id=approved.id, by=members[0])[0]


def about(movement: Movement, kind: ApprovalKind) -> Approval:
    found = Movement.objects.select_related("wallet__user").get(id=movement.id)
    return asked_about(found, kind, reason="The bank has nothing")


# --- Taking back ----------------------------------------------------------------------------------


def test_file_approved_by_mistake_can_be_taken_back(approved, cash_outs, asker, second, alices):
    asked = ask(ask_to_take_back(approved, {}), asker, reason="Wrong account")
    assert states(cash_outs) == ["SENT"] * 2
    assert approve_request(asked, second).state == "APPROVED"
    approved.refresh_from_db()
    assert (approved.state, approved.reason, approved.approval_id) == (
        "TAKEN_BACK",
        "Wrong account",
        asked.id,
    )
    assert states(cash_outs) == ["QUEUED"] * 2
    kinds = Event.objects.about(cash_outs[0].id).order_by("position")
    assert [*kinds.values_list("kind", flat=True)] == [
        "movement.pending",
        "movement.sent",
        "movement.recalled",
    ]
    end(CancelCashOut, cash_outs[0])
    assert money_of(alices) == (100_00, 20_00)
    assert audited.wrong() == []


def test_cash_outs_of_a_file_taken_back_are_sent_in_another(
    approved, account, cash_outs, members, asker, second
):
    approve_request(ask(ask_to_take_back(approved, {}), asker), second)
    again = bank_files.send(build(account, cash_outs, members[0]), members[1])
    say(again, payments={cash_outs[0]: "ACSC", cash_outs[1]: "RJCT AC04"})
    assert states(cash_outs) == ["SUCCESS", "ERROR"]
    assert audited.wrong() == []


def test_file_that_was_handed_over_is_not_taken_back(approved, cash_outs, members, asker, second):
    asked = ask(ask_to_take_back(approved, {}), asker)
    seen = seen_now(asked)
    files.take_file(file_id=approved.id, by=members[0])
    with pytest.raises(FactsChanged):
        decide(asked.id, by=second, seen=seen)
    assert approve_request(asked, second).state == "FAILED"
    with pytest.raises(errors.InvalidFields):
        ask(ask_to_take_back(approved, {}), asker)
    assert states(cash_outs) == ["SENT"] * 2


def test_file_taken_back_is_not_handed_over(approved, members, asker, second):
    approve_request(ask(ask_to_take_back(approved, {}), asker), second)
    with pytest.raises(errors.InvalidFields):
        files.take_file(file_id=approved.id, by=members[0])


def test_file_with_a_payment_that_has_ended_is_not_taken_back(approved, cash_outs, asker, second):
    asked = ask(ask_to_take_back(approved, {}), asker)
    bank.receive(outgoing("10.00", "B1", end_to_end=cash_outs[0].id.hex), iban=IBAN)
    assert approve_request(asked, second).state == "FAILED"
    approved.refresh_from_db()
    assert (approved.state, states(cash_outs)) == ("APPROVED", ["SUCCESS", "SENT"])


BACK = """
    UPDATE wallets_bankfile SET state = 'TAKEN_BACK', reason = 'x', discarded_by = 'staff:1',
        approval_id = %s WHERE id = %s
"""


def test_database_takes_a_file_back_by_two_people_only(approved, cash_outs, asker):
    asked = ask(ask_to_take_back(approved, {}), asker)
    with pytest.raises(DatabaseError, match="by_an_approval"), transaction.atomic():
        BankFile.objects.update(state="TAKEN_BACK", reason="x", discarded_by="staff:1")
    with pytest.raises(DatabaseError, match="two people take a bank file back"):
        take_back_by_sql(approved, asked.id)
    with pytest.raises(DatabaseError, match="a movement is sent at most once"):
        recall_by_sql(cash_outs[0])


def take_back_by_sql(file: BankFile, approval: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BACK, [approval, file.id])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def recall_by_sql(movement: Movement) -> None:
    with transaction.atomic():
        Movement.objects.filter(id=movement.id).update(sent_at=None, bank_file=None)


def test_database_takes_no_file_back_that_was_sent(sent):
    with pytest.raises(DatabaseError, match="a bank file never goes back"):
        take_back_by_sql(sent, sent.id)


@pytest.mark.spoils_the_books
def test_audit_finds_a_file_taken_back_without_an_approval(approved, asker, second):
    approve_request(ask(ask_to_take_back(approved, {}), asker), second)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_bankfile DISABLE TRIGGER USER")
        cursor.execute("UPDATE wallets_bankfile SET approval_id = gen_random_uuid()")
    assert "files_taken_back" in audited.violated()


@pytest.mark.slow
def test_two_members_take_a_file_back_on_its_page(approved, cash_outs, asker, second):
    asked = ask_on_page(staff.browser_of(asker), approved, "take-back")
    decide_on_page(staff.browser_of(second), asked)
    assert states(cash_outs) == ["QUEUED"] * 2


# --- The end of one payment -----------------------------------------------------------------------


def test_payment_rejected_as_a_duplicate_can_be_ended(sent, cash_outs, asker, second, alices):
    say(sent, payments={cash_outs[0]: "RJCT AM05"})
    assert states(cash_outs) == ["SENT"] * 2
    asked = ask(about(cash_outs[0], REJECT), asker)
    facts = dict(asked.facts or [])
    assert (facts["file"], facts["file_status"], facts["bank_lines"]) == (
        sent.message_id,
        "SENT",
        "0",
    )
    assert facts["last_answer"] == "duplicate"
    assert approve_request(asked, second).state == "APPROVED"
    assert states(cash_outs) == ["ERROR", "SENT"]
    assert money_of(alices) == (100_00, 20_00)
    assert audited.wrong() == []


def test_payment_without_an_answer_can_be_settled(sent, cash_outs, asker, second, alices):
    asked = approve_request(ask(about(cash_outs[0], SETTLE), asker), second)
    assert (asked.state, asked.made_id) == ("APPROVED", cash_outs[0].id)
    assert states(cash_outs) == ["SUCCESS", "SENT"]
    assert money_of(alices) == (90_00, 20_00)
    assert audited.wrong() == []


def test_nobody_ends_a_payment_of_a_file_alone(sent, cash_outs):
    with pytest.raises(errors.CashOutInFile):
        end(SettleCashOut, cash_outs[0])


@pytest.mark.parametrize("kind", [SETTLE, REJECT])
def test_payment_of_a_file_that_was_not_handed_over_is_not_ended(approved, cash_outs, asker, kind):
    with pytest.raises(errors.InvalidFields) as refused:
        ask(about(cash_outs[0], kind), asker)
    assert "Take the file back." in refused.value.errors[0].detail
    assert states(cash_outs) == ["SENT"] * 2


def test_debit_that_comes_before_the_approval_shows_other_facts(sent, cash_outs, asker, second):
    asked = ask(about(cash_outs[0], REJECT), asker)
    seen = seen_now(asked)
    bank.receive(outgoing("10.00", "B1", end_to_end=cash_outs[0].id.hex), iban=IBAN)
    with pytest.raises(FactsChanged):
        decide(asked.id, by=second, seen=seen)
    assert approve_request(asked, second).state == "FAILED"
    assert states(cash_outs) == ["SUCCESS", "SENT"]


def test_late_debit_of_a_rejected_payment_waits_for_people(sent, cash_outs, asker, second, alices):
    approve_request(ask(about(cash_outs[0], REJECT), asker), second)
    bank.receive(outgoing("10.00", "B1", end_to_end=cash_outs[0].id.hex), iban=IBAN)
    assert bank.states() == {"movement_not_pending": 1}
    assert money_of(alices) == (100_00, 20_00)


def test_late_debit_of_a_settled_payment_is_its_line(sent, cash_outs, asker, second):
    approve_request(ask(about(cash_outs[0], SETTLE), asker), second)
    bank.receive(outgoing("10.00", "B1", end_to_end=cash_outs[0].id.hex), iban=IBAN)
    assert BankLine.objects.get().outcomes.get().movement_id == cash_outs[0].id


def test_late_answer_against_the_end_by_hand_is_noted(sent, cash_outs, asker, second):
    approve_request(ask(about(cash_outs[0], REJECT), asker), second)
    say(sent, payments={cash_outs[0]: "ACSC"})
    assert bank_files.payment_of(cash_outs[0]).conflict == "ACSC"
    assert states(cash_outs) == ["ERROR", "SENT"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "values", "state"),
    [("end-settled", {}, "SUCCESS"), ("end-rejected", {"reason": "No answer"}, "ERROR")],
)
def test_two_members_end_a_payment_on_its_page(sent, cash_outs, asker, second, name, values, state):
    asked = ask_on_page(staff.browser_of(asker), cash_outs[0], name, **values)
    page = staff.browser_of(second).get(approval_page(asked)).text
    assert sent.message_id in page
    decide_on_page(staff.browser_of(second), asked)
    assert states(cash_outs) == [state, "SENT"]


def approval_page(asked: Approval) -> str:
    return f"/admin/users/approval/{asked.pk}/change/"


# --- Approving ------------------------------------------------------------------------------------


def test_file_of_a_closed_account_is_not_approved(account, cash_outs, members):
    file = build(account, cash_outs, members[0])
    bank.change(account, closed_at=file.created_at)
    with pytest.raises(errors.InvalidFields) as refused:
        bank_files.approve(file, members[1])
    assert "is closed" in refused.value.errors[0].detail
    files.discard_file(file_id=file.id, reason="Closed", by=members[0])
    assert states(cash_outs) == ["QUEUED"] * 2


def test_file_of_a_past_day_is_not_approved(account, cash_outs, members):
    file = build(account, cash_outs, members[0])
    sandbox.make(timedelta(days=1))
    with pytest.raises(errors.InvalidFields) as refused:
        bank_files.approve(file, members[1])
    assert "has passed" in refused.value.errors[0].detail
    files.discard_file(file_id=file.id, reason="Too late", by=members[0])
    again = build(account, cash_outs, members[0])
    assert bank_files.approve(again, members[1]).state == "APPROVED"
