"""Webhooks: verify the signature of a request, and read the event that it carries.

The signature is that of Standard Webhooks: HMAC-SHA256 of the id, the time and the raw body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from iocash_client.models import Event
from iocash_client.shapes import WrongShape, decode

TOLERANCE: Final = 300
"""Seconds by which the time of a request may differ from this machine's clock."""
PREFIX: Final = "whsec_"


class NotVerified(ValueError):
    """The request is not from the server, or it is old, or it was changed. Answer 401."""


class Webhook:
    """Verifies requests with the secret of an endpoint; during a rotation, with both.

    Raises:
        ValueError: a secret is not one of a webhook endpoint.
    """

    def __init__(self, *secrets: str) -> None:
        if not secrets:
            raise ValueError("a webhook needs its secret")
        self._keys = [key_of(secret) for secret in secrets]

    def verify(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Return the event of a request. `body` is what arrived, before it is parsed.

        An event can arrive more than once: skip it if you have stored its `id`. The kind of a
        test is `webhook.ping`.

        Raises:
            NotVerified: nobody signed it with the secret in the last five minutes.
            WrongShape: it is signed, but is not an event.
        """
        given = {name.lower(): value for name, value in headers.items()}
        id_ = given.get("webhook-id", "")
        timestamp = given.get("webhook-timestamp", "")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            raise NotVerified("the time is missing or malformed")
        if abs(time.time() - int(timestamp)) > TOLERANCE:
            raise NotVerified("the time differs from the clock by more than five minutes")
        signed = b".".join((id_.encode(), timestamp.encode(), body))
        if not self._is_signed(signed, given.get("webhook-signature", "")):
            raise NotVerified("no signature is right")
        try:
            data = json.loads(body, parse_float=Decimal)
        except ValueError as error:
            raise WrongShape(f"not JSON: {error}") from error
        return decode(Event, data)

    def _is_signed(self, signed: bytes, signatures: str) -> bool:
        is_right = False
        for key in self._keys:
            digest = hmac.new(key, signed, hashlib.sha256).digest()
            expected = b"v1," + base64.b64encode(digest)
            for each in signatures.split(" "):
                is_right |= hmac.compare_digest(expected, each.encode(errors="replace"))
        return is_right


def key_of(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if len(key) < 24:
        raise ValueError("not the secret of a webhook endpoint")
    return key
