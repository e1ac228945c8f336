"""The duty that expires holds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Min

from iocash import errors
from iocash.worker import Duty
from users.models.clients import IS_AWAY
from users.models.events import CLOCK
from wallets import posting
from wallets.duties.draws import draw_due
from wallets.models import Hold, Wallet
from wallets.orders.base import Result
from wallets.orders.holds import ExpireHolds

BATCH: Final = 100
"""Holds that are expired together; they lock their wallets for a few milliseconds."""


class ExpireOverdueHolds(Duty):
    """Write which holds have expired, with their events, soon after their instant.

    Decisions don't wait for this: an order expires the overdue holds of the wallets that it locks.
    Wallets that are locked are left for the next look. Two processes that take the same wallet wait
    for each other, and the second finds nothing. Batches are drawn, so they seldom do.
    """

    name = "expire-holds"

    def next_due(self) -> datetime | None:
        waiting = Hold.objects.filter(status=Hold.Status.OPEN).exclude(IS_AWAY)
        found: datetime | None = waiting.aggregate(at=Min("expires_at"))["at"]
        return found

    def perform(self) -> int:
        """Expire a batch; return how many of its holds are no longer open.

        Raises:
            Refused: no wallet could be posted.
        """
        overdue = Hold.objects.overdue().exclude(IS_AWAY).order_by("expires_at")
        chosen = draw_due(overdue.values_list("id", "wallet", "client"), BATCH)
        if not chosen:
            return 0
        clients = {wallet: client for _, wallet, client in chosen}
        orders = [
            ExpireHolds(client_id=clients[wallet], by=CLOCK, wallet_id=wallet)
            for wallet in unlocked(clients)
        ]
        require_progress(posting.submit_each(orders))
        holds = Hold.objects.filter(id__in=[hold for hold, *_ in chosen])
        return holds.exclude(status=Hold.Status.OPEN).count()


def unlocked(wallets: Iterable[UUID]) -> list[UUID]:
    """Those of the wallets that nobody has locked now."""
    with transaction.atomic():
        free = Wallet.objects.select_for_update(skip_locked=True, no_key=True)
        return [*free.filter(id__in=[*wallets]).values_list("id", flat=True)]


def require_progress(answers: list[Result]) -> None:
    """Raise the first refusal if nothing else was answered."""
    refused = [each for each in answers if isinstance(each, errors.Refused)]
    if refused and len(refused) == len(answers):
        raise refused[0]
