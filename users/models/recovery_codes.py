"""Recovery codes of members of staff: each replaces the second factor once."""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode
from typing import Any, Final, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

RANDOM_BYTES: Final = 10
"""Eighty random bits. They can't be guessed from a digest, so a fast hash is enough."""
DIGITS: Final = RANDOM_BYTES * 8 // 5
ALPHABET: Final = frozenset("abcdefghijklmnopqrstuvwxyz234567")


def new_code() -> str:
    """A new code: sixteen letters and digits in groups of four."""
    text = b32encode(secrets.token_bytes(RANDOM_BYTES)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, DIGITS, 4))


def without_groups(text: str) -> str:
    """A code as it is hashed: in lower case, without hyphens and spaces."""
    return "".join(text.lower().replace("-", "").split())


def looks_like_a_code(text: str) -> bool:
    plain = without_groups(text)
    return len(plain) == DIGITS and ALPHABET.issuperset(plain)


class RecoveryCodeQuerySet(models.QuerySet["RecoveryCode"]):
    def of(self, member: Any) -> Self:
        return self.filter(member=member.pk)

    def unused(self) -> Self:
        return self.filter(used_at=None)

    def use(self, member: Any, text: str) -> bool:
        """Mark a code as used; whether it was there and unused. Of two callers one gets True."""
        digest = RecoveryCode.digest_of(member, text)
        return self.of(member).unused().filter(digest=digest).update(used_at=timezone.now()) == 1


class RecoveryCode(models.Model):
    """A recovery code. Only its SHA-256 digest, with the id of its member, is stored."""

    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    digest = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    objects = RecoveryCodeQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        permissions = [("give_roles", "Can give members of staff any role")]
        constraints = [
            models.UniqueConstraint(
                fields=["member", "digest"], name="recovery_code_is_stored_once"
            )
        ]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"

    @staticmethod
    def digest_of(member: Any, text: str) -> bytes:
        return hashlib.sha256(f"{member.pk}:{without_groups(text)}".encode()).digest()
