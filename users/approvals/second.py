"""The second person of actions that are no approvals: files of the bank, decisions, signatures.

They obey the same rules: both are members of staff now, and neither has influence over the other.
"""

from __future__ import annotations

from typing import Any, Final

from iocash import errors
from users.approvals.asking import member_now
from users.approvals.influence import are_independent, dependent_on
from users.models.events import STAFF

DEPENDENT: Final = errors.Message(
    "In the last 7 days one of you has given access, roles or a new password to the other, "
    "or the same person to both. Somebody else must decide."
)


NOBODY: Final = ""
"""The first person, if there is none yet."""


def require_two_people(first: str, second: str) -> None:
    """Require that two actors are two members of staff, as the database has them now.

    What a command has made (`system:…`) has no first person.

    Raises:
        PermissionDenied: they are not two people, or one is no active member of staff any more.
    """
    if not second.startswith(STAFF):
        raise errors.PermissionDenied("Only active members of staff can do this.")
    numbers = [int(each.removeprefix(STAFF)) for each in (first, second) if each.startswith(STAFF)]
    for each in numbers:
        member_now(each)
    if len(numbers) == 2 and not are_independent(numbers[0], numbers[1]):
        raise errors.PermissionDenied(DEPENDENT)


def actors_dependent_on(member: Any) -> list[str]:
    """The actors for whom a member of staff can't be the second person: its own, and others."""
    return [f"{STAFF}{pk}" for pk in sorted(dependent_on(member))]
