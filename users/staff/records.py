"""The record of changes of members of staff, in the log of the back office."""

from __future__ import annotations

import re
from typing import Any, Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils.translation import gettext, ngettext, override

from iocash.db.outcome import Witness
from iocash.db.transactions import note_witness

FIND_ENTRY: Final = "SELECT FROM django_admin_log WHERE id = %s"
EXPORTED: Final = re.compile(r"Exported (\d+) rows? as CSV\. Filters: (.*)\.", re.DOTALL)
"""What `english_words_of_export` returns."""


def locked_staff(pk: int) -> Any:
    return get_user_model().objects.select_for_update(no_key=True).get(pk=pk)


def note(person: Any, by: Any, words: str, *, names: str = "", flag: int = CHANGE) -> None:
    """Record a change of a member of staff in the log of the back office, in English.

    `words` is a text of the catalogue (`gettext_noop`); `names` are what changed.
    """
    note_about(person, by.pk, words, names=names, flag=flag)


def note_about(
    thing: Model, member_id: int, words: str, *, names: str = "", flag: int = CHANGE
) -> None:
    """Record what a member of staff did to something that has no events, as `note` does."""
    entry = LogEntry.objects.create(
        user_id=member_id,
        content_type=ContentType.objects.get_for_model(thing),
        object_id=str(thing.pk),
        object_repr=str(thing)[:200],
        action_flag=flag,
        change_message=f"{words}: {names}." if names else words,
    )
    note_witness(Witness(FIND_ENTRY, [entry.pk]))


def words_of_export(number: int, filters: str) -> str:
    """What is recorded of an export, in the active language."""
    words = ngettext(
        "Exported %(number)s row as CSV. Filters: %(filters)s.",
        "Exported %(number)s rows as CSV. Filters: %(filters)s.",
        number,
    )
    shown = [gettext(each) if each in {"none", "search"} else each for each in filters.split(", ")]
    return words % {"number": number, "filters": ", ".join(shown)}


def english_words_of_export(number: int, filters: str) -> str:
    """What the log stores of an export, in English like all of it."""
    with override("en"):
        return words_of_export(number, filters)


def recorded_words(entry: LogEntry) -> str:
    """A recorded change in the language of the reader: the words, then the names if it has some."""
    if found := EXPORTED.fullmatch(entry.get_change_message()):
        return words_of_export(int(found[1]), found[2])
    words, colon, names = entry.get_change_message().partition(": ")
    return f"{gettext(words) if words else ''}{colon}{names}"
