"""Notes on users, wallets and movements: the action that adds one, and the lists on their pages."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from users.actions import Action, address_of, by
from users.admin.notes import ADD_NOTE, NoteForm, with_authors, write_note
from users.models import Note, User
from wallets.models import Movement, Wallet

NOTES = "?tab=notes#tab"
"""The notes on the page of a user."""


def add_note(request: HttpRequest, obj: Any, values: dict[str, Any]) -> HttpResponseRedirect:
    subject, user = subject_of(obj)
    write_note(
        user=user,
        subject=subject,
        subject_id=obj.pk,
        text=values["text"],
        by=by(request),
        key=values["key"],
    )
    messages.success(request, gettext("Note added."))
    is_user = subject == Note.Subject.USER
    return HttpResponseRedirect(address_of(obj) + (NOTES if is_user else ""))


def subject_of(obj: Any) -> tuple[Note.Subject, User]:
    """The kind of subject, and the user whose data a note on it is."""
    if isinstance(obj, Movement):
        return Note.Subject.MOVEMENT, obj.wallet.user
    if isinstance(obj, Wallet):
        return Note.Subject.WALLET, obj.user
    user: User = obj
    return Note.Subject.USER, user


def is_kept(obj: Any) -> bool:
    """Whether the personal data of the user are kept: else a note would be left over."""
    return subject_of(obj)[1].erased_at is None


ADD = Action(
    name="add-note",
    label=_("Add a note"),
    permission=ADD_NOTE,
    form=NoteForm,
    do=add_note,
    is_available=is_kept,
)


def notes_on(request: HttpRequest, obj: Any) -> dict[str, Any]:
    """The context of a page that shows the notes on a wallet or a movement."""
    if not request.user.has_perm("users.view_note"):
        return {}
    return {"notes": with_authors(Note.objects.on(obj.pk))}
