"""The duty that keeps the copies of the members of staff in a group of clients up to date."""

from __future__ import annotations

from iocash.db import groups
from iocash.worker import Duty
from users.chosen_groups import copy_members


class CopyMembers(Duty):
    """Copy the members of staff and their roles from home, if they differ.

    Pages do it too, before they are served. This is for what the worker of a group does for
    members, if nobody opens a page there: a member who was removed gets no digest any more.
    """

    name = "copy-members"
    every = 60.0

    def perform(self) -> int:
        """Return 1 if they differed. At home, and without groups, there are no copies.

        Raises:
            DatabaseUnavailable, OperationalError, InterfaceError: home does not answer.
        """
        name = groups.current()
        return int(name != groups.HOME and copy_members(name))
