"""`X-Write-Token` of a write, and `X-Read-After` of a read that must show that write.

A token has the time and the number of a transaction, which the write knows anyway. Both are
needed: the time, because what is read from a replica ends at a time; and the number, because after
a failover the clock of the new primary may be behind. It is signed, so a token of another
installation is recognized, and nobody can make one that is waited for.
"""

from __future__ import annotations

import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.http import HttpRequest

from iocash import errors
from iocash.db.replica import Written
from iocash.http.cursors import EPOCH, MICROSECOND

READ_AFTER: Final = "X-Read-After"
WRITE_TOKEN: Final = "X-Write-Token"  # noqa: S105 (the name of a header)
FORM: Final = re.compile(r"[A-Za-z0-9_-]{32}")
SEAL: Final = 8
"""Length in bytes of the signature."""
PLACE: Final = struct.Struct(">QQ")
LATEST: Final = 2**57
"""Microseconds; a later time is no date of Python's."""


def with_seal(place: bytes) -> bytes:
    """Return a time and a number with their signature."""
    purpose = f"iocash.http.write_tokens {settings.SECRET_KEY}".encode()
    return place + hmac.digest(purpose, place, "sha256")[:SEAL]


def write_token(written: Written) -> str:
    place = PLACE.pack((written.at - EPOCH) // MICROSECOND, written.xid)
    return urlsafe_b64encode(with_seal(place)).decode()


def read_after(request: HttpRequest) -> Written | bool:
    """Read `X-Read-After`. Returns the write; True: it is not one of this installation.

    False: the header was not sent.

    Raises:
        errors.InvalidHeader: it has not the form of a token.
    """
    given: str | None = request.META.get("HTTP_X_READ_AFTER")
    if given is None:
        return False
    token = given.strip()
    if not FORM.fullmatch(token):
        raise errors.InvalidHeader(header=READ_AFTER)
    raw = urlsafe_b64decode(token)
    micros, xid = PLACE.unpack(raw[: PLACE.size])
    if micros > LATEST or not hmac.compare_digest(with_seal(raw[: PLACE.size]), raw):
        return True
    return Written(EPOCH + timedelta(microseconds=micros), xid)
