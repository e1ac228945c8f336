"""What members of staff may do alone: actions with money below the thresholds, and most unblocking.

A threshold is of an action and a currency, in minor units; without one, every such action needs an
approval. It counts all that one person did alone in 24 hours in the currency, by any of these
actions, so that many small actions are one big one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from iocash import errors, money
from users.models.approvals import NEVER_ALONE, ApprovalKind
from users.models.events import By
from wallets.books.opened import Opened

FRAUD: Final = "SUSPECTED_FRAUD"
"""The reason of a block that one member of staff does not end alone."""


class WatchedAction(NamedTuple):
    """An action of staff with money, and its amount in minor units.

    The amount of what staff never do alone does not matter.
    """

    kind: ApprovalKind
    currency: str
    amount: int = 0


def require_within_thresholds(books: Opened, by: By, deeds: Iterable[WatchedAction]) -> None:
    """Require that a member of staff may do these actions alone, after all of the last 24 hours.

    Raises:
        ApprovalRequired: the sum would be above the threshold of one of them, or one of them is a
            payment with the money of a customer.
    """
    added: dict[str, int] = {}
    for deed in deeds:
        if deed.kind in NEVER_ALONE:
            raise errors.ApprovalRequired(
                "Members of staff can't pay with the money of a customer alone. The client of the "
                "wallet orders payments; a pay-out in the back office needs an approval."
            )
        before = books.deeds.get((by.actor, deed.currency), 0)
        added[deed.currency] = added.get(deed.currency, 0) + deed.amount
        threshold = books.thresholds.get((deed.kind, deed.currency), 0)
        if before + added[deed.currency] > threshold:
            raise errors.ApprovalRequired(
                errors.Message(
                    "Somebody else must approve this. You may do {threshold} {currency} in 24 "
                    "hours alone; with this it would be {total} {currency}.",
                    threshold=money.to_text(threshold, deed.currency),
                    total=money.to_text(before + added[deed.currency], deed.currency),
                    currency=deed.currency,
                )
            )


def count_deeds(books: Opened, by: By, deeds: Iterable[WatchedAction]) -> None:
    """Count what a member of staff did alone, for the orders of the same group that follow."""
    for deed in deeds:
        name = by.actor, deed.currency
        books.deeds[name] = books.deeds.get(name, 0) + deed.amount


def require_no_fraud(books: Opened, by: By, blocked_id: UUID) -> None:
    """Require that no member of staff unblocks alone what was blocked for suspected fraud.

    Raises:
        ApprovalRequired: it was.
    """
    if by.is_alone and books.blocks.get(blocked_id) == FRAUD:
        raise errors.ApprovalRequired(
            "It was blocked because of suspected fraud. Somebody else must approve this."
        )


def require_two_to_lift(by: By) -> None:
    """Require that no member of staff lifts a freeze alone: an authority has asked for it.

    Raises:
        ApprovalRequired: `by` is alone.
    """
    if by.is_alone:
        raise errors.ApprovalRequired("A freeze is lifted by two people.")
