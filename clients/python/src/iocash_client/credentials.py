"""Who calls: an API key, or short-lived tokens that the client signs with its own RSA key."""

from __future__ import annotations

import base64
import json
import time
from threading import Lock
from typing import Any, Final, Protocol

LIFETIME: Final = 300
"""Seconds that a token is valid."""
MARGIN: Final = 60
"""Seconds before its end at which a token is replaced."""
HEADER_SAFE: Final = frozenset(map(chr, range(0x21, 0x7F)))


class Credentials(Protocol):
    """What authenticates a client."""

    def current(self) -> str:
        """The bearer token of the next request."""

    def renew(self) -> bool:
        """Make another token after a 401, which is tried once. False: there is none."""


class ApiKey:
    """A key that staff issued. It is never shown.

    Raises:
        ValueError: it has characters that no key has.
    """

    def __init__(self, secret: str) -> None:
        if not secret or set(secret) - HEADER_SAFE:
            raise ValueError("an API key has printable ASCII characters only")
        self._secret = secret

    def __repr__(self) -> str:
        return "ApiKey(…)"

    def current(self) -> str:
        return self._secret

    def renew(self) -> bool:
        return False


class SignedTokens:
    """Tokens (JWT, RS256) signed with the RSA key whose public half staff registered as `key_id`.

    It needs the package `cryptography`: `pip install iocash-client[tokens]`. `scope` reduces the
    scopes of the key: `"wallets:read movements:read"`.

    Raises:
        ImportError: `cryptography` is not installed.
        ValueError: the PEM file is not an RSA key.
    """

    def __init__(
        self,
        private_pem: bytes,
        *,
        key_id: str,
        scope: str | None = None,
        audience: str | None = None,
        password: bytes | None = None,
    ) -> None:
        from cryptography.hazmat.primitives.asymmetric.rsa import (  # noqa: PLC0415 (optional)
            RSAPrivateKey,
        )
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 (optional)
            load_pem_private_key,
        )

        key = load_pem_private_key(private_pem, password)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("the key is not an RSA key")
        self._key, self._key_id = key, key_id
        self._claims = {"scope": scope, "aud": audience}
        self._lock = Lock()
        self._token, self._end = "", 0.0

    def current(self) -> str:
        with self._lock:
            if time.time() > self._end - MARGIN:
                self._end = time.time() + LIFETIME
                self._token = self._signed(int(self._end))
            return self._token

    def renew(self) -> bool:
        """Sign a new token: the clock may have been set since the last one."""
        with self._lock:
            self._end = 0.0
        return True

    def _signed(self, end: int) -> str:
        from cryptography.hazmat.primitives.asymmetric.padding import (  # noqa: PLC0415 (optional)
            PKCS1v15,
        )
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 (optional)

        given = {name: value for name, value in self._claims.items() if value is not None}
        header = segment({"alg": "RS256", "kid": self._key_id})
        signed = f"{header}.{segment({'exp': end, **given})}"
        signature = self._key.sign(signed.encode(), PKCS1v15(), SHA256())
        return f"{signed}.{base64url(signature)}"


def segment(value: dict[str, Any]) -> str:
    return base64url(json.dumps(value).encode())


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
