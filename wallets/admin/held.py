"""By what the money of a wallet is held: open holds, freezes and pending cash-outs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.actions import address_of
from wallets.admin import freezes
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
    oldest = open_holds.select_related("target__user", "case").order_by("created_at", "id")
    holds = list(oldest[: MOST_SHOWN + 1])
    actors = freezes.actors_of(hold for hold in holds if hold.is_freeze)
    pending = Movement.objects.filter(wallet=wallet, status=Movement.Status.PENDING)
    found = [
        *(held_by_hold(hold, actors.get(str(hold.id), "")) for hold in holds),
        *map(held_by_cash_out, pending.order_by("created_at", "id")[: MOST_SHOWN + 1]),
    ]
    rows = sorted(found, key=lambda each: each.since)
    return AllHeld([*islice(rows, MOST_SHOWN)], wallet.held_now, has_more=len(rows) > MOST_SHOWN)


def held_by_hold(hold: Hold, who: str) -> Held:
    """A hold; or a freeze, and `who` has placed it."""
    if hold.case:
        kind: Any = gettext("Frozen by %(who)s") % {"who": who}
        target = gettext("Case %(number)s") % {"number": hold.case.number}
    else:
        kind, target = _("Hold"), hold.target.user.display_name if hold.target else ""
    return Held(
        kind=kind,
        since=hold.created_at,
        amount=hold.left,
        target=target,
        until=_("until it is lifted") if hold.is_freeze else hold.expires_at,
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
