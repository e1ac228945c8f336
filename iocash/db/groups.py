"""Groups of clients: each has a PostgreSQL database of its own, with the whole schema.

All code uses the alias `default`. A group is entered by replacing what that alias is in this
thread. A router would have to be remembered by each statement, and one that forgets it would move
money in the wrong database.

Who keeps something about a database in the memory of a process keeps it by `current()`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import load_backend

from iocash import errors

HOME: Final = "home"
"""The group whose database is DATABASE_URL. Sessions and staff are kept there."""

KEPT: Final = threading.local()
"""The connections of this thread, by group."""


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
    here: Any = connections[DEFAULT_DB_ALIAS]
    return here.group or own()


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
    here, group = connections[DEFAULT_DB_ALIAS], current()
    if name == group:
        return
    if name not in settings.GROUPS:
        raise errors.Inconsistent("there is no such group of clients")
    if is_in_transaction(here):
        raise errors.Inconsistent("a transaction of another group is open")
    kept = vars(KEPT)
    kept[group] = here
    if name not in kept:
        kept[name] = connect(name)
    connections[DEFAULT_DB_ALIAS] = kept[name]


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


def connect(name: str) -> Any:
    """Create the connection of a group; it is opened by its first statement."""
    alias = DEFAULT_DB_ALIAS
    given = {**settings.GROUPS[name][alias]}
    filled = connections.configure_settings({alias: given})[alias]
    made: Any = load_backend(filled["ENGINE"]).DatabaseWrapper(filled, alias)
    made.group = name
    return made
