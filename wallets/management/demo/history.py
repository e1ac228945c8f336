"""Executes what the members and the staff do, each at its time, by orders of the ledger.

The clock of the sandbox is behind at first. It is advanced from action to action, and at last to
the real time. Actions of some minutes are posted as one group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from iocash import errors
from users.models import Sandbox
from users.models.events import By
from users.models.sandbox import advance_clock
from wallets import posting
from wallets.management.demo.members import Member
from wallets.orders.base import Order, Outcome

WINDOW: Final = timedelta(minutes=90)
"""Actions within this time are posted together, at the time of the first."""
ORDINARY: Final = (
    errors.InsufficientFunds,
    errors.LimitExceeded,
    errors.WalletNotEmpty,
    errors.WalletNotReady,
    errors.UserNotActive,
    errors.MovementNotPending,
    errors.HoldNotOpen,
)
"""Refusals that happen on any day. Others are mistakes of the demo."""

Then = Callable[[Outcome], object]
Action = Callable[["History"], Iterable[tuple[Order, Then | None]]]
"""Does something, and names the orders to post, each with what follows its outcome."""


@dataclass(slots=True)
class History:
    """The actions to come, in the order of their times, and what they must know of each other."""

    client_id: UUID
    by: By
    """The API key of the client."""
    staff: Sequence[By]
    random: Random
    start: datetime
    end: datetime
    offset: timedelta
    actions: list[tuple[datetime, int, Action]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)
    now: datetime = field(init=False)
    to_send: list[tuple[datetime, UUID, UUID]] = field(default_factory=list)
    """The cash-outs that wait for the next file: when they were requested, wallet and movement."""
    to_settle: list[tuple[datetime, UUID, UUID]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = self.start

    def plan(self, at: datetime, action: Action) -> None:
        """Plan an action; one that is not within the history never happens."""
        if self.now <= at < self.end:
            heappush(self.actions, (at, next(self.numbers), action))

    def after(self, **delay: float) -> datetime:
        """The time this long after the present action: `after(hours=2)`."""
        return self.now + timedelta(**delay)

    def run(self) -> None:
        """Execute all actions, and those that follow from them; then set the clock to real time.

        Raises:
            Refused: a rule doesn't allow an action that the demo takes for granted.
        """
        while self.actions:
            self.advance(self.actions[0][0])
            orders: list[tuple[Order, Then | None]] = []
            while self.actions and self.actions[0][0] < self.now + WINDOW:
                orders += heappop(self.actions)[2](self)
            self.post(orders)
        advance_clock(-self.offset)

    def advance(self, at: datetime) -> None:
        """Advance the clock of the sandbox to `at`, unless it is past that already."""
        ahead = at - (timezone.now() + self.offset)
        if ahead > timedelta(0):
            advance_clock(ahead)
            self.offset += ahead
        self.now = at

    def post(self, orders: list[tuple[Order, Then | None]]) -> None:
        """Post the orders together, those that lock users alone; call what follows each."""
        shared = [each for each in orders if each[0].is_shared]
        for together in filter(None, [shared, *([each] for each in orders if each not in shared)]):
            answers = posting.submit_each([order for order, _ in together])
            for (_, then), answer in zip(together, answers, strict=True):
                if isinstance(answer, Outcome):
                    if then:
                        then(answer)
                elif not isinstance(answer, ORDINARY):
                    raise answer

    def about(self, member: Member, **values: Any) -> dict[str, Any]:
        """The fields of an order of the client about the wallet of a member."""
        return {"client_id": self.client_id, "by": self.by, "wallet_id": member.wallet_id} | values

    def by_staff(self, wallet_id: UUID, **values: Any) -> dict[str, Any]:
        """The fields of an order of a member of staff about a wallet."""
        by = self.random.choice(self.staff)
        return {"client_id": self.client_id, "by": by, "wallet_id": wallet_id} | values


def begun(client_id: UUID, by: By, staff: Sequence[By], seed: int) -> History:
    """An empty history, from the present time of the sandbox to the real time."""
    offset, end = Sandbox.objects.get().clock_offset, timezone.now()
    return History(client_id, by, staff, Random(seed), end + offset, end, offset)  # noqa: S311


def cents(amount: int) -> Decimal:
    return Decimal(amount).scaleb(-2)
