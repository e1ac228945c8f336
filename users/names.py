"""Changes of approved names: they are pending until staff review them.

The approved names stay until then. What waits is a KYC document of the kind NAME.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from iocash.db import clock
from users.models import KycDocument, User, events
from users.models.events import By, EventKind
from users.models.ids import new_id
from users.models.versions import version

Kind = KycDocument.Kind

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


def current_names(user: User) -> dict[str, str]:
    return {name: getattr(user, name) for name in NAMES[user.kind]}


def are_approved(user: User) -> bool:
    """Tell whether staff have approved something that proves the user's names."""
    return KycDocument.objects.of(user).approved().filter(kind__in=PROOFS[user.kind]).exists()


def pending_names(user: User) -> KycDocument | None:
    return KycDocument.objects.of(user).waiting().filter(kind=Kind.NAME).first()


def hold_back(user: User, values: Mapping[str, Any], by: By) -> frozenset[str]:
    """Store new names for review if the current ones are approved. Returns these fields.

    `user` is locked. Newer names replace pending ones; the approved names withdraw them.
    """
    given = {name: values[name] for name in NAMES[user.kind] if name in values}
    if not given or user.status == User.Status.UNSUBSCRIBED:
        return frozenset()
    before, present = pending_names(user), current_names(user)
    asked = present | ((before and before.facts) or {}) | given
    if asked == present:
        withdraw(user, before, by)
    elif before is None and not are_approved(user):
        return frozenset()
    elif before is None or asked != before.facts:
        submit_names(user, asked, by)
    return frozenset(given)


def submit_names(user: User, asked: Mapping[str, str], by: By) -> None:
    KycDocument.objects.of(user).replace_unapproved(Kind.NAME)
    document = KycDocument.objects.create(
        id=new_id(), client_id=user.client_id, user_id=user.id, kind=Kind.NAME, facts=asked
    )
    events.record_about(
        user, EventKind.USER_KYC_DOCUMENT_SENT, by, evidence=Kind.NAME, id=str(document.id)
    )


def withdraw(user: User, document: KycDocument | None, by: By) -> None:
    if document:
        document.status = KycDocument.Status.REPLACED
        document.save(update_fields=["status"])
        events.record_about(
            user, EventKind.USER_KYC_DOCUMENT_WITHDRAWN, by, evidence=Kind.NAME, id=str(document.id)
        )


def set_names(user: User, document: KycDocument, by: By) -> None:
    """Give the user the names that staff have approved. `user` is locked."""
    for name in NAMES[user.kind]:
        setattr(user, name, document.values[name])
    user.updated_at = clock.now()
    user.save(update_fields=[*NAMES[user.kind], "updated_at"])
    events.record_about(user, EventKind.USER_CHANGED, by, fields=",".join(NAMES[user.kind]))


def seen(user: User) -> str:
    """A digest of the names: staff decide about a user under the names that they saw."""
    return version("names", dict[str, object](current_names(user)))
