"""Notices to the owners of dormant wallets."""

from __future__ import annotations

from iocash.db import clock
from users.models.ids import new_id
from wallets.models import DormancyNotice, Wallet


def a_notice(wallet: Wallet, note: str = "", *, actor: str = "staff:1") -> DormancyNotice:
    """A letter that was sent today; the wallet need not be dormant."""
    values = {"channel": "LETTER", "sent_on": clock.now().date(), "note": note}
    return DormancyNotice.objects.create(id=new_id(), wallet=wallet, actor=actor, **values)
