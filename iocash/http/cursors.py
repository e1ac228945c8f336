"""Cursors: signed positions in lists."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings

SEAL = 8
"""Length in bytes of the signature of a cursor."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Cursor(NamedTuple):
    """The start of a page: after or before a row, or at the end of the list."""

    where: str
    sort: str
    place: int = 0
    id: str = ""

    @property
    def created_at(self) -> datetime:
        return EPOCH + self.place * MICROSECOND

    def token(self) -> str:
        """The signed token of the cursor."""
        text = "|".join(map(str, self)).encode()
        return urlsafe_b64encode(_seal(text) + text).decode().rstrip("=")

    @classmethod
    def read(cls, token: str) -> Cursor:
        """Read a token.

        Raises:
            ValueError: the signature is wrong.
        """
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        where, sort, place, row_id = sealed[SEAL:].decode().split("|")
        cursor = cls(where, sort, int(place), row_id)
        if not hmac.compare_digest(cursor.token(), token):
            raise ValueError(token)
        return cursor


def _seal(text: bytes) -> bytes:
    key = f"iocash.http.pages {settings.SECRET_KEY}".encode()
    return hmac.digest(key, text, "sha256")[:SEAL]
