"""Groups of clients: each has a PostgreSQL database of its own, with the whole schema.

All code uses the alias `default`. A group is entered by replacing what that alias is in this
thread. A router would have to be remembered by each statement, and one that forgets it would move
money in the wrong database.

Who keeps something about a database in the memory of a process keeps it by `current()`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.db.utils import load_backend

from iocash import errors
from iocash.db.backend.base import impatient

HOME: Final = "home"
"""The group whose database is DATABASE_URL. Sessions and staff are kept there."""

KEPT: Final = threading.local()
"""The connections of this thread, by group."""

AWAY_FOR: Final = 1.0
"""Seconds for which a group that did not answer is not asked again, but by one request."""
LONGEST_TRIAL: Final = 2.0
"""Seconds that this request waits for a connection."""
AWAY: Final[dict[str, float]] = {}
"""Until when the groups that did not answer are not asked, on the monotonic clock."""

Kept = TypeVar("Kept")


class ByGroup(dict[str, Kept], Generic[Kept]):
    """What a process keeps about a database: one for each group, made when it is used first."""

    def __init__(self, make: Callable[[], Kept]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, name: str) -> Kept:
        return self.setdefault(name, self.make())

    @property
    def here(self) -> Kept:
        """The one of the group of this thread."""
        return self[current()]


def names() -> tuple[str, ...]:
    """The names of all groups, home first."""
    return tuple(settings.GROUPS)


def are_several() -> bool:
    return len(settings.GROUPS) > 1


def own() -> str:
    """The group of this process: `home`, unless GROUP names another one."""
    name: str = settings.GROUP
    return name


def current() -> str:
    """The group whose database this thread uses."""
    if not are_several():
        return own()
    here: Any = connections[DEFAULT_DB_ALIAS]
    return here.group or own()


def folder(root: str) -> Path:
    """The folder of this thread's group below a folder of the settings; home has that one."""
    if current() == HOME:
        return Path(root)
    own_folder = Path(root) / current()
    with suppress(OSError):  # who reads can't create it
        own_folder.mkdir(exist_ok=True)
    return own_folder


@contextmanager
def entered(name: str) -> Iterator[None]:
    """Use the database of a group in this thread until the block ends, however it ends.

    What is entered within the block is left too.

    Raises:
        Inconsistent: there is no such group; or a transaction of another group is open, and its
            rest would be executed in the wrong database.
    """
    former = connections[DEFAULT_DB_ALIAS]
    enter(name)
    try:
        yield
    finally:
        leave_for(former)


def enter(name: str) -> None:
    """Use the database of a group in this thread until the `entered` around it ends.

    Raises:
        Inconsistent: as `entered`.
    """
    if name == current():
        return
    if is_in_transaction(connections[DEFAULT_DB_ALIAS]):
        raise errors.Inconsistent("a transaction of another group is open")
    switch_to_group(name)


def switch_to_group(name: str) -> None:
    """Use the database of a group, also within a transaction of another one.

    Raises:
        Inconsistent: there is no such group.
    """
    if name not in settings.GROUPS:
        raise errors.Inconsistent("there is no such group of clients")
    kept = vars(KEPT)
    kept[current()] = connections[DEFAULT_DB_ALIAS]
    if name not in kept:
        kept[name] = connect_to_group(name)
    connections[DEFAULT_DB_ALIAS] = kept[name]


@contextmanager
def beside(name: str) -> Iterator[None]:
    """Read in a group, also while a transaction of another one is open. Nothing is written in it.

    Raises:
        Inconsistent: there is no such group.
    """
    former = connections[DEFAULT_DB_ALIAS]
    switch_to_group(name)
    try:
        yield
    finally:
        leave_for(former)


def leave_for(former: Any) -> None:
    """Use the connection that was used before.

    Raises:
        Inconsistent: a transaction is still open; its connection is closed.
    """
    here: Any = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = former
    if here is not former and is_in_transaction(here):
        vars(KEPT).pop(here.group or own(), None)
        if here.connection is not None:
            here.connection.close()
        raise errors.Inconsistent("a transaction of a group was left open")


def is_in_transaction(here: Any) -> bool:
    return here.in_atomic_block or getattr(here, "own_transaction", None) is not None


def connect_to_group(name: str) -> Any:
    """Create the connection of a group; it is opened by its first statement."""
    alias = DEFAULT_DB_ALIAS
    given = {**settings.GROUPS[name][alias]}
    filled = connections.configure_settings({alias: given})[alias]
    made: Any = load_backend(filled["ENGINE"]).DatabaseWrapper(filled, alias)
    made.group = name
    return made


# --- Groups that are away ------------------------------------------------------------------------


def note_away() -> None:
    """Record that the database of this thread's group did not answer."""
    if are_several():
        AWAY[current()] = time.monotonic() + AWAY_FOR


def require_reachable(name: str) -> None:
    """Refuse at once to wait for a group that did not answer just now.

    So the requests of its clients don't occupy all threads. One of them a second tries it.

    Raises:
        DatabaseUnavailable: it did not answer.
    """
    until = AWAY.get(name)
    if until is None:
        return
    if time.monotonic() < until:
        raise errors.DatabaseUnavailable()
    AWAY[name] = time.monotonic() + AWAY_FOR
    with entered(name):
        try_connection()
    AWAY.pop(name, None)


def try_connection() -> None:
    """
    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    here: Any = connections[DEFAULT_DB_ALIAS]
    try:
        with impatient(here, LONGEST_TRIAL), here.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (OperationalError, InterfaceError):
        here.close()
        note_away()
        raise errors.DatabaseUnavailable() from None
