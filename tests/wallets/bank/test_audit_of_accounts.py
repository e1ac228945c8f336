"""The audit of bank accounts: what no approval and no first statement gives is found."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from tests.support import audited, bank, people
from tests.support.approvals import approve, ask
from tests.support.camt import IBAN, incoming
from tests.support.staff import ADMINISTRATOR, a_member
from users.admin.approved_clients import asked_source
from wallets.admin.approvals.bank_accounts import ask_to_add, ask_to_change
from wallets.models import BankAccount

pytestmark = [pytest.mark.django_db, pytest.mark.spoils_the_books]
ACCOUNT = "UPDATE wallets_bankaccount SET {}"
SOURCE = "UPDATE users_client SET {} WHERE name = 'Demo'"
OF_ANOTHER = """
    INSERT INTO wallets_bankaccount_clients (bankaccount_id, client_id)
    SELECT account.id, client.id FROM wallets_bankaccount AS account, users_client AS client
    WHERE client.name = 'Another'
"""
WRONG = [
    ("bank_accounts", ACCOUNT.format("purpose = 'OWN_FUNDS'")),
    ("bank_accounts", ACCOUNT.format("holder_name = 'Somebody'")),
    ("bank_accounts", ACCOUNT.format("iban = 'ES7921000813610123456789'")),
    ("bank_accounts", ACCOUNT.format("booked_by = 'NOTIFICATION'")),
    ("bank_accounts", ACCOUNT.format("closed_at = now()")),
    ("bank_accounts", ACCOUNT.format("approval_id = gen_random_uuid()")),
    ("bank_accounts", ACCOUNT.format("approval_id = NULL, actor = 'system:x'")),
    ("bank_accounts", "DELETE FROM wallets_bankaccount_clients"),
    ("bank_accounts", OF_ANOTHER),
    ("bank_accounts", "UPDATE users_approval SET subject_id = '' WHERE kind = 'BANK_ACCOUNT'"),
    ("bank_accounts", "UPDATE users_approval SET state = 'REFUSED' WHERE kind = 'BANK_ACCOUNT'"),
    (
        "bank_accounts",
        ACCOUNT.format(
            "holder_name = 'Institution', approval_id = ("
            "SELECT id FROM users_approval WHERE kind = 'BANK_ACCOUNT' ORDER BY id LIMIT 1)"
        ),
    ),
    ("bank_openings", ACCOUNT.format("opening = opening + 1")),
    ("bank_openings", ACCOUNT.format("opening_date = opening_date + 1")),
    ("bank_openings", ACCOUNT.format("opening = NULL, opening_date = NULL")),
    ("bank_sources", SOURCE.format("cash_ins = 'API'")),
    ("bank_sources", SOURCE.format("cash_ins_since = cash_ins_since + interval '1 hour'")),
    ("bank_sources", SOURCE.format("cash_ins_since = NULL")),
    ("bank_sources", "UPDATE users_client SET cash_ins = 'BANK' WHERE name = 'Another'"),
    ("bank_sources", "UPDATE users_approval SET payload = '{}' WHERE kind = 'CASH_INS_SOURCE'"),
]
TABLES = ("users_approval", "users_client", "wallets_bankaccount", "wallets_bankaccount_clients")


def values(client: Any) -> dict[str, Any]:
    """What the form of a new account sends."""
    about = {"iban": IBAN, "bic": "", "holder_name": "Institution", "currency": "EUR"}
    kinds = {"purpose": "SAFEGUARDING", "booked_by": "STATEMENT"}
    return {"key": uuid4(), **about, **kinds, "clients": [client]}


@pytest.fixture
def agreed(client_demo):
    """An account and a source of cash-ins to which two people have agreed, and a statement."""
    people.a_client("Another")
    members = [a_member(ADMINISTRATOR, name=name) for name in ("ada", "ben")]
    form = values(client_demo)
    approve(ask(ask_to_add(None, form), members[0]), members[1])
    account = BankAccount.objects.get()
    changed = form | {"holder_name": "Institution Ltd"}
    approve(ask(ask_to_change(account, changed), members[0]), members[1])
    approve(ask(asked_source(client_demo, {"cash_ins": "BANK"}), members[0]), members[1])
    bank.receive(incoming("2.00", "R1"), opening="10.00", closing="12.00")


def execute_unguarded(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        assert cursor.rowcount >= 1


def findings_after(statement: str) -> set[str]:
    """What the audit finds after a change, which is undone."""
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before")
        execute_unguarded(statement)
        found = audited.violated()
        cursor.execute("ROLLBACK TO SAVEPOINT before")
    return found


@pytest.mark.slow
def test_audit_finds_changes_without_an_agreement(agreed):
    assert audited.wrong() == []
    found = [(equation, statement, findings_after(statement)) for equation, statement in WRONG]
    assert [each for each in found if each[0] not in each[2]] == []
    assert audited.wrong() == []


ADDED = """
    INSERT INTO wallets_bankaccount (id, iban, bic, holder_name, currency, purpose, booked_by,
        actor, created_at)
    VALUES (gen_random_uuid(), 'ES9121000418450200051332', '', 'Somebody', 'EUR', 'OWN_FUNDS',
        'STATEMENT', 'staff:1', now())
"""


def test_account_from_before_the_upgrade_needs_no_approval(db):
    execute_unguarded(ADDED)
    assert audited.violated() == {"bank_accounts"}
    execute_unguarded("UPDATE wallets_bankaccount SET created_at = now() - interval '2 days'")
    assert audited.violated() == set()
