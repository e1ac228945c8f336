"""Movements that no bank line will explain are set apart by two people, and counted once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from iocash import errors
from iocash.db import clock
from tests.support import audited, bank, people, staff
from tests.support.approval_pages import ask_on_page, decide_on_page
from tests.support.approvals import approve, ask
from tests.support.camt import incoming
from users.models import Approval
from users.models.events import By
from wallets import posting
from wallets.admin.approvals.set_apart import ask_to_set_apart
from wallets.bank import decisions, safeguarding, safeguarding_reports
from wallets.models import BankLine, BankOutcome, Movement, Wallet
from wallets.orders.payments import Adjust

pytestmark = pytest.mark.django_db
LATER = timedelta(days=6)


@pytest.fixture
def account(client_demo):
    """An account with an empty statement of yesterday; cash-ins come over the API."""
    account = bank.an_account(client_demo, cash_ins="API")
    empty(account)
    return account


def empty(account: Any, name: str = "S0", closing: str = "0.00") -> None:
    day = (clock.today() - timedelta(days=1)).isoformat()
    bank.receive(name=name, day=day, opening="0.00", closing=closing)


def receive(amount: str, **part: str) -> None:
    """Import a statement of today with one credit."""
    today = clock.today().isoformat()
    line = replace(incoming(amount, "B1", **part), day=today)
    bank.receive(line, name="S1", day=today, opening="0.00", closing=amount)


def only() -> safeguarding.SafeguardingPosition:
    (position,) = safeguarding.safeguarding_positions()
    return position


def is_right_later(closing: str = "0.00") -> bool:
    """Whether all is right after PATIENCE, and after a statement of tomorrow: the latest one."""
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    bank.receive(name="S2", day=tomorrow, opening=closing, closing=closing)
    return only().is_right(clock.now() + LATER)


def a_cash_in(wallet: Wallet, amount: int, **details: Any) -> Movement:
    return Movement.objects.get(id=people.cash_in(wallet, amount, **details).id)


def an_adjustment(wallet: Wallet, amount: int) -> Movement:
    order = Adjust(**people.about(wallet), amount=people.decimal(abs(amount)), is_debit=amount < 0)
    return Movement.objects.get(id=posting.submit(order).id)


def request_for(movement: Movement, pair: Movement | None = None, why: str = "OTHER") -> Approval:
    found = Movement.objects.select_related("wallet__user").get(id=movement.id)
    return ask_to_set_apart(found, {"pair": pair, "why": why})


@pytest.fixture
def set_apart(asker, second):
    """Have two people set movements apart."""

    def run(movement: Movement, pair: Movement | None = None, why: str = "OTHER") -> Approval:
        return approve(ask(request_for(movement, pair, why), asker), second)

    return run


@pytest.mark.slow
def test_staff_can_set_a_movement_apart_too_late_reports(account, bobs, set_apart):
    """A cash-in without money, which an adjustment has undone, and not a reversal."""
    paid = a_cash_in(bobs, 5_00)
    undone = an_adjustment(bobs, -5_00)
    assert not is_right_later()
    asked = set_apart(paid, undone, "NEVER_PAID")
    assert asked.state == "APPROVED"
    assert not only().unmatched
    (apart,) = only().movements_apart
    assert (apart.reason, apart.amount, apart.count) == ("NEVER_PAID", 0, 2)
    assert is_right_later()
    report = safeguarding_reports.make_report()
    assert report is not None
    (position,) = json.loads(report.content)["positions"]
    (shown,) = position["movementsSetApart"]
    assert (shown["reason"], shown["amount"], shown["count"]) == ("NEVER_PAID", "0.00", 2)
    assert position["difference"] == "0.00"


@pytest.mark.slow
def test_movement_that_is_set_apart_is_counted_once(account, bobs, set_apart):
    a_cash_in(bobs, 10_00, reference="R1")
    receive("10.00", end_to_end="R1")
    set_apart(an_adjustment(bobs, -2_00), why="OWN_FUNDS")
    position = only()
    assert (position.wallets, position.held, position.banked) == (8_00, 10_00, 10_00)
    assert is_right_later("10.00")


@pytest.mark.slow
def test_money_that_is_set_apart_is_missing_until_the_institution_pays_it(account, bobs, set_apart):
    set_apart(an_adjustment(bobs, 5_00), why="OWN_FUNDS")
    assert (only().difference, only().uncovered) == (0, 5_00)
    assert not only().is_right(clock.now())
    receive("5.00")
    line = BankLine.objects.select_related("account").get()
    decided = decisions.ask_for_decision(line, "IGNORE", by=By("staff:1"), reason="Own money")
    decisions.answer_decision(decided, by=By("staff:2"), is_approved=True)
    assert (only().difference, only().uncovered) == (0, 0)
    assert is_right_later("5.00")


def test_cash_in_and_its_full_reversal_are_never_late(account, bobs):
    paid = a_cash_in(bobs, 5_00)
    people.reverse(paid, 2_00)
    assert not is_right_later()
    people.reverse(paid)
    assert is_right_later()


@pytest.mark.slow
def test_reversal_is_late_if_only_its_cash_in_has_a_line(account, bobs):
    people.reverse(a_cash_in(bobs, 5_00, reference="R1"))
    receive("5.00", end_to_end="R1")
    assert bank.states() == {"MATCHED": 1}
    assert only().is_right(clock.now())
    assert not is_right_later("5.00")


def test_undone_cash_in_before_the_first_statement_is_not_missing(client_demo, bobs):
    bank.an_account(client_demo, cash_ins="API")
    people.reverse(a_cash_in(bobs, 5_00))
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    bank.receive(name="S1", day=tomorrow, opening="0.00", closing="0.00")
    assert is_right_later()


def test_movement_with_a_line_is_not_set_apart(account, bobs, asker):
    paid = a_cash_in(bobs, 5_00, reference="R1")
    receive("5.00", end_to_end="R1")
    with pytest.raises(errors.InvalidFields):
        ask(request_for(paid), asker)


def test_movement_that_is_set_apart_gets_no_line(account, bobs, set_apart):
    paid = a_cash_in(bobs, 5_00, reference="R1")
    set_apart(paid)
    receive("5.00", end_to_end="R1")
    assert bank.states()["no_cash_in"] == 1
    line = BankLine.objects.select_related("account").get()
    with pytest.raises(errors.InvalidFields):
        decisions.ask_for_decision(
            line, "ASSIGN", by=By("staff:1"), reason="x", wallet=bobs, movement=paid
        )


def test_line_between_asking_and_approving_is_first(account, bobs, asker, second):
    asked = ask(request_for(a_cash_in(bobs, 5_00, reference="R1")), asker)
    receive("5.00", end_to_end="R1")
    assert approve(asked, second).state == "FAILED"
    assert BankOutcome.objects.get().status == "MATCHED"


@pytest.mark.slow
def test_pair_adds_up_to_zero_and_is_of_one_client(account, bobs, alices, asker):
    paid, other = a_cash_in(bobs, 5_00), an_adjustment(alices, -4_00)
    theirs = people.first_wallet(people.a_user(people.a_client("Another"), people.ALICE))
    for pair in (other, paid, a_cash_in(theirs, 5_00)):
        with pytest.raises((errors.InvalidFields, errors.NotFound)):
            ask(request_for(paid, pair), asker)
    people.transfer(bobs, alices, 1_00)
    with pytest.raises(errors.InvalidFields):
        ask(request_for(Movement.objects.filter(type="TRANSFER").latest("id")), asker)


BY_SQL = """
    INSERT INTO wallets_bankoutcome
        (id, client_id, wallet_id, movement_id, status, approval_id, reason, actor)
    SELECT gen_random_uuid(), client_id, wallet_id, id, 'APART', %s, 'OTHER', 'staff:1'
    FROM wallets_movement WHERE id = %s
"""


def insert_apart(movement: Movement, approval: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BY_SQL, [approval, movement.id])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_database_requires_an_approval_by_another(account, bobs, asker):
    paid, other = a_cash_in(bobs, 5_00), a_cash_in(bobs, 1_00)
    asked = ask(request_for(paid), asker)
    with pytest.raises(DatabaseError, match="bank_outcome_has_what_its_state_needs"):
        insert_apart(paid, None)
    for movement, approval in ((paid, asked.id), (paid, other.id), (other, asked.id)):
        with pytest.raises(DatabaseError, match="two people set a movement apart"):
            insert_apart(movement, approval)


def test_database_keeps_a_pair_together(account, bobs, set_apart):
    paid, undone = a_cash_in(bobs, 5_00), an_adjustment(bobs, -5_00)
    asked = set_apart(paid, undone)
    with pytest.raises(DatabaseError, match="bank_outcome_names_a_movement_once"):
        insert_apart(paid, asked.id)
    with pytest.raises(DatabaseError, match="two people set a movement apart"):
        insert_apart(an_adjustment(bobs, 5_00), asked.id)


@pytest.mark.slow
@pytest.mark.spoils_the_books
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE wallets_bankoutcome SET reason = 'OWN_FUNDS'",
        "UPDATE wallets_bankoutcome SET approval_id = gen_random_uuid()",
        "DELETE FROM wallets_bankoutcome WHERE id = (SELECT id FROM wallets_bankoutcome LIMIT 1)",
    ],
)
def test_audit_finds_a_wrong_movement_that_is_set_apart(account, bobs, set_apart, statement):
    set_apart(a_cash_in(bobs, 5_00), an_adjustment(bobs, -5_00))
    assert audited.wrong() == []
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_bankoutcome DISABLE TRIGGER USER")
        cursor.execute(statement)
    assert "bank_apart" in audited.violated()


@pytest.mark.slow
def test_two_members_set_a_movement_apart_on_its_page(account, bobs, asker, second):
    paid = a_cash_in(bobs, 5_00)
    undone = an_adjustment(bobs, -5_00)
    values = {"why": "NEVER_PAID", "pair": str(undone.id)}
    asked = ask_on_page(staff.browser_of(asker), paid, "set-apart", **values)
    assert not BankOutcome.objects.exists()
    decide_on_page(staff.browser_of(second), asked)
    asked.refresh_from_db()
    assert asked.state == "APPROVED"
    found = BankOutcome.objects.values_list("movement", "status", "reason")
    assert {*found} == {(each.id, "APART", "NEVER_PAID") for each in (paid, undone)}
