"""Changes of approved names: they are pending until staff review them.

The approved names stay valid meanwhile. Pending names are documents of the kind NAME.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from users.models import Evidence, User, events
from users.models.clients import new_id
from users.models.events import By, EventKind
from users.models.versions import version

Kind = Evidence.Kind

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    User.Kind.NATURAL: ("first_name", "last_name"),
    User.Kind.JURIDICAL: ("company_name",),
}
PROOFS: Final[Mapping[str, frozenset[Kind]]] = {
    User.Kind.NATURAL: frozenset(
        {Kind.IDENTITY, Kind.DOCUMENT_IDENTITY_FRONT, Kind.DOCUMENT_IDENTITY_BACK}
    ),
    User.Kind.JURIDICAL: frozenset({Kind.DOCUMENT_COMPANY_DEED}),
}
"""The documents that prove the user's names."""


def of(user: User) -> dict[str, str]:
    return {name: getattr(user, name) for name in NAMES[user.kind]}


def are_approved(user: User) -> bool:
    """Whether a document that proves the user's names is approved."""
    return Evidence.objects.of(user).approved().filter(kind__in=PROOFS[user.kind]).exists()


def waiting(user: User) -> Evidence | None:
    return Evidence.objects.of(user).waiting().filter(kind=Kind.NAME).first()


def hold_back(user: User, values: Mapping[str, Any], by: By) -> frozenset[str]:
    """Store new names for review if the current ones are approved. Returns these fields.

    `user` is locked. Newer names replace pending ones; the approved names withdraw them.
    """
    given = {name: values[name] for name in NAMES[user.kind] if name in values}
    if not given or user.status == User.Status.UNSUBSCRIBED:
        return frozenset()
    before, present = waiting(user), of(user)
    asked = present | ((before and before.facts) or {}) | given
    if asked == present:
        withdraw(user, before, by)
    elif before is None and not are_approved(user):
        return frozenset()
    elif before is None or asked != before.facts:
        wait(user, asked, by)
    return frozenset(given)


def wait(user: User, asked: Mapping[str, str], by: By) -> None:
    past = Evidence.objects.of(user).filter(kind=Kind.NAME, status__in=["PENDING", "REJECTED"])
    past.update(status="REPLACED")
    evidence = Evidence.objects.create(
        id=new_id(), client_id=user.client_id, user_id=user.id, kind=Kind.NAME, facts=asked
    )
    events.record_about(
        user, EventKind.USER_EVIDENCE_SENT, by, evidence=Kind.NAME, id=str(evidence.id)
    )


def withdraw(user: User, evidence: Evidence | None, by: By) -> None:
    if evidence:
        evidence.status = Evidence.Status.REPLACED
        evidence.save(update_fields=["status"])
        events.record_about(
            user, EventKind.USER_EVIDENCE_WITHDRAWN, by, evidence=Kind.NAME, id=str(evidence.id)
        )


def take(user: User, evidence: Evidence, by: By) -> None:
    """Set the names that staff have approved. `user` is locked."""
    for name in NAMES[user.kind]:
        setattr(user, name, evidence.values[name])
    user.save(update_fields=NAMES[user.kind])
    events.record_about(user, EventKind.USER_CHANGED, by, fields=",".join(NAMES[user.kind]))


def seen(user: User) -> str:
    """A digest of the names, to detect a change after staff opened the review page."""
    return version("names", dict[str, object](of(user)))
