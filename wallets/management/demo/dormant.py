"""Customers of the demo's institution who have not used their wallets for more than a year."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from users import users
from users.models.events import By
from wallets import posting
from wallets.management.demo.history import cents
from wallets.models import Wallet
from wallets.orders.payments import CashIn
from wallets.orders.users import ActivateUser

CUSTOMERS: Final = (("Alice", "Olite", 120_00), ("Bob", "Baeza", 42_50), ("Alice", "Trujillo", 0))
"""First name, last name, and cents that they have left."""


def join_and_leave(client_id: UUID, by: By) -> None:
    """Create the customers with what they have left in their wallets, at the present time.

    Raises:
        Refused: a rule doesn't allow what the demo takes for granted.
    """
    about: dict[str, Any] = {"client_id": client_id, "by": by}
    for number, (first_name, last_name, amount) in enumerate(CUSTOMERS):
        values = {
            "kind": "NATURAL",
            "user_name": f"{first_name}-{last_name}".lower(),
            "first_name": first_name,
            "last_name": last_name,
            "email": f"{first_name}.{last_name}@example.com".lower(),
            "mobile_phone": f"+34622{number:06}",
        }
        user = users.create(client_id=client_id, values=values, by=by).user
        posting.submit(ActivateUser(**about, user_id=user.id, phone=user.mobile_phone))
        if amount:
            wallet = Wallet.objects.get(client=client_id, user=user)
            posting.submit(CashIn(**about, wallet_id=wallet.id, amount=cents(amount)))
