"""Idempotency keys: what is stored of a key, and when a request with a used key is a replay.

Users' endpoints and the orders of the ledger share these rules. They differ in when they read and
write keys, for a reason:

- A users' endpoint makes a row, which does not exist yet and can't be locked. It inserts the key
  first (`claim`); a second request with the key waits for that row.
- Orders lock wallets. Many are posted in two trips: keys are read together with everything that the
  locks protect, and written together with all changes. If two transactions insert the same key, the
  database refuses the second one, which is undone and posted again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID

from django.db import models

from iocash import errors
from iocash.db.clock import Now
from users.models import fingerprints
from users.models.clients import Client
from users.models.fingerprints import Asked

OWN_KEY: Final = "\x1f"
"""How our own keys begin. A client's key can't: it is printable ASCII."""
STAFF: Final = f"{OWN_KEY}staff-"
"""How keys of the back office begin."""


@dataclass(frozen=True, slots=True)
class UsedKey:
    """A client's key with the fingerprint of its request, and what the request made."""

    client_id: UUID
    key: str
    salt: bytes | None
    """None once a user that the request names was erased: it can't be recognised any more."""
    fingerprint: bytes
    made: str
    made_id: UUID
    status: int

    @classmethod
    def of(
        cls, client_id: UUID, key: str, asked: bytes, *, made: str, made_id: UUID, status: int
    ) -> UsedKey:
        """Make the row of a new key; `asked` is the digest of its request."""
        salt = fingerprints.new_salt()
        fingerprint = fingerprints.salted(salt, asked)
        return cls(client_id, key, salt, fingerprint, made, made_id, status)

    def is_of(self, asked: bytes) -> bool:
        """Return whether the request with this digest used the key."""
        if self.salt is None:
            return False
        return fingerprints.salted(self.salt, asked) == self.fingerprint

    def require_same(self, asked: bytes) -> None:
        """Refuse a request that did not use the key (IdempotencyKeyReused)."""
        if not self.is_of(asked):
            raise errors.IdempotencyKeyReused(
                idempotency_key=self.key, resource=self.made, id=self.made_id
            )


class Key(models.Model):
    """The table of used keys.

    A row is written in the transaction that made what it names, and kept for ever. Its key is
    unique within the client. The salt is erased with the first user that the request names; after
    that nobody can tell which request it was.
    """

    pk = models.CompositePrimaryKey("client", "key")
    client = models.ForeignKey(Client, models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=255)
    salt = models.BinaryField(max_length=16, null=True)
    fingerprint = models.BinaryField(max_length=32)
    made = models.CharField(max_length=10)
    made_id = models.UUIDField()
    status = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "idempotency key"
        constraints = [
            models.CheckConstraint(
                name="key_status_is_a_success", condition=models.Q(status__in=[200, 201, 202])
            ),
        ]
        indexes = [models.Index(fields=["made_id"], name="key_of_made")]

    def __str__(self) -> str:
        return f"{self.made} {self.made_id}"

    @property
    def used(self) -> UsedKey:
        return UsedKey(
            client_id=self.client_id,
            key=self.key,
            salt=None if self.salt is None else bytes(self.salt),
            fingerprint=bytes(self.fingerprint),
            made=self.made,
            made_id=self.made_id,
            status=self.status,
        )


def claim(
    client_id: UUID, key: str, request: Asked, *, made: str, made_id: UUID, status: int
) -> UUID | None:
    """Store the key for this request; if the request used it before, return what that made.

    A second request with the key waits here until the first one is committed or undone.

    Raises:
        IdempotencyKeyReused: another request used it, or its user was erased since.
    """
    asked = fingerprints.canonical_digest(request)
    new = UsedKey.of(client_id, key, asked, made=made, made_id=made_id, status=status)
    row, is_new = Key.objects.get_or_create(client_id=client_id, key=key, defaults=asdict(new))
    if is_new:
        return None
    row.used.require_same(asked)
    return row.made_id


def find_made(client_id: UUID, key: str, request: Asked) -> UUID | None:
    """Return what this request made with the key before; None if the key is unused.

    Nothing is stored: for requests that have work to do before their transaction.

    Raises:
        IdempotencyKeyReused: another request used it, or its user was erased since.
    """
    row = Key.objects.filter(client_id=client_id, key=key).first()
    if row is None:
        return None
    row.used.require_same(fingerprints.canonical_digest(request))
    return row.made_id


def staff_key(number: object) -> str:
    """Return the key of a form that a member of staff submits; no client can choose it."""
    return f"{STAFF}{number}"


def approval_key(approval_id: UUID) -> str:
    """Return the key of what an approval runs: that of the form which has asked for it.

    So one form is done alone or by its approval, and never both.
    """
    return staff_key(approval_id)
