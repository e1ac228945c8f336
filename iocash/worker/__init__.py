"""Duties: work that is due at some time, without a request. `manage.py work` does it.

A duty is a small class of an app. It takes what is due, does it and writes it:

    class ExpireHolds(Duty):
        name = "expire-holds"

        def perform(self) -> int:
            overdue = Wallet.objects.overdue()[:100]
            ...
            return len(overdue)

`users.duties` and `wallets.duties` create their duties and add them with `add_duties`. The loop is
in `iocash.worker.loop`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from threading import Event
from typing import ClassVar, Final


class Interrupted(Exception):
    """A batch was given up because the process must end. It is no failure."""

    is_failure = False
    """For `iocash.traces`, which stands below this package."""


class Duty:
    """Something to do whenever it is due.

    Any number of processes perform the same duty at the same time, and none of them leads. So a
    duty takes its rows with `FOR NO KEY UPDATE SKIP LOCKED`, with a lease, or with a condition in
    an UPDATE. Each process may be killed at any time: what was taken and not written is due again.
    """

    name: ClassVar[str]
    """Its name in logs, in `--only` and in `users_dutystate`, as `expire-holds`."""

    every: ClassVar[float] = 0.25
    """Seconds between two looks while nothing is due."""

    patience: ClassVar[float | None] = None
    """Seconds for one answer of the database; None is DATABASE_PATIENCE."""

    longest_pause: ClassVar[float] = 60.0
    """Seconds before it is tried again after many failures; the first pause is a second."""

    ended: Event = Event()
    """Set when the process must end. A batch that takes long looks at it."""

    def require_time(self) -> None:
        """Raise Interrupted if the process must end. What was not written is due again."""
        if self.ended.is_set():
            raise Interrupted

    def next_due(self) -> datetime | None:
        """The instant of the database's clock at which something is due; None: nothing will be.

        A past instant: it is due now. Only duties that answer are performed while the clock of a
        sandbox is advanced (`iocash.worker.ahead`); what others do is not dated by that clock.
        """
        return None

    def perform(self) -> int:
        """Do one batch of what is due, and return how much was done; 0 if nothing is due.

        It is called in autocommit mode, by one thread of each process. After a result above 0 it is
        called again at once, so a batch takes a second or two at most: a worker that ends finishes
        its batch. An exception is logged, and the duty is performed again after a pause.
        """
        raise NotImplementedError


DUTIES: Final[dict[str, Duty]] = {}
"""All duties by their names, after `iocash.worker.loop.load_duties`."""


def add_duties(*duties: Duty) -> None:
    """Add duties to those that `manage.py work` performs.

    Raises:
        ValueError: another duty has the name.
    """
    for duty in duties:
        if type(DUTIES.setdefault(duty.name, duty)) is not type(duty):
            raise ValueError(f"There are two duties {duty.name!r}.")


def chosen_duties(names: Iterable[str]) -> list[Duty]:
    """The duties with these names; without names, all.

    Raises:
        KeyError: there is no such duty.
    """
    return [DUTIES[name] for name in names] or [*DUTIES.values()]
