"""The bank account of the institution, and statements that are imported for it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection

from iocash.db import clock
from tests.support import people
from tests.support.camt import IBAN, Line, Statement
from users.admin.approved_clients import asked_source
from users.models import Client
from wallets import posting
from wallets.bank.statements import ImportReport, import_statement
from wallets.models import BankAccount, BankLine, BankOutcome, Wallet
from wallets.orders.ibans import CreateIban


def an_account(client: Client, *, iban: str = IBAN, cash_ins: str = "BANK", **values: Any) -> Any:
    """A safeguarding account in EUR that holds the money of the client."""
    account = BankAccount.objects.create(
        **{"iban": iban, "holder_name": "Institution", "currency": "EUR", "actor": "system:tests"}
        | {"purpose": "SAFEGUARDING"}
        | values
    )
    account.clients.add(client)
    agree_to_source(client, cash_ins)
    return account


def change(account: BankAccount, **values: Any) -> None:
    """Change an account as its owner, without the two people that the database requires."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_bankaccount DISABLE TRIGGER USER")
        BankAccount.objects.filter(id=account.id).update(**values)
        cursor.execute("ALTER TABLE wallets_bankaccount ENABLE TRIGGER USER")
    account.refresh_from_db()


def agree_to_source(client: Client, source: str) -> None:
    """Let the cash-ins of a client have this source, as two people have agreed, in few queries."""
    if client.cash_ins == source:
        return
    members = get_user_model().objects
    first, second = (
        members.get_or_create(username=name, defaults={"is_staff": True})[0].pk
        for name in ("source asker", "source approver")
    )
    asked = asked_source(client, {"cash_ins": source})
    asked.asked_by_id, asked.reason = first, "Contract"
    asked.expires_at = clock.now() + timedelta(days=7)
    asked.save(force_insert=True)
    asked.state, asked.decided_by_id, asked.decided_at = "APPROVED", second, clock.now()
    asked.save(update_fields=["state", "decided_by", "decided_at"])
    client.cash_ins = source
    client.save(update_fields=["cash_ins"])


def an_iban(wallet: Wallet) -> str:
    """Give a wallet an IBAN of its own."""
    posting.submit(CreateIban(**people.about(wallet)))
    wallet.refresh_from_db()
    assert wallet.iban
    return wallet.iban


def receive(*lines: Line, name: str = "STATEMENT-1", **values: Any) -> ImportReport:
    """Import a statement with these lines."""
    content = Statement(lines=lines, name=name, **values).xml()
    return import_statement(content, name=f"{name}.xml", actor="system:tests")


def states() -> Counter[str]:
    """How many lines are in which state, or in suspense for which reason."""
    explained = dict(BankOutcome.objects.values_list("line", "status"))
    rows = BankLine.objects.all()
    return Counter(explained.get(row.id) or row.reason or "NEW" for row in rows)


def balance(wallet: Wallet) -> int:
    wallet.refresh_from_db()
    return wallet.balance
