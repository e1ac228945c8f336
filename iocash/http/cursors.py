"""Cursors: signed positions in lists, which are encrypted where they would tell too much."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
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
        sealed = _decoded(token)
        where, sort, place, row_id = sealed[SEAL:].decode().split("|")
        cursor = cls(where, sort, int(place), row_id)
        if not hmac.compare_digest(cursor.token(), token):
            raise ValueError(token)
        return cursor


def _seal(text: bytes) -> bytes:
    key = f"iocash.http.pages {settings.SECRET_KEY}".encode()
    return hmac.digest(key, text, "sha256")[:SEAL]


class HiddenCursor(Cursor):
    """A cursor whose place callers can't read: a number would tell them the volume of all others.

    The length of a token does not depend on the place. The same cursor has the same token (AES-SIV,
    RFC 5297).
    """

    __slots__ = ()

    def token(self) -> str:
        """The encrypted token of the cursor."""
        text = f"{self.where}|{self.sort}|{self.place:020d}".encode()
        return (
            urlsafe_b64encode(_cipher(settings.SECRET_KEY).encrypt(text, None)).decode().rstrip("=")
        )

    @classmethod
    def read(cls, token: str) -> Cursor:
        """Read a token.

        Raises:
            ValueError: it is not one of this server.
        """
        try:
            text = _cipher(settings.SECRET_KEY).decrypt(_decoded(token), None).decode()
        except InvalidTag:
            raise ValueError(token) from None
        where, sort, place = text.split("|")
        return cls(where, sort, int(place))


def _decoded(token: str) -> bytes:
    return urlsafe_b64decode(token + "=" * (-len(token) % 4))


@lru_cache(maxsize=2)
def _cipher(secret: str) -> AESSIV:
    return AESSIV(hmac.digest(secret.encode(), b"iocash.http.cursors hidden", "sha512"))
