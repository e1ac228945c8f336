"""A row of each model of the bank that the back office shows."""

from __future__ import annotations

from typing import Any

from tests.support import bank
from tests.support.camt import Statement, incoming
from users.models import Client
from users.models.events import By
from wallets.bank import decisions, safeguarding_reports, uploads
from wallets.models import BankLine


def bank_rows(client: Client) -> dict[str, Any]:
    """A line in suspense, a decision about another, and a report of safeguarding."""
    bank.an_account(client, cash_ins="API")
    bank.receive(incoming("1.00", "R1"), incoming("2.00", "R2"), opening="0.00", closing="3.00")
    first, second = BankLine.objects.select_related("account").order_by("reference")
    decision = decisions.ask_for_decision(first, "IGNORE", by=By("staff:0"), reason="Fee")
    report = safeguarding_reports.make_report()
    content = Statement(lines=(incoming("3.00", "R3"),)).xml()
    upload = uploads.store_upload(content, kind="STATEMENT", name="a.xml", by=By("staff:0"))
    return {
        "wallets.bankupload": upload,
        "wallets.bankdecision": decision,
        "wallets.bankline": second,
        "wallets.safeguardingreport": report,
    }
