"""By what the money of a wallet is held: open holds and pending cash-outs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from users.actions import address_of
from wallets.admin.states import state_of
from wallets.models import Hold, Movement, Wallet

MOST_SHOWN: Final = 50
"""The most holds, and the most cash-outs, that the page of a wallet lists."""


@dataclass(frozen=True, slots=True)
class Held:
    """What holds a part of the balance; the amount is in minor units."""

    kind: Any
    since: datetime
    amount: int
    target: str
    until: Any
    address: str


@dataclass(frozen=True, slots=True)
class AllHeld:
    """The oldest that holds money, and the total of the wallet."""

    rows: Sequence[Held]
    total: int
    has_more: bool


def what_is_held(wallet: Wallet) -> AllHeld:
    """The open holds and pending cash-outs of a wallet that was read with `seen`, oldest first."""
    open_holds = Hold.objects.filter(wallet=wallet).seen().standing("OPEN")
    holds = open_holds.select_related("target__user").order_by("created_at", "id")
    pending = Movement.objects.filter(wallet=wallet, status=Movement.Status.PENDING)
    found = [
        *map(held_by_hold, holds[: MOST_SHOWN + 1]),
        *map(held_by_cash_out, pending.order_by("created_at", "id")[: MOST_SHOWN + 1]),
    ]
    rows = sorted(found, key=lambda each: each.since)
    return AllHeld([*islice(rows, MOST_SHOWN)], wallet.held_now, has_more=len(rows) > MOST_SHOWN)


def held_by_hold(hold: Hold) -> Held:
    return Held(
        kind=_("Hold"),
        since=hold.created_at,
        amount=hold.left,
        target=hold.target.user.display_name,
        until=hold.expires_at,
        address=address_of(hold),
    )


def held_by_cash_out(movement: Movement) -> Held:
    return Held(
        kind=_("Payment out"),
        since=movement.created_at,
        amount=-movement.amount,
        target=", ".join(filter(None, (movement.holder_name, movement.iban))),
        until=state_of(movement),
        address=address_of(movement),
    )
