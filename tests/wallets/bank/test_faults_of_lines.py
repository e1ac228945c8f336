"""The audit finds lines and cash-ins that no statement has brought; the database refuses some."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from iocash.db import clock
from tests.support import audited, bank, people
from tests.support.camt import incoming
from tests.support.cash_outs import a_cash_out
from tests.support.constraints import refused_by, run
from tests.support.sandbox import made, set_clock
from users.models import events
from users.models.events import By, EventKind
from wallets import posting
from wallets.bank import booking, decisions
from wallets.models import BankAccount, BankLine
from wallets.orders.payments import Adjust

pytestmark = pytest.mark.django_db
ONE, OTHER = By("staff:1"), By("staff:2")

NEW = """
    INSERT INTO wallets_bankline SELECT made.* FROM wallets_bankline AS source,
    LATERAL jsonb_populate_record(source, jsonb_build_object(
        'id', gen_random_uuid(), 'reference', 'FORGED', {})) AS made
    WHERE source.reference = 'R2'
"""
STATEMENT = """
    INSERT INTO wallets_bankstatement SELECT made.* FROM wallets_bankstatement AS source,
    LATERAL jsonb_populate_record(source, jsonb_build_object(
        'id', gen_random_uuid(), 'place', {})) AS made
"""


@pytest.fixture
def account(client_demo, bobs):
    """An account with a statement of two lines, and its copy with one of them again."""
    account = bank.an_account(client_demo)
    lines = incoming("1.00", "R1", target=bank.an_iban(bobs)), incoming("2.00", "R2")
    bank.receive(*lines, name="ONE")
    bank.receive(lines[0], name="TWO")
    return account


def as_owner(statement: str, *tables: str) -> None:
    """Do what only the owner can do: the triggers of the tables are disabled."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        assert cursor.rowcount > 0


@pytest.mark.spoils_the_books
def test_line_that_no_file_has_is_found(account):
    """No trigger refuses it: the role that serves imports lines, so it may insert them."""
    assert audited.wrong() == []
    with connection.cursor() as cursor:
        cursor.execute(NEW.format("'part', 1"))
    assert audited.violated() == {"bank_statements"}


LINES = "wallets_bankline", "wallets_bankoutcome"
SPOILED = [
    ("bank_statements", "UPDATE wallets_bankline SET sign = -sign WHERE reference = 'R2'", LINES),
    ("bank_statements", "DELETE FROM wallets_bankline WHERE reference = 'R2'", LINES),
    (
        "bank_statements",
        (
            "UPDATE wallets_bankstatement SET entries = 9, total = 9, known_entries = 0,"
            " known_total = 0 WHERE name = 'TWO'"
        ),
        ("wallets_bankstatement",),
    ),
    (
        "bank_statements",
        (
            "UPDATE wallets_bankline SET statement_id = (SELECT id FROM wallets_bankstatement"
            " WHERE name = 'TWO')"
        ),
        LINES,
    ),
    ("bank_statement_files", STATEMENT.format("9"), ()),
    (
        "bank_statement_files",
        "DELETE FROM wallets_bankstatement WHERE name = 'TWO'",
        ("wallets_bankstatement",),
    ),
]


@pytest.mark.spoils_the_books
@pytest.mark.parametrize(("equation", "statement", "tables"), SPOILED)
def test_lines_of_another_sum_than_their_statement_are_found(account, equation, statement, tables):
    assert audited.wrong() == []
    as_owner(statement, *tables)
    assert equation in audited.violated()


@pytest.mark.spoils_the_books
def test_part_of_a_line_of_another_statement_is_found(account):
    as_owner(
        "UPDATE wallets_bankline SET parent_id = other.id FROM wallets_bankline AS other"
        " WHERE wallets_bankline.reference = 'R1' AND other.reference = 'R2'",
        "wallets_bankline",
    )
    assert "bank_statement_lines" not in audited.violated()  # both are of one statement
    bank.receive(incoming("3.00", "R3"), name="THREE")
    as_owner(
        "UPDATE wallets_bankline SET parent_id = other.id FROM wallets_bankline AS other"
        " WHERE wallets_bankline.reference = 'R1' AND other.reference = 'R3'",
        "wallets_bankline",
    )
    assert "bank_statement_lines" in audited.violated()


def test_counts_of_a_statement_add_up(account):
    statement = "UPDATE wallets_bankstatement SET new_total = new_total + 1 WHERE name = 'ONE'"
    assert refused_by(statement) == "bank_statement_is_written_once"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_bankstatement DISABLE TRIGGER USER")
    assert refused_by(statement) == "bank_statement_adds_up"


def test_line_has_the_account_and_the_currency_of_its_statement(account, client_demo):
    other = bank.an_account(client_demo, iban="DE02120300000000202051")
    bank.receive(name="OTHER", iban=other.iban)
    theirs = BankAccount.objects.get(id=other.id).statements.get()
    wrong = [
        (f"'account_id', '{other.id}'", "bank_line_has_its_statements_account"),
        (f"'statement_id', '{theirs.id}'", "bank_line_has_its_statements_account"),
        (f"'confirmed_by_id', '{theirs.id}'", "bank_line_is_confirmed_by_its_account"),
        ("'currency', 'USD'", "bank_line_has_its_accounts_currency"),
    ]
    for values, constraint in wrong:
        assert refused_by(NEW.format(values)) == constraint


# --- Cash-ins without a line ----------------------------------------------------------------------


@pytest.fixture
def clock_of_sandbox():
    with made():
        yield


def switch_to_bank(client: Any) -> None:
    """Make the bank the source of the cash-ins, and let two minutes pass."""
    bank.agree_to_source(client, "BANK")
    events.record_about_client(client, EventKind.CLIENT_CHANGED, people.BY)
    set_clock(clock.now() + timedelta(minutes=2))


@pytest.mark.spoils_the_books
def test_cash_in_without_a_line_of_a_client_of_the_bank_is_found(
    clock_of_sandbox, client_demo, bobs
):
    bank.an_account(client_demo, cash_ins="API")
    people.cash_in(bobs, 1_00)
    switch_to_bank(client_demo)
    assert audited.wrong() == []
    bank.receive(incoming("2.00", "R1", target=bank.an_iban(bobs)))
    assert bank.states() == {"MATCHED": 1}
    assert audited.wrong() == []
    people.cash_in_of_bank(bobs, 3_00)
    assert audited.violated() == {"bank_cash_ins"}


@pytest.mark.spoils_the_books
def test_later_change_of_a_client_hides_no_cash_in_without_a_line(
    clock_of_sandbox, client_demo, bobs
):
    """What counts is when the source has changed, not when something of the client has."""
    bank.an_account(client_demo, cash_ins="API")
    switch_to_bank(client_demo)
    people.cash_in_of_bank(bobs, 3_00)
    events.record_about_client(client_demo, EventKind.CLIENT_CHANGED, people.BY)
    assert audited.violated() == {"bank_cash_ins"}


@pytest.mark.spoils_the_books
def test_cash_in_that_lost_its_line_is_found(clock_of_sandbox, client_demo, bobs):
    bank.an_account(client_demo)
    switch_to_bank(client_demo)
    bank.receive(incoming("2.00", "R1", target=bank.an_iban(bobs)))
    assert audited.wrong() == []
    as_owner("DELETE FROM wallets_bankoutcome", "wallets_bankoutcome")
    assert "bank_cash_ins" in audited.violated()


# --- The same statement again ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["camt.053", "camt.054"])
def test_new_entry_of_a_statement_that_was_sent_before_waits(client_demo, bobs, kind):
    bank.an_account(client_demo, booked_by="NOTIFICATION" if kind == "camt.054" else "STATEMENT")
    iban = bank.an_iban(bobs)
    bank.receive(incoming("1.00", "R1", target=iban), kind=kind, name="S")
    both = incoming("1.00", "R1", target=iban), incoming("5.00", "R2", target=iban)
    bank.receive(*both, kind=kind, name="S")
    assert bank.states() == {"MATCHED": 1, "restated": 1}
    assert bank.balance(bobs) == 1_00


OTHERS = [
    ({}, {"name": "T"}),
    ({}, {"number": "2"}),
    ({}, {"day": "2026-09-26"}),
    ({"number": ""}, {"number": "", "day": "2026-11-25"}),
]
"""Another Id or number, the same ones long before, and an Id that all statements share."""


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_new_entry_of_another_statement_is_booked(client_demo, bobs, one, other):
    bank.an_account(client_demo)
    iban = bank.an_iban(bobs)
    for number, values in enumerate((one, other)):
        about = {"name": "S", "number": "1"} | values
        line = incoming("1.00", f"R{number}", target=iban)
        line = replace(line, day=about.get("day", line.day))
        bank.receive(line, **about)
    assert bank.states() == {"MATCHED": 2}


def test_restated_line_is_booked_by_two_people_only(client_demo, bobs):
    bank.an_account(client_demo)
    bank.receive(incoming("1.00", "R1"), name="S")
    bank.receive(incoming("5.00", "R2", target=bank.an_iban(bobs)), name="S")
    booking.retry()
    booking.book()
    assert bank.balance(bobs) == 0
    line = BankLine.objects.select_related("account").get(reference="R2")
    asked = decisions.ask_for_decision(line, "ASSIGN", by=ONE, reason="Called", wallet=bobs)
    decisions.answer_decision(asked, by=OTHER, is_approved=True)
    assert bank.balance(bobs) == 5_00


EXPLAIN = """
    INSERT INTO wallets_bankoutcome
        (id, client_id, wallet_id, line_id, movement_id, status, reason, actor)
    SELECT gen_random_uuid(), movement.client_id, %s, line.id, movement.id, 'MATCHED', '', 'x'
    FROM wallets_movement AS movement CROSS JOIN wallets_bankline AS line
    WHERE movement.id = %s AND line.reference = 'R2'
"""


def test_line_is_explained_by_a_settled_movement_of_its_amount(account, alices, bobs):
    """R2 is a credit of 2.00: one of 3.00, a debit, or one of another wallet do not explain it."""
    more, debit, right = (
        posting.submit(
            Adjust(**people.about(bobs), amount=people.decimal(abs(minor)), is_debit=minor < 0)
        ).id
        for minor in (3_00, -2_00, 2_00)
    )
    waiting = a_cash_out(bobs, 2_00).id
    named = "bank_outcome_has_the_movement_of_its_line"
    wrong = (bobs, more), (bobs, debit), (bobs, waiting), (alices, right)
    for wallet, movement in wrong:
        assert refused_by(EXPLAIN, [wallet.id, movement]) == named
    run(EXPLAIN, [bobs.id, right])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE wallets_bankline SET is_open = false WHERE reference = 'R2'")
