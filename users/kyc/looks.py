"""Looks at KYC documents: opening their files, and the record of who looked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from iocash import errors
from iocash.db import clock
from users.models import Access, KycDocument, User
from users.models.events import By

ONE_LOOK: Final = timedelta(minutes=10)
"""For so long, the pages of a document that the same person opens are one access."""


def open_file(document: KycDocument) -> Any:
    """Open the file of a document.

    A file that is not there is a loss, and fails; but an erasure removes the files of who has
    ended before it removes what is known of them.

    Raises:
        NotFound: it is being erased.
    """
    try:
        return document.file.open()
    except FileNotFoundError:
        owner = User.objects.get(client=document.client_id, id=document.user_id)
        if owner.status != User.Status.UNSUBSCRIBED:
            raise
        raise errors.NotFound() from None


def record_access(user: User, what: str, by: By, kind: str = "") -> None:
    """Record that a member of staff looks at what the user has shown."""
    Access.objects.create(
        client_id=user.client_id,
        user_id=user.id,
        what=what,
        kind=kind,
        actor=by.actor,
        request_id=by.request_id,
    )


def record_look(document: KycDocument, by: By) -> None:
    """Record that a member of staff looks at a page of a document: once, not once a page."""
    recent = Access.objects.filter(
        client=document.client_id,
        user=document.user_id,
        what=Access.What.DOCUMENT,
        kind=document.kind,
        actor=by.actor,
        created_at__gt=clock.now() - ONE_LOOK,
    )
    if not recent.exists():
        record_access(document.user, Access.What.DOCUMENT, by, document.kind)
