"""The game with a dry run of every order: it predicts what the order does, and changes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Final

from iocash import errors
from tests.model.ledger_machine import Game
from tests.support.refusals import everything
from wallets import posting
from wallets.books.hold_rows import LockedHold
from wallets.books.rows import Leg
from wallets.orders.base import Order, Outcome

BY_CHANCE: Final = {"id", "operation_id", "salt", "details_digest", "digest"}
"""The columns of new rows that are different each time."""


def answer_to(post: Callable[[Order], Outcome], order: Order) -> Outcome | errors.Refused:
    try:
        return post(order)
    except errors.Refused as refusal:
        return refusal


def row(made: Leg | LockedHold) -> dict[str, Any]:
    values = dataclasses.asdict(made)
    return {name: value for name, value in values.items() if name not in BY_CHANCE}


def seen(answer: Outcome | errors.Refused) -> Any:
    """What is the same for a dry run and for the order that follows it."""
    if isinstance(answer, errors.Refused):
        return answer.code, answer.words, answer.facts, getattr(answer, "errors", ())
    hold = answer.hold and row(answer.hold)
    made = answer.id if answer.replayed else None
    return (answer.made, answer.status, answer.replayed), made, [*map(row, answer.legs)], hold


class DryRunGame(Game):
    """Counts the dry runs, and those that were not refused."""

    dry_runs: ClassVar[int] = 0
    predicted: ClassVar[int] = 0

    def hear(self, order: Order) -> Outcome | errors.Refused:
        before = everything()
        prediction = answer_to(posting.dry_run, order)
        assert everything() == before, f"the dry run of {order} has changed something"
        answer = super().hear(order)
        assert seen(prediction) == seen(answer), order
        DryRunGame.dry_runs += 1
        DryRunGame.predicted += isinstance(answer, Outcome)
        return answer
