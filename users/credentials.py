"""What a caller is let in with: an API key, or the key that signed a token.

API keys are remembered by each process, and read again before anything is done or answered for
them, where that costs no trip of its own. A `Proof` stands for this: `posting.submit` reads the key
in the transaction of the order, `Proof.first` in the trip of the query. To look each key up by
itself costs a tenth of a transfer, and a tenth of a GET.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from iocash import errors
from iocash.db.prepared import Question, Row
from iocash.db.transactions import fetch, fetch_each
from users.models import ApiKey, Client
from users.models.clients import Credential

READ = """
    SELECT key.id, key.client_id, client.name, key.scopes,
           coalesce(key.revoked_at <= clock_timestamp(), false),
           coalesce(key.expires_at <= clock_timestamp(), false),
           client.status
    FROM users_apikey AS key JOIN users_client AS client ON client.id = key.client_id
"""
READ_BY_DIGEST = f"{READ} WHERE key.digest = %s"
READ_BY_ID = f"{READ} WHERE key.id = %s"
READ_BY_IDS = f"{READ} WHERE key.id = ANY(%s)"

MOST_REMEMBERED = 10_000


class StaleKey(errors.Unauthorized):
    """The API key has changed since it was remembered; nothing was done. Look it up again."""

    detail = "The API key has changed."


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whose they are, what they allow, and whether they still do."""

    id: UUID
    client_id: UUID
    client_name: str
    scopes: frozenset[str]
    is_revoked: bool
    is_expired: bool
    client_status: str

    @classmethod
    def of_secret(cls, secret: str) -> Self:
        """Those of an API key, as they are now.

        Raises:
            InvalidCredentials: there is no such key.
        """
        digest = ApiKey.digest_of(secret)
        found = fetch(READ_BY_DIGEST, [digest])
        if not found:
            raise errors.InvalidCredentials()
        if len(MEMORY) >= MOST_REMEMBERED:
            MEMORY.clear()
        MEMORY[digest] = shown = cls.of_row(found[0])
        return shown

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Self:
        """Read a row of READ."""
        key_id, client_id, name, scopes, is_revoked, is_expired, status = row
        return cls(key_id, client_id, name, frozenset(scopes), is_revoked, is_expired, status)

    @classmethod
    def of(cls, key: Credential, scopes: frozenset[str]) -> Self:
        """Those of a key that was read, as far as it allows `scopes`."""
        return cls(
            id=key.id,
            client_id=key.client_id,
            client_name=key.client.name,
            scopes=scopes,
            is_revoked=key.is_revoked,
            is_expired=key.is_expired,
            client_status=key.client.status,
        )

    @property
    def refusal(self) -> errors.Refused | None:
        """Why they no longer let anybody in; None: they do."""
        if self.is_revoked:
            return errors.CredentialsRevoked()
        if self.is_expired:
            return errors.CredentialsExpired()
        if self.client_status == Client.Status.SUSPENDED:
            return errors.ClientSuspended()
        return None

    def require_valid(self) -> None:
        """Refuse what was revoked or has expired, and whatever a suspended client shows."""
        if refusal := self.refusal:
            raise refusal


class Proof:
    """The proof that a caller's key is still what it was remembered to be; it is spent once.

    While it is due, nothing may be answered for the key but a refusal. It is due only for a key
    that was remembered: a key that was looked up for this request proves itself.
    """

    __slots__ = ("remembered",)

    def __init__(self, remembered: Credentials | None = None) -> None:
        self.remembered = remembered

    @property
    def is_due(self) -> bool:
        return self.remembered is not None

    def spend(self) -> None:
        """Note that the key was read again, and was the same."""
        self.remembered = None

    def check(self, found: Mapping[UUID, Credentials]) -> None:
        """Refuse (StaleKey) unless `found` has the key as it was remembered."""
        known = self.remembered
        if known and found.get(known.id) != known:
            raise StaleKey()

    def first(self, question: Question[Row], *ids: UUID) -> Row | None:
        """Find a row with these ids; while due, read the key in the same trip, after the row.

        Raises:
            StaleKey: the key has changed.
        """
        if self.remembered is None:
            return question.first(*ids)
        found, keys = fetch_each(question.about(*ids), (READ_BY_ID, [self.remembered.id]))
        self.check({row[0]: Credentials.of_row(row) for row in keys})
        self.spend()
        return question.read(found)


MEMORY: dict[bytes, Credentials] = {}
"""What stood behind API keys when they were last looked up, by the digests of the keys."""


def remembered(secret: str) -> Credentials | None:
    """What stood behind an API key, if that is known, and was good: it must be checked yet."""
    known = MEMORY.get(ApiKey.digest_of(secret))
    return known if known and known.refusal is None else None
