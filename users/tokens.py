"""Tokens that clients sign themselves: JSON Web Tokens (RFC 7519), with RS256 only.

The header's `kid` names the client's registered public key. `exp` is required, and at most a year
ahead. A `scope` claim (RFC 8693: words separated by spaces) can reduce the key's scopes. `aud` and
`iss` are optional; if present, they must name this server and the client.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Set
from functools import lru_cache
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64decode

from iocash import errors
from iocash.db import groups
from users import public_keys, searched_groups
from users.models import Client, SigningKey

ALGORITHM: Final = "RS256"
AUDIENCE: Final = "iocash"
"""The accepted `aud` of servers without `TOKEN_AUDIENCE`."""

LEEWAY: Final = 60
"""Tolerated difference of two clocks, in seconds."""

LONGEST: Final = 365 * 24 * 3600
"""The longest time until a token expires, in seconds."""

LONGEST_TOKEN: Final = 8_000
KID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
EXTENSIONS: Final = frozenset({"crit", "b64"})
"""Headers that change how a signature is verified; none is supported (RFC 7515, 4.1.11)."""

CLAIMS = jwt.JWTClaimsRegistry(leeway=LEEWAY, exp={"essential": True})
HEADERS = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)

MOST_REMEMBERED: Final = 10_000
GROUPS: Final[dict[str, str]] = {}
"""The groups of the clients whose keys have signed verified tokens, by the ids of the keys."""


def looks_signed(secret: str) -> bool:
    """Whether it is a token, not an API key: a token has three parts."""
    return secret.count(".") == 2


def verify(token: str, *, audiences: Set[str] = frozenset()) -> tuple[SigningKey, frozenset[str]]:
    """Verify a token. Returns the key that signed it, and its scopes.

    `audiences` are this server's names. The caller must check that the key and the client are
    still valid.

    Raises:
        InvalidCredentials: unknown key, another algorithm, wrong signature or claim.
        CredentialsExpired: the token has expired.
    """
    try:
        key = key_of(token)
        signed = public_key(key.public_key)
        claims = jwt.decode(token, signed, algorithms=[ALGORITHM], registry=HEADERS).claims
        CLAIMS.validate(claims)
    except ExpiredTokenError:
        raise errors.CredentialsExpired("The token has expired.") from None
    except (JoseError, ValueError, TypeError, RecursionError):
        raise errors.InvalidCredentials(
            "The token is malformed, wrongly signed or not valid yet."
        ) from None
    require_short(claims)
    require_addressed(claims, audiences)
    require_issued(claims, key)
    remember_group(key.kid)
    return key, narrowed(key, claims)


def key_of(token: str) -> SigningKey:
    """The key that the header names, whose group is entered. The token is not verified yet."""
    header = header_of(token)
    kid = header.get("kid")
    if not isinstance(kid, str) or not KID.fullmatch(kid):
        raise errors.InvalidCredentials("The token's kid is unknown.")
    known = SigningKey.objects.called(kid).exclude(client__status=Client.Status.MOVED)
    key = searched_groups.find_group(lambda: known.all().first(), is_of_moving, GROUPS.get(kid))
    if key is None:
        raise errors.InvalidCredentials("The token's kid is unknown.")
    return key


def is_of_moving(key: SigningKey) -> bool:
    return key.client.status == Client.Status.MOVING


def remember_group(kid: str) -> None:
    """Look in this group first when the key signs another token."""
    if groups.are_several():
        if len(GROUPS) >= MOST_REMEMBERED:
            GROUPS.clear()
        GROUPS[kid] = groups.current()


def header_of(token: str) -> dict[str, Any]:
    """Read the header.

    Raises:
        ValueError, RecursionError: it is not a JSON object in UTF-8 and base64url.
        InvalidCredentials: it names another algorithm or an extension.
    """
    if len(token) > LONGEST_TOKEN:
        raise ValueError("too long")
    header = json.loads(urlsafe_b64decode(token.partition(".")[0].encode()).decode())
    if not isinstance(header, dict):
        raise ValueError(header)  # malformed
    if header.get("alg") != ALGORITHM:
        raise errors.InvalidCredentials("The token must be signed with RS256.")
    if EXTENSIONS & header.keys():
        raise errors.InvalidCredentials("The token's crit or b64 header is not supported.")
    return header


@lru_cache(maxsize=1024)
def public_key(pem: str) -> RSAKey:
    """Read an RSA public key (public_keys.Unfit, a ValueError: it is none, or a weak one)."""
    return RSAKey.import_key(public_keys.read_public_key(pem))


def require_short(claims: dict[str, Any]) -> None:
    if claims["exp"] > time.time() + LONGEST + LEEWAY:
        raise errors.InvalidCredentials("The token must expire within a year.")


def require_addressed(claims: dict[str, Any], audiences: Set[str]) -> None:
    """Refuse a token whose `aud` does not name this server. The claims' types are checked."""
    audience = claims.get("aud", [])
    named = {audience} if isinstance(audience, str) else {*audience}
    if "aud" in claims and not named & audiences:
        raise errors.InvalidCredentials("The token's aud does not name this server.")


def require_issued(claims: dict[str, Any], key: SigningKey) -> None:
    """Refuse a token whose `iss` is neither the id of the client nor that of its key."""
    if "iss" in claims and claims["iss"] not in {str(key.client_id), key.kid}:
        raise errors.InvalidCredentials("The token's iss names neither the client nor its key.")


def narrowed(key: SigningKey, claims: dict[str, Any]) -> frozenset[str]:
    """The scopes of the key, reduced by the token's `scope` claim."""
    asked = claims.get("scope")
    if asked is None:
        return frozenset(key.scopes)
    if not isinstance(asked, str):
        raise errors.InvalidCredentials("The token's scope must be a string.")
    return frozenset(key.scopes) & set(asked.split())
