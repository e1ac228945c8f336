"""Who has influence over a member of staff: who added, promoted, reset or linked them lately.

Who made another member's access may use it too. So two members of staff are not two people while
the same person has influence over both, or one of them over the other.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any, Final

from django.db import connection

from iocash.db import groups
from users.models.approvals import ApprovalKind

INFLUENCE: Final = timedelta(days=7)
"""How long the influence lasts."""
INFLUENTIAL: Final = (
    "Added with these roles",
    "Activated.",
    "New link to set a password.",
    "Roles changed",
    "Second factor reset.",
)
"""The beginnings of these records in the log of the back office."""
ABOUT_STAFF: Final = (
    ApprovalKind.ADD_MEMBER,
    ApprovalKind.ACTIVATE_MEMBER,
    ApprovalKind.CHANGE_ROLES,
    ApprovalKind.RESET_PASSWORD,
    ApprovalKind.RESET_SECOND_FACTOR,
)
READ_INFLUENCES: Final = """
    SELECT entry.object_id::integer, entry.user_id
    FROM django_admin_log AS entry
    JOIN django_content_type AS kind
        ON kind.id = entry.content_type_id AND kind.app_label = 'auth' AND kind.model = 'user'
    WHERE entry.object_id ~ '^[0-9]{1,9}$' AND entry.change_message LIKE ANY(%(words)s)
      AND entry.action_time > clock_timestamp() - %(time)s
    UNION
    SELECT member.id, unnest(ARRAY[approval.asked_by_id, approval.decided_by_id])
    FROM users_approval AS approval
    JOIN auth_user AS member
        ON approval.kind <> 'ADD_MEMBER' AND approval.subject_id = member.id::text
        OR approval.kind = 'ADD_MEMBER' AND approval.payload ->> 'username' = member.username
    WHERE approval.kind = ANY(%(kinds)s) AND approval.state = 'APPROVED'
      AND approval.decided_at > iocash_clock() - %(time)s
"""
"""The members of staff, and each with who has influence over them. The shell and the system have
none: `createsuperuser` and the demo write neither records nor approvals."""

Influences = dict[int, set[int]]
"""Those who have influence, by the members of staff over whom they have it."""


def recent_influences() -> Influences:
    """All influences of the last 7 days; one statement, at home, where staff are managed."""
    found: Influences = defaultdict(set)
    values: dict[str, Any] = {
        "words": [f"{words}%" for words in INFLUENTIAL],
        "kinds": [kind.value for kind in ABOUT_STAFF],
        "time": INFLUENCE,
    }
    with groups.beside(groups.HOME), connection.cursor() as cursor:
        cursor.execute(READ_INFLUENCES, values)
        for member, other in cursor.fetchall():
            found[member].add(other)
    return found


def circle_of(member: int, influences: Influences) -> frozenset[int]:
    """The member, all who have influence over the member, and all who have it over these."""
    circle, ahead = {member}, {member}
    while ahead := {other for each in ahead for other in influences.get(each, ())} - circle:
        circle |= ahead
    return frozenset(circle)


def influences_for(member: Any) -> Influences:
    """All influences, kept with the object of a member of staff, as its permissions are.

    So a page reads them once, and a decision, which reads the member anew, reads them anew.
    """
    if not hasattr(member, "influences"):
        member.influences = recent_influences()
    found: Influences = member.influences
    return found


def are_independent(one: int, other: int, influences: Influences | None = None) -> bool:
    """Whether the circles of two members of staff have nobody in common."""
    found = recent_influences() if influences is None else influences
    return circle_of(one, found).isdisjoint(circle_of(other, found))


def dependent_on(member: Any) -> set[int]:
    """The members of staff, and this one, whose circles have somebody in common with its own."""
    influences = influences_for(member)
    own = circle_of(member.pk, influences)
    return {each for each in {*influences, *own} if own & circle_of(each, influences)}
