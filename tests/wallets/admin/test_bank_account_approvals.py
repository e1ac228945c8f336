"""Two people add, change and close the bank accounts that hold the money of the wallets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from iocash import errors
from iocash.db import clock
from tests.support import bank, people
from tests.support.approvals import approve, ask, post_and_approve
from tests.support.camt import incoming
from tests.support.sandbox import made, set_clock
from tests.support.staff import ADMINISTRATOR, a_member, browser_of
from users.approvals.actions import action_of_approval
from users.models import Approval
from wallets.admin.approvals.bank_accounts import ask_to_add, ask_to_change, ask_to_close
from wallets.models import BankAccount

IBAN = "ES9121000418450200051332"


@pytest.fixture
def members(db):
    return [a_member(ADMINISTRATOR, name=name) for name in ("ada", "ben")]


def values(*clients: Any, **others: Any) -> dict[str, Any]:
    """What the form of a new account sends."""
    return {
        "key": uuid4(),
        "iban": IBAN,
        "bic": "",
        "holder_name": "Institution",
        "currency": "EUR",
        "purpose": "SAFEGUARDING",
        "booked_by": "STATEMENT",
        "clients": clients,
        **others,
    }


@pytest.fixture
def account(members, client_demo):
    """An account that two people have added."""
    approve(ask(ask_to_add(None, values(client_demo)), members[0]), members[1])
    check_now()
    return BankAccount.objects.get()


@pytest.fixture
def account_of_command(client_demo):
    """An account that a command has made an hour ago."""
    about = values(client_demo, actor="system:demo")
    del about["key"], about["clients"]
    with made():
        account = BankAccount.objects.create(**about)
        account.clients.set([client_demo])
        check_now()
        set_clock(clock.now() + timedelta(hours=1))
        yield account


def check_now() -> None:
    """Check what is checked at the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def execute_and_check(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    check_now()


def facts(asked: Approval) -> dict[str, str]:
    return dict(action_of_approval(asked).facts(asked))


@pytest.mark.slow
def test_two_people_add_an_account(members, client_demo):
    asked = ask(ask_to_add(None, values(client_demo)), members[0])
    assert not BankAccount.objects.exists()
    assert facts(asked) == {
        "iban": IBAN,
        "bic": "",
        "holder": "Institution",
        "currency": "EUR",
        "purpose_code": "SAFEGUARDING",
        "booked_by_code": "STATEMENT",
        "clients": "Demo",
        "account_status": "OPEN",
    }
    with pytest.raises(errors.PermissionDenied):
        approve(asked, members[0])
    approve(asked, members[1])
    check_now()
    account = BankAccount.objects.get()
    assert (account.actor, account.approval_id) == (f"staff:{members[0].pk}", asked.id)
    assert [*account.clients.all()] == [client_demo]
    entry = LogEntry.objects.get(object_id=str(account.id))
    assert (entry.user, entry.change_message) == (members[0], "Bank account added: Demo.")


@pytest.mark.slow
def test_two_people_change_an_account(members, account, client_demo):
    other = people.a_client("Another")
    changed = {"bic": "", "holder_name": "Institution", "booked_by": "NOTIFICATION"}
    asked = ask(ask_to_change(account, changed | {"clients": [other, client_demo]}), members[1])
    found = facts(asked)
    assert (found["clients"], found["clients_after"]) == ("Demo", "Another, Demo")
    assert (found["booked_by_code"], found["booked_by_after_code"]) == ("STATEMENT", "NOTIFICATION")
    assert "bic_after" not in found
    approve(asked, members[0])
    check_now()
    account.refresh_from_db()
    assert (account.booked_by, account.clients.count()) == ("NOTIFICATION", 2)


@pytest.mark.slow
def test_two_people_close_an_account(members, account):
    asked = ask(ask_to_close(account, {}), members[0])
    assert facts(asked)["account_after_status"] == "CLOSED"
    approve(asked, members[1])
    check_now()
    account.refresh_from_db()
    assert not account.is_open
    with pytest.raises(errors.InvalidFields):
        ask(ask_to_close(account, {}), members[0])


@pytest.mark.slow
def test_client_with_lines_of_the_account_stays(members, account, client_demo, bobs):
    """Without it, its booked lines would be in no equation."""
    bank.agree_to_source(client_demo, "BANK")
    bank.receive(incoming("5.00", "R1", target=bank.an_iban(bobs)))
    assert bank.states() == {"MATCHED": 1}
    changed = {"bic": "", "holder_name": "Other", "booked_by": "STATEMENT", "clients": []}
    with pytest.raises(errors.InvalidFields):
        ask(ask_to_change(account, changed), members[0])
    asked = ask(ask_to_change(account, changed | {"clients": [client_demo]}), members[0])
    assert approve(asked, members[1]).state == "APPROVED"


@pytest.mark.slow
def test_account_that_is_here_is_not_added_again(members, account, client_demo):
    with pytest.raises(errors.InvalidFields):
        ask(ask_to_add(None, values(client_demo)), members[0])
    both = [
        ask(ask_to_add(None, values(client_demo, iban="DE02120300000000202051")), member)
        for member in members
    ]
    assert approve(both[0], members[1]).state == "APPROVED"
    assert approve(both[1], members[0]).state == "FAILED"


def test_own_funds_hold_no_clients_money(members, client_demo):
    with pytest.raises(errors.InvalidFields):
        ask(ask_to_add(None, values(client_demo, purpose="OWN_FUNDS")), members[0])


ALONE = [
    "UPDATE wallets_bankaccount SET booked_by = 'NOTIFICATION'",
    "UPDATE wallets_bankaccount SET closed_at = iocash_clock()",
    "UPDATE wallets_bankaccount SET bic = 'ABCDEFGH'",
    "UPDATE wallets_bankaccount SET holder_name = 'Other'",
    "UPDATE wallets_bankaccount SET approval_id = gen_random_uuid()",
    "DELETE FROM wallets_bankaccount_clients",
    """
    INSERT INTO wallets_bankaccount_clients (bankaccount_id, client_id)
    SELECT account.id, client.id FROM wallets_bankaccount account, users_client client
    WHERE client.name = 'Another'
    """,
]
"""What nobody may do alone to an account."""


@pytest.mark.slow
@pytest.mark.parametrize("sent", [*ALONE, "UPDATE wallets_bankaccount SET approval_id = NULL"])
def test_database_refuses_ends_without_two_people(account, sent):
    people.a_client("Another")
    with pytest.raises(IntegrityError), transaction.atomic():
        execute_and_check(sent)


@pytest.mark.parametrize("sent", ALONE)
def test_database_refuses_to_change_an_account_of_a_command(account_of_command, sent):
    people.a_client("Another")
    with pytest.raises(IntegrityError), transaction.atomic():
        execute_and_check(sent)


def test_database_refuses_an_account_of_one_person(members, client_demo):
    about = values(client_demo, actor=f"staff:{members[0].pk}")
    del about["key"], about["clients"]
    with pytest.raises(IntegrityError), transaction.atomic():
        BankAccount.objects.create(**about)
    asked = ask(ask_to_add(None, values(client_demo)), members[0])
    BankAccount.objects.create(**about, approval_id=asked.id)
    with pytest.raises(IntegrityError), transaction.atomic():
        check_now()
    BankAccount.objects.all().delete()


@pytest.mark.slow
def test_earlier_approval_is_not_used_again(members, account, client_demo):
    first = account.approval_id
    changed = {"bic": "", "holder_name": "Other", "booked_by": "STATEMENT", "clients": []}
    approve(ask(ask_to_change(account, changed), members[0]), members[1])
    check_now()
    with pytest.raises(IntegrityError), transaction.atomic():
        BankAccount.objects.update(holder_name="Institution", approval_id=first)


def test_command_makes_an_account_without_people(client_demo):
    about = values(client_demo, actor="system:demo")
    del about["key"], about["clients"]
    account = BankAccount.objects.create(**about)
    account.clients.set([client_demo])
    check_now()


def test_two_people_change_an_account_of_a_command(members, account_of_command, client_demo):
    changed = {"bic": "", "holder_name": "Other", "booked_by": "STATEMENT", "clients": []}
    asked = ask(ask_to_change(account_of_command, changed), members[0])
    assert approve(asked, members[1]).state == "APPROVED"
    check_now()
    assert not account_of_command.clients.exists()


@pytest.mark.slow
def test_pages_ask_for_a_second_person(members, client_demo, account):
    browser = browser_of(members[0])
    sent = values(iban="DE02120300000000202051").items()
    form: dict[str, Any] = {name: str(value) for name, value in sent}
    form["clients"] = [str(client_demo.pk)]
    post_and_approve(browser, reverse("admin:wallets_bankaccount_add"), form)
    added = BankAccount.objects.get(iban="DE02120300000000202051")
    assert [*added.clients.all()] == [client_demo]
    close = reverse("admin:wallets_bankaccount_action", args=[added.pk, "close"])
    post_and_approve(browser, close, {"key": str(uuid4())})
    change = reverse("admin:wallets_bankaccount_action", args=[account.pk, "change"])
    form = {"holder_name": "New", "bic": "", "booked_by": "STATEMENT", "key": str(uuid4())}
    post_and_approve(browser, change, form)
    check_now()
    account.refresh_from_db()
    added.refresh_from_db()
    assert (account.holder_name, account.clients.count(), added.is_open) == ("New", 0, False)
