"""Freezes: amounts that staff freeze at the request of an authority."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.support import people
from users.models import Case
from wallets import posting
from wallets.models import Hold, Wallet
from wallets.orders.freezes import FreezeAmount, LiftFreeze


def a_request(**values: Any) -> Case:
    """An open request of an authority."""
    given = {"kind": "AUTHORITY", "title": "Court order", "due_on": "2999-01-01"}
    return Case.objects.create(key=uuid4(), actor="staff:1", **given | values)


def a_freeze(wallet: Wallet, amount: int, case: Case | None = None, **values: Any) -> FreezeAmount:
    """An order that freezes `amount` minor units of the wallet."""
    given = {"concept": "Court order", "amount": people.decimal(amount, wallet.currency)}
    about = people.about(wallet, case_id=(case or a_request()).pk)
    return FreezeAmount(**about | given | values)


def freeze(wallet: Wallet, amount: int, case: Case | None = None, **values: Any) -> Hold:
    return people.seen(posting.submit(a_freeze(wallet, amount, case, **values)).id)


def a_lift(frozen: Hold, **values: Any) -> LiftFreeze:
    about: dict[str, Any] = {"client_id": frozen.client_id, "by": people.BY, "reason": "Revoked"}
    return LiftFreeze(**about | {"wallet_id": frozen.wallet_id, "freeze_id": frozen.id} | values)


def lift(frozen: Hold, **values: Any) -> Hold:
    return people.seen(posting.submit(a_lift(frozen, **values)).id)
