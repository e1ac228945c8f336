"""Two members of staff decide about each line in suspense."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from iocash import errors
from tests.support import bank, people
from tests.support.camt import Line, incoming, outgoing
from tests.support.cash_outs import a_cash_out, end
from users.models.events import By
from wallets.bank import decisions
from wallets.models import BankDecision, BankLine, BankOutcome
from wallets.orders.cash_outs import MarkCashOutSent

ANA, BEN = By("staff:1"), By("staff:2")


@pytest.fixture
def account(client_demo):
    return bank.an_account(client_demo)


@pytest.fixture
def line(account):
    """A credit of 10.00 EUR in suspense."""
    bank.receive(incoming("10.00", "R1", name="Bob", remittance="Lunch"))
    return BankLine.objects.select_related("account").get()


def ask(line: BankLine, kind: str, **values: Any) -> BankDecision:
    return decisions.ask_for_decision(line, kind, by=ANA, reason="Told on the phone", **values)


def approve(decision: BankDecision, by: By = BEN) -> BankDecision:
    return decisions.answer_decision(decision, by=by, is_approved=True)


def test_line_is_assigned_to_a_wallet(line, bobs):
    decision = ask(line, "ASSIGN", wallet=bobs)
    assert bank.balance(bobs) == 0
    approve(decision)
    assert bank.balance(bobs) == 10_00
    outcome = BankOutcome.objects.get()
    assert (outcome.status, outcome.line_id, outcome.actor) == ("ASSIGNED", line.id, "system:bank")
    assert outcome.decision_id == decision.id
    assert people.movements(bobs)[0].concept == "Lunch"
    line.refresh_from_db()
    assert not line.is_open


def test_asker_does_not_approve(line, bobs):
    decision = ask(line, "ASSIGN", wallet=bobs)
    with pytest.raises(errors.InvalidFields, match=r"."):
        approve(decision, by=ANA)
    assert bank.balance(bobs) == 0
    with pytest.raises(DatabaseError), transaction.atomic():
        BankDecision.objects.update(answered_by="staff:1", answered_at=decision.asked_at)


@pytest.mark.parametrize("actor", ["system:bank", "key:1", "staff:", "staff:1"])
def test_constraint_wants_another_member_of_staff(line, actor):
    ask(line, "IGNORE")
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        BankDecision.objects.update(
            answered_by=actor, answered_at=line.created_at, is_approved=True
        )
    assert "bank_decision_is_answered_by_another" in str(caught.value)


def test_decision_is_used_once(line, bobs):
    decision = ask(line, "ASSIGN", wallet=bobs)
    approve(decision)
    with pytest.raises(errors.InvalidFields):
        approve(decision)
    assert bank.balance(bobs) == 10_00


def test_refused_decision_changes_nothing(line, bobs):
    decisions.answer_decision(ask(line, "ASSIGN", wallet=bobs), by=BEN, is_approved=False)
    assert (bank.balance(bobs), bank.states()) == (0, {"no_wallet": 1})
    approve(ask(line, "IGNORE"))
    assert bank.states() == {"IGNORED": 1}


def test_second_question_about_a_line_waits_for_the_first(line):
    ask(line, "IGNORE")
    with pytest.raises(errors.InvalidFields) as caught:
        ask(line, "RETURN")
    assert "waits for its approval" in caught.value.errors[0].detail


def test_decision_stays_open_when_the_ledger_refuses(line, bobs):
    decision = ask(line, "ASSIGN", wallet=bobs)
    bobs.status = "BLOCKED"
    bobs.save(update_fields=["status"])
    with pytest.raises(errors.WalletNotReady):
        approve(decision)
    assert BankDecision.objects.open().count() == 1
    assert not BankOutcome.objects.exists()


def test_line_is_split_and_its_parts_are_decided_apart(line, bobs, alices):
    approve(ask(line, "SPLIT", amounts=[7_00, 3_00]))
    first, second = BankLine.objects.filter(parent=line).order_by("part")
    assert [(each.amount, each.reason) for each in (first, second)] == [
        (7_00, "part"),
        (3_00, "part"),
    ]
    approve(ask(first, "ASSIGN", wallet=bobs))
    approve(ask(second, "ASSIGN", wallet=alices))
    assert (bank.balance(bobs), bank.balance(alices)) == (7_00, 103_00)
    assert bank.states() == {"SPLIT": 1, "ASSIGNED": 2}


@pytest.mark.parametrize("amounts", [[], [10_00], [7_00, 3_01], [11_00, -1_00], [10_00, 0]])
def test_parts_must_be_the_line(line, amounts):
    with pytest.raises(errors.InvalidFields):
        ask(line, "SPLIT", amounts=amounts)


def test_returned_line_waits_for_its_debit(line):
    approve(ask(line, "RETURN"))
    bank.receive(Line(amount="10.00", sign="DBIT", reference="R2"), name="2")
    debit = BankLine.objects.get(sign=-1)
    with pytest.raises(errors.InvalidFields):
        ask(debit, "RETURN")
    approve(ask(debit, "RETURN", pair=line))
    assert bank.states() == {"RETURNED": 2}
    bank.receive(Line(amount="10.00", sign="DBIT", reference="R3"), name="3")
    again = BankLine.objects.get(reference="R3")
    with pytest.raises(errors.InvalidFields):
        ask(again, "RETURN", pair=line)


def test_debit_is_assigned_to_a_cash_out(account, alices):
    sent = end(MarkCashOutSent, a_cash_out(alices, 40_00))
    bank.receive(outgoing("40.00", "R1"), outgoing("41.00", "R2"))
    right, wrong = BankLine.objects.order_by("reference").select_related("account")
    with pytest.raises(errors.InvalidFields):
        ask(wrong, "ASSIGN", wallet=alices, movement=sent)
    with pytest.raises(errors.InvalidFields):
        ask(right, "ASSIGN", wallet=alices)
    approve(ask(right, "ASSIGN", wallet=alices, movement=sent))
    assert bank.balance(alices) == 60_00


def test_line_of_a_client_of_the_api_is_assigned_to_its_cash_in_only(client_demo, bobs):
    bank.an_account(client_demo, cash_ins="API")
    people.cash_in(bobs, 10_00)
    bank.receive(incoming("10.00", "R1"))
    line = BankLine.objects.select_related("account").get()
    with pytest.raises(errors.InvalidFields):
        ask(line, "ASSIGN", wallet=bobs)
    (cash_in,) = people.movements(bobs)
    approve(ask(line, "ASSIGN", wallet=bobs, movement=cash_in))
    assert bank.balance(bobs) == 10_00


def test_wallet_of_another_account_is_refused(line):
    other = people.a_user(people.a_client("Another"), people.ALICE)
    with pytest.raises(errors.InvalidFields):
        ask(line, "ASSIGN", wallet=people.first_wallet(other))


def test_database_wants_an_approved_decision(line, bobs):
    decision = ask(line, "IGNORE")
    for made in (decision.id, people.unknown_id()):
        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            BankOutcome.objects.create(
                line=line, status="IGNORED", reason="x", actor="a", decision_id=made
            )
        assert "needs a second person" in str(caught.value)


def test_decision_can_not_be_used_for_another_outcome(line):
    decision = ask(line, "IGNORE")
    BankDecision.objects.update(
        answered_by="staff:2", answered_at=decision.asked_at, is_approved=True
    )
    with pytest.raises(DatabaseError), transaction.atomic():
        BankOutcome.objects.create(
            line=line, status="RETURNED", reason="x", actor="a", decision_id=decision.id
        )


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE wallets_bankline SET amount = 1", "bank_line_is_written_once"),
        ("UPDATE wallets_bankline SET is_open = false", "bank_line_is_closed_by_its_outcome"),
        ("UPDATE wallets_bankline SET confirmed_by_id = NULL", "bank_line_is_written_once"),
        ("DELETE FROM wallets_bankline", "bank_line_is_never_removed"),
        ("UPDATE wallets_bankstatement SET closing = 1", "bank_statement_is_written_once"),
        ("DELETE FROM wallets_bankstatementfile", "bank_statement_file_is_written_once"),
        ("UPDATE wallets_bankdecision SET reason = 'y'", "bank_decision_is_answered_once"),
        ("DELETE FROM wallets_bankdecision", "bank_decision_is_never_removed"),
    ],
)
def test_rows_of_the_bank_are_written_once(line, statement, constraint):
    ask(line, "IGNORE")
    with (
        pytest.raises(DatabaseError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    cause: Any = caught.value.__cause__
    assert cause.diag.constraint_name == constraint


def test_outcome_is_never_changed(line):
    approve(ask(line, "IGNORE"))
    for change in (
        "UPDATE wallets_bankoutcome SET reason = 'y'",
        "DELETE FROM wallets_bankoutcome",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)
