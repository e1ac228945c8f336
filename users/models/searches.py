"""How staff search for users: what they type, as what the indexes contain.

No extension of PostgreSQL is needed. A trigram index of `pg_trgm` would ignore all letters but
ASCII where the database has the locale C, as the embedded one does.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import Any, Final

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import BooleanField, Func
from django.db.models.expressions import RawSQL

from users.models.ids import id_range

MOST_LETTERS: Final = 200
"""What is typed beyond this is ignored."""
MOST_FOUND: Final = 5_000
"""The most rows that a search in a list finds by one kind of words: then any of them."""
MOST_NEAR: Final = 200
"""The most users that a search for misspelled names finds."""
PENDING_KB: Final = 256
"""Size of what GIN has not sorted yet; each search reads all of it."""

FOUND: Final = """
    SELECT users_found(users_parts_query(%s), %s)
    UNION ALL
    SELECT user_id FROM users_kycdocument
    WHERE kind = 'IDENTITY' AND status <> 'REPLACED' AND upper(facts ->> 'identity_number') = %s
    UNION ALL
    SELECT user_id FROM users_kycdocument
    WHERE kind = 'EXTERNAL_IBAN' AND status <> 'REPLACED' AND facts ->> 'external_iban' = %s
    UNION ALL
    (SELECT id FROM users_user WHERE id BETWEEN %s AND %s LIMIT %s)
"""
NEAR: Final = "SELECT users_near(%s::tsquery, %s)"

PHONE: Final = re.compile(r"[0-9\s+().\-/]+")
FEWEST_DIGITS: Final = 6
"""Fewer digits are words, not a phone number."""
SHORTEST, LONGEST, MOST_WORDS = 4, 20, 3
"""Letters of a word that may be misspelled; how many such words a search may have."""


class HasIdOf(Func):
    """Whether the id is one of those that a statement returns. Each is looked up by the index."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY(ARRAY"
    output_field = BooleanField()

    @classmethod
    def found(cls, statement: str, values: Sequence[Any]) -> HasIdOf:
        return cls("id", RawSQL(statement, values))  # noqa: S611 (a constant)


def compact(number: str) -> str:
    """An IBAN or document number as it is stored: without blanks and hyphens, in capitals."""
    return re.sub(r"[\s\-.]", "", number).upper()


def digits_of(text: str) -> str:
    """The digits of a phone number, without 00 at the beginning; empty if it is not one."""
    digits = re.sub(r"\D", "", text) if PHONE.fullmatch(text) else ""
    return digits.removeprefix("00") if len(digits) >= FEWEST_DIGITS else ""


def typed(text: str) -> str:
    """What is searched of what was typed. A text in PostgreSQL can't contain NUL."""
    return text.replace("\0", "")[:MOST_LETTERS].strip()


def found_by(words: str, most: int = MOST_FOUND) -> list[Any]:
    """The values of `FOUND`."""
    numbers = compact(words), compact(words)
    return [digits_of(words) or words, most, *numbers, *id_range(words), most]


def near_words(text: str) -> str | None:
    """The query (tsquery) for names with these words, in which nobody's words may be misspelled.

    In place of a word that no name has, there can be one that differs in one letter: one more, one
    less, another, or two neighbours exchanged. None if all words are those of names, or if there
    are too many.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT users_words(%s)", [text])
        words = [*dict.fromkeys(cursor.fetchone()[0])][: MOST_WORDS + 1]
        known = known_words(cursor, words)
        unknown = [word for word in words if word not in known]
        if len(words) > MOST_WORDS or not unknown or not all(map(is_long, unknown)):
            return None
        near = known_words(cursor, [each for word in unknown for each in variants(word)])
    options = [{word} if word in known else variants(word) & near for word in words]
    if not all(options):
        return None
    return " & ".join(f"({' | '.join(map(lexeme, sorted(each)))})" for each in options)


def known_words(cursor: CursorWrapper, words: list[str]) -> set[str]:
    """Those of these words that somebody's name has."""
    cursor.execute("SELECT users_known(%s)", [words])
    return {word for (word,) in cursor.fetchall()}


def is_long(word: str) -> bool:
    return SHORTEST <= len(word) <= LONGEST


def variants(word: str) -> set[str]:
    """The word and, if it is long enough, the words that differ from it in one letter."""
    if not is_long(word):
        return {word}
    letters = {*string.ascii_lowercase, *word}
    splits = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    shorter = {head + tail[1:] for head, tail in splits if tail}
    exchanged = {head + tail[1] + tail[0] + tail[2:] for head, tail in splits if len(tail) > 1}
    replaced = {head + letter + tail[1:] for head, tail in splits if tail for letter in letters}
    longer = {head + letter + tail for head, tail in splits for letter in letters}
    return {word} | shorter | exchanged | replaced | longer


def lexeme(word: str) -> str:
    """A word as a lexeme of a tsquery."""
    doubled = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
