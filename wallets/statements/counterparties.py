"""The owners of the wallets at the other end of payments."""

from __future__ import annotations

from collections.abc import Sequence

from users.models import User
from wallets.models import Movement, Wallet
from wallets.models.movements import Counterparty


def show_counterparties(movements: Sequence[Movement]) -> None:
    """Set `counterparty_shown` of each movement that has a counterparty, in two queries."""
    others = {each.counterparty_id for each in movements if each.counterparty_id}
    clients = {each.client_id for each in movements}
    wallets = Wallet.objects.filter(client__in=clients, id__in=others)
    owners = dict(wallets.values_list("id", "user_id"))
    users = User.objects.filter(client__in=clients).in_bulk({*owners.values()})
    for movement in movements:
        if movement.counterparty_id:
            user = users[owners[movement.counterparty_id]]
            shown = Counterparty(movement.counterparty_id, user.id, user.name)
            movement.counterparty_shown = shown
