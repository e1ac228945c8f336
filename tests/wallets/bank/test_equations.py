"""Each equation about bank lines finds a row that is wrong."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.support import audited, bank
from tests.support.camt import Line, incoming
from users.models.events import By
from wallets.bank import decisions
from wallets.models import BankLine

LINE = "UPDATE wallets_bankline SET {} WHERE reference = '{}'"
WRONG = [
    ("bank_movements", LINE.format("amount = amount - 1", "R1")),
    ("bank_lines", LINE.format("is_open = false", "R2")),
    ("bank_parts", LINE.format("entry_amount = entry_amount + 1", "R2")),
    ("bank_decisions", "UPDATE wallets_bankdecision SET is_approved = false"),
    ("bank_returns", LINE.format("amount = amount - 1", "R3")),
    ("bank_pairs", LINE.format("amount = amount - 1", "N1")),
]


def decide(reference: str, kind: str, pair: str = "") -> None:
    line = BankLine.objects.select_related("account").get(reference=reference)
    other = BankLine.objects.filter(reference=pair).first()
    asked = decisions.ask_for_decision(line, kind, by=By("staff:1"), reason="x", pair=other)
    decisions.answer_decision(asked, by=By("staff:2"), is_approved=True)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.spoils_the_books
@pytest.mark.parametrize(("equation", "statement"), WRONG)
def test_wrong_bank_row_violates_the_named_equation(client_demo, bobs, equation, statement):
    account = bank.an_account(client_demo)
    bank.receive(
        incoming("1.00", "R1", target=bank.an_iban(bobs)),
        incoming("2.00", "R2"),
        incoming("3.00", "R3"),
        Line(amount="3.00", sign="DBIT", reference="R4"),
        name="S",
    )
    decide("R3", "RETURN")
    decide("R4", "RETURN", pair="R3")
    bank.change(account, booked_by="NOTIFICATION")
    bank.receive(incoming("5.00", "N1"), kind="camt.054", name="N")
    bank.receive(incoming("5.00", "S1"), name="T")
    decide("S1", "SAME", pair="N1")
    assert audited.wrong() == []
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("bankline", "bankdecision"):
            cursor.execute(f"ALTER TABLE wallets_{table} DISABLE TRIGGER USER")
        cursor.execute(statement)
    assert equation in audited.violated()
