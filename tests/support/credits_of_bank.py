"""Money that arrives at the bank."""

from __future__ import annotations

import json

from tests.support.mock_bank import MockBank


def arrives(bank: MockBank, amount: int, note: str) -> None:
    """Somebody pays into the account."""
    body = {"account": "ACME", "amount": amount, "note": note, "wrap": 35}
    body |= {"debtor": {"name": "Zoë Müller"}}
    assert "error" not in bank.ask("POST", "/_mock/credits", json.dumps(body).encode())
