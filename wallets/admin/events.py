"""The page of events, with the owners of the wallets that they are about."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from users.admin import events
from users.models import Event
from wallets.models import Wallet

admin.site.unregister(Event)


@admin.register(Event)
class EventWithOwnersAdmin(events.EventAdmin):
    """Names the owner of the wallet that an event is about."""

    def prepare(self, rows: list[Any]) -> None:
        super().prepare(rows)
        wallets = Wallet.objects.select_related("user").in_bulk(
            {row.wallet_id for row in rows if row.wallet_id}
        )
        for row in rows:
            if wallet := wallets.get(row.wallet_id):
                row.about = wallet.user
