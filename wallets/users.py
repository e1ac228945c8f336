"""What is done to a user and to its wallets in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from iocash.db.transactions import single_transaction
from users import users
from users.models.events import By
from wallets import posting
from wallets.orders.users import UnsubscribeUser


def change_or_close(
    *,
    client_id: UUID,
    user_id: UUID,
    values: Mapping[str, Any],
    closes: bool,
    by: By,
    if_match: frozenset[str] | None = None,
) -> None:
    """Set the fields that `values` names and, with `closes`, close the account: both or neither.

    Raises:
        Refused: as `users.update` and `UnsubscribeUser` refuse.
    """
    with single_transaction():
        users.update(client_id=client_id, user_id=user_id, values=values, by=by, if_match=if_match)
        if closes:
            posting.submit(UnsubscribeUser(client_id=client_id, by=by, user_id=user_id))
