"""The notes of staff: writing them, and the list of all."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from iocash import errors
from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness, single_transaction
from users.actions import ActionForm, ReadOnly, Searched
from users.history import actor_name, name_actors, names_of
from users.models import Note, User
from users.models.events import By
from users.models.ids import as_id

ADD_NOTE: Final = "users.add_note"
FIND_NOTE: Final = "SELECT FROM users_note WHERE client_id = %s AND id = %s"
LAST_NOTES: Final = 20


class NoteForm(ActionForm):
    text = forms.CharField(
        label=_("Note"),
        max_length=Note.MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Staff can read it. It can't be changed later."),
    )


def write_note(
    *, user: User, subject: Note.Subject, subject_id: UUID, text: str, by: By, key: UUID
) -> Note:
    """Write a note on a user, one of its wallets or one of its movements.

    `key` becomes its id, so a form that is sent twice writes one note.

    Raises:
        IdempotencyKeyReused: another note was written with the key.
        UserNotActive: the personal data of the user were erased.
    """
    with single_transaction():
        owner = User.objects.filter(client=user.client_id).locked().get(id=user.id)
        if owner.erased_at is not None:
            raise errors.UserNotActive(user_id=owner.id, status=owner.status)
        note, is_new = Note.objects.get_or_create(
            id=key,
            client_id=user.client_id,
            defaults={
                "user": user,
                "subject": subject,
                "subject_id": subject_id,
                "text": text,
                "actor": by.actor,
            },
        )
        if not is_new and (note.subject_id, note.text) != (subject_id, text):
            raise errors.IdempotencyKeyReused(
                idempotency_key=str(key), resource="note", id=str(note.id)
            )
        note_witness(Witness(FIND_NOTE, [user.client_id, note.id]))
    return note


def with_authors(notes: Any) -> list[tuple[Note, str]]:
    """The last notes of a queryset, each with the name of its author."""
    last = list(notes.order_by("-created_at", "-id")[:LAST_NOTES])
    names = names_of({note.actor for note in last})
    return [(note, names.get(note.actor, note.actor)) for note in last]


@admin.register(Note)
class NoteAdmin(Searched, ReadOnly):
    list_display = ("created_at", "person", "subject", "text", "author")
    list_select_related = ("user",)
    search_fields = ("id",)
    search_help_text = _("The id of a note, a user, a wallet or a movement.")
    ordering = ("-id",)
    fields = ("client", "user", "subject", "subject_id", "text", "author", "created_at")
    csv_columns = (
        ("created_at", "created_at"),
        ("user_id", "user_id"),
        ("user", "user.display_name"),
        ("subject", "subject"),
        ("subject_id", "subject_id"),
        ("text", "text"),
        ("author", lambda note: actor_name(note, note.actor)),
    )

    def prepare(self, rows: list[Any]) -> None:
        name_actors(rows)

    def named(self, queryset: Any, words: str) -> Any:
        found = as_id(words)
        if found is None:
            return queryset.none()
        return queryset.filter(id=found) | queryset.filter(subject_id=found)

    @admin.display(description=_("author"))
    def author(self, note: Note) -> str:
        return actor_name(note, note.actor)
