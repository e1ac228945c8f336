"""Tokens that clients sign themselves: JSON Web Tokens (RFC 7519), RS256 and nothing else.

The header's `kid` names the client's registered public key; `exp` is required, and at most a year
away. A `scope` claim (RFC 8693: words, spaces between them) may narrow what the key allows.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import RSAKey

from iocash import errors
from users.models import SigningKey

ALGORITHM: Final = "RS256"
LEEWAY: Final = 60
"""Seconds by which two clocks may differ."""

LONGEST: Final = 365 * 24 * 3600
"""Seconds that a token may have left."""

LONGEST_TOKEN: Final = 8_000
SMALLEST_KEY: Final = 2048
"""Bits."""

KID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
CLAIMS = jwt.JWTClaimsRegistry(leeway=LEEWAY, exp={"essential": True})


def looks_signed(secret: str) -> bool:
    """Tell a token from an API key: it has three parts."""
    return secret.count(".") == 2


def verify(token: str) -> tuple[SigningKey, frozenset[str]]:
    """Find the key that signed a token, and what the two together allow.

    Whether the key, and its client, may still be used is for the caller to ask.

    Raises:
        InvalidCredentials: no such key, another algorithm, a wrong signature or claim.
        CredentialsExpired: its time is over.
    """
    try:
        key = key_of(token)
        claims = jwt.decode(token, public_key(key.public_key), algorithms=[ALGORITHM]).claims
        CLAIMS.validate(claims)
    except ExpiredTokenError:
        raise errors.CredentialsExpired("The token has expired.") from None
    except (JoseError, ValueError, TypeError, RecursionError):
        raise errors.InvalidCredentials(
            "The token is malformed, badly signed or not valid yet."
        ) from None
    require_short(claims)
    return key, narrowed(key, claims)


def key_of(token: str) -> SigningKey:
    """The key that the header names; nothing in the token is believed yet."""
    if len(token) > LONGEST_TOKEN:
        raise ValueError(token)
    header = jws.extract_compact(token.encode()).headers()
    kid = header.get("kid")
    if not isinstance(kid, str) or not KID.fullmatch(kid):
        raise errors.InvalidCredentials("The token's kid names no key.")
    key = SigningKey.objects.called(kid).first()
    if key is None:
        raise errors.InvalidCredentials("The token's kid names no key.")
    return key


@lru_cache(maxsize=1024)
def public_key(pem: str) -> RSAKey:
    """Read an RSA public key.

    Raises:
        ValueError: it is none, has fewer than 2048 bits, or is a private key.
    """
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey) or key.key_size < SMALLEST_KEY:
        raise ValueError("An RSA public key of at least 2048 bits, please.")
    return RSAKey.import_key(key)


def require_short(claims: dict[str, Any]) -> None:
    if claims["exp"] > time.time() + LONGEST + LEEWAY:
        raise errors.InvalidCredentials("The token is valid for more than a year.")


def narrowed(key: SigningKey, claims: dict[str, Any]) -> frozenset[str]:
    """What the key allows, as far as the token asks for it."""
    asked = claims.get("scope")
    if asked is None:
        return frozenset(key.scopes)
    if not isinstance(asked, str):
        raise errors.InvalidCredentials("The token's scope is no text.")
    return frozenset(key.scopes) & set(asked.split())
