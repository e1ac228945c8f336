"""Signatures of HTTP requests between the server and its identity provider.

They are those of Standard Webhooks: HMAC-SHA256 of the request's id, its time and its raw body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from typing import Final

TOLERANCE: Final = 300
"""Seconds by which the time of a request may differ from the real time."""

SHORTEST: Final = 24
"""Bytes of a secret."""

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


def signed_headers(secret: str, *, id_: str, body: bytes) -> dict[str, str]:
    """The headers that sign a request now."""
    timestamp = int(time.time())
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature_of(secret, id_=id_, timestamp=timestamp, body=body),
    }


def is_signed(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether one of the secrets signed the request, at most five minutes ago."""
    id_ = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[!-~]{1,200}", id_) or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    given = headers.get("webhook-signature", "").split(" ")
    right = False
    for secret in secrets:
        expected = signature_of(secret, id_=id_, timestamp=int(timestamp), body=body).encode()
        for each in given:
            right |= hmac.compare_digest(expected, each.encode(errors="replace"))
    return right
