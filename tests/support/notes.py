"""Notes of staff on users, wallets and movements."""

from __future__ import annotations

from typing import Any

from users.admin.notes import write_note
from users.models import Note, User
from users.models.events import By
from users.models.ids import new_id
from wallets.admin.notes import subject_of


def a_note(on: Any, text: str = "Called: nobody answered.", *, actor: str = "staff:1") -> Note:
    """A note on a user, a wallet or a movement."""
    subject, user = subject_of(on)
    assert isinstance(user, User)
    return write_note(
        user=user, subject=subject, subject_id=on.pk, text=text, by=By(actor), key=new_id()
    )
