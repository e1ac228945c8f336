"""A client's private key, and tokens signed with it."""

from __future__ import annotations

import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

PRIVATE = RSAKey.generate_key(2048)
KID = "demo-1"


def pem(key: RSAKey) -> str:
    return key.as_pem(private=False).decode()


def signed(
    claims: dict[str, Any] | None = None,
    *,
    header: dict[str, Any] | None = None,
    key: Any = PRIVATE,
    algorithm: str = "RS256",
) -> str:
    """A token for a minute, unless the claims say otherwise; a claim that is None is left out."""
    about = {"exp": int(time.time()) + 60} | (claims or {})
    about = {name: value for name, value in about.items() if value is not None}
    top = {"alg": algorithm, "kid": KID} | (header or {})
    top = {name: value for name, value in top.items() if value is not None}
    return jwt.encode(top, about, key, algorithms=[algorithm])
