"""Signatures of HTTP requests, as in Standard Webhooks.

A signature is the HMAC-SHA256 of the request's id, its time and its raw body. The server signs what
it sends to its identity provider and to the webhook endpoints of clients.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Final

TOLERANCE: Final = 300
"""Seconds by which the time of a request may differ from the real time."""

SHORTEST: Final = 24
"""Bytes of a secret."""
BYTES: Final = 32
"""Bytes of a secret that the server makes."""

PREFIX: Final = "whsec_"
"""What a secret may begin with; it is no part of the key."""


def secret_bytes(secret: str) -> bytes:
    """The key that a secret of the settings contains.

    Raises:
        ValueError: it is not base64, or too short.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise ValueError("it is not base64") from None
    if len(key) < SHORTEST:
        raise ValueError(f"it has fewer than {SHORTEST} bytes")
    return key


def signature_of(secret: str, *, id_: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = b".".join((id_.encode(), str(timestamp).encode(), body))
    digest = hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def new_secret() -> str:
    """A secret for a receiver, which nobody else has."""
    return f"{PREFIX}{base64.b64encode(secrets.token_bytes(BYTES)).decode()}"


def signed_headers(*keys: str, id_: str, body: bytes) -> dict[str, str]:
    """The headers that sign a request now, with each of these secrets."""
    timestamp = int(time.time())
    signed = (signature_of(key, id_=id_, timestamp=timestamp, body=body) for key in keys)
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signed),
    }


def is_signed(keys: Sequence[str], headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether one of the secrets signed the request, at most five minutes ago."""
    id_ = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[!-~]{1,200}", id_) or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    given = headers.get("webhook-signature", "").split(" ")
    right = False
    for secret in keys:
        expected = signature_of(secret, id_=id_, timestamp=int(timestamp), body=body).encode()
        for each in given:
            right |= hmac.compare_digest(expected, each.encode(errors="replace"))
    return right
