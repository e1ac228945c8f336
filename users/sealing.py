"""Encryption of what is stored and must be read again, with keys that are derived from SECRET_KEY.

A dump of the database alone does not show it. What a former secret of SECRET_KEY_FALLBACKS has
encrypted can still be read.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac


@dataclass(frozen=True, slots=True)
class Seal:
    """Encrypts texts for one purpose; what is sealed for another can't be read."""

    purpose: str

    def close(self, text: str) -> bytes:
        """Encrypt a text with the server's secret."""
        return self.ciphers().encrypt(text.encode())

    def open(self, sealed: bytes | str) -> str:
        """Decrypt a text; also with a former secret.

        Raises:
            InvalidToken: it was sealed with another secret, or for another purpose.
        """
        return self.ciphers().decrypt(sealed).decode()

    def is_current(self, sealed: bytes | str) -> bool:
        """Whether it was sealed with the present secret, so that no former one is needed."""
        try:
            self.key_of(settings.SECRET_KEY).decrypt(sealed)
        except InvalidToken:
            return False
        return True

    def ciphers(self) -> MultiFernet:
        """The first encrypts; each decrypts."""
        secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        return MultiFernet([self.key_of(secret) for secret in secrets])

    def key_of(self, secret: str) -> Fernet:
        key = salted_hmac(self.purpose, "", secret, algorithm="sha256")
        return Fernet(urlsafe_b64encode(key.digest()))
