"""The doors below a wallet: what each is called, what it needs, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from tests.support.ibans import OTHER_IBAN

WALLET = "wallets/{wallet}"
HOLD = f"{WALLET}/holds/{{hold}}"
ACCOUNT = f"{WALLET}/external-accounts/{{account}}"
REVERSAL = f"{WALLET}/movements/{{movement}}/reversal"
BATCH = f"{WALLET}/movements/batch"


@dataclass(frozen=True)
class Door:
    """One operation: `takes` makes a body that it accepts, for what the paths name."""

    method: str
    path: str
    scope: str
    model: str
    status: int = 200

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, there: dict[str, UUID], **other: Any) -> str:
        return self.path.format(**there | other)

    def body(self, there: dict[str, UUID], amount: str = "10.00") -> Any:
        """A body that is taken, or none."""
        bob = str(there["bob"])
        account = {"externalIban": {"accountNumber": OTHER_IBAN}, "alias": f"Rent {amount}"}
        item = {"type": "TRANSFER", "targetWalletId": bob, "amount": amount}
        return {
            f"POST {WALLET}/holds": {"targetWalletId": bob, "amount": amount},
            f"PATCH {HOLD}": {"status": "RELEASED"},
            f"POST {HOLD}/executions": {"amount": amount},
            f"POST {REVERSAL}": {"amount": amount},
            f"POST {BATCH}": {"movements": [item]},
            f"POST {WALLET}/external-accounts": account,
            f"PATCH {ACCOUNT}": {"status": "REMOVED"},
        }.get(str(self))


DOORS = [
    Door("GET", f"{WALLET}/holds", "movements:read", "hold"),
    Door("POST", f"{WALLET}/holds", "movements:write", "hold", 201),
    Door("GET", HOLD, "movements:read", "hold"),
    Door("PATCH", HOLD, "movements:write", "hold"),
    Door("POST", f"{HOLD}/executions", "movements:write", "movement", 201),
    Door("POST", REVERSAL, "movements:write", "movement", 201),
    Door("POST", BATCH, "movements:write", "movement", 201),
    Door("GET", f"{WALLET}/external-accounts", "wallets:read", "externalaccount"),
    Door("POST", f"{WALLET}/external-accounts", "wallets:write", "externalaccount", 201),
    Door("GET", ACCOUNT, "wallets:read", "externalaccount"),
    Door("PATCH", ACCOUNT, "wallets:write", "externalaccount"),
    Door("GET", f"{WALLET}/balance", "wallets:read", "wallet"),
    Door("GET", f"{WALLET}/statement", "movements:read", "movement"),
]
READING = [door for door in DOORS if door.method == "GET"]
CHANGING = [door for door in DOORS if door.method != "GET"]
KEYED = [door for door in DOORS if door.method == "POST"]
"""These take an Idempotency-Key."""


def at_each(doors: list[Door] = DOORS) -> Any:
    return pytest.mark.parametrize("door", doors, ids=str)
