"""The public keys of clients that sign their own tokens."""

from __future__ import annotations

from typing import Self

from django.db import models

from users.models.clients import KNOWN_SCOPES, Credential


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def called(self, kid: str) -> Self:
        return self.filter(kid=kid).select_related("client")


class SigningKey(Credential):
    """An RSA public key that verifies a client's own tokens (RFC 7519); `kid` identifies it.

    A client can have several, for rotation.
    """

    kid = models.CharField("key id", max_length=64, unique=True)
    public_key = models.TextField(help_text="In PEM format.")

    objects = SigningKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="signing_key_scopes_are_known",
                condition=models.Q(scopes__contained_by=list(KNOWN_SCOPES)),
            ),
        ]

    def __str__(self) -> str:
        return self.kid
