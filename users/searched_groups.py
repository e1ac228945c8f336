"""Finding the group of a client.

No directory says where a client is: its own row does. Clients that have moved away are not found in
the group that they left. While a client is moved, both groups have a row of it, and only one of
them is not MOVING.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections

from iocash import errors
from iocash.db import groups

log = logging.getLogger(__name__)

Found = TypeVar("Found")

UNREACHABLE = (errors.DatabaseUnavailable, OperationalError, InterfaceError)
"""What `look_in` raises if a group can't be asked."""
MOVING = "The client is being moved to another database. Nothing was changed; retry."


def find_group(
    look: Callable[[], Found | None], is_moving: Callable[[Found], bool], first: str | None = None
) -> Found | None:
    """Look in each group until something is found, and enter that group; None: no group has it.

    `first` is the group in which it was found before. The caller is within `groups.entered`.

    Raises:
        DatabaseUnavailable: the client is being moved; or it was not found, and a group can't be
            asked.
        DatabaseError: there is one group, and it can't be asked.
    """
    if not groups.are_several():
        found = look()
        if found is not None and is_moving(found):
            raise errors.DatabaseUnavailable(MOVING)
        return found
    moves = is_away = False
    for name in sorted(groups.names(), key=lambda name: name != first):
        try:
            found = look_in(name, look)
        except UNREACHABLE:
            is_away = True
            continue
        if found is not None and not is_moving(found):
            groups.enter(name)
            return found
        moves |= found is not None
    if moves:
        raise errors.DatabaseUnavailable(MOVING)
    if is_away:
        raise errors.DatabaseUnavailable()
    return None


def look_in(name: str, look: Callable[[], Found]) -> Found:
    """Look in one group.

    Raises:
        DatabaseUnavailable: it did not answer just now.
        OperationalError, InterfaceError: it can't be asked; its connection is closed.
    """
    groups.require_reachable(name)
    with groups.entered(name):
        try:
            return look()
        except (OperationalError, InterfaceError) as error:
            cause = type(error.__cause__ or error).__name__
            log.warning("the database of group %s can't be asked: %s", name, cause)
            connections[DEFAULT_DB_ALIAS].close()
            groups.note_away()
            raise


def enter_known(name: str) -> None:
    """Enter the group of a client that is remembered.

    Raises:
        DatabaseUnavailable: it did not answer just now.
    """
    groups.require_reachable(name)
    groups.enter(name)
