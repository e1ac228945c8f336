"""Credentials of callers: an API key, or the key that signed a token.

API keys are cached per process and validated again before anything is changed or answered, if that
needs no extra trip. A `Proof` represents this validation: `posting.submit` reads the key in the
transaction of the order, `Proof.first` in the trip of the query. A separate query for each key
would cost a tenth of a transfer, and a tenth of a GET.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from iocash import errors
from iocash.db import groups, replica
from iocash.db.prepared import Question, Row
from iocash.db.transactions import Statement, fetch, fetch_each
from users import searched_groups
from users.models import ApiKey, Client
from users.models.clients import Credential

READ = """
    SELECT key.id, key.client_id, client.name, key.scopes,
           coalesce(key.revoked_at <= clock_timestamp(), false),
           coalesce(key.expires_at <= clock_timestamp(), false),
           client.status
    FROM users_apikey AS key
    JOIN users_client AS client ON client.id = key.client_id AND client.status <> 'MOVED'
"""
READ_BY_DIGEST = f"{READ} WHERE key.digest = %s"
READ_BY_ID = f"{READ} WHERE key.id = %s"
READ_BY_IDS = f"{READ} WHERE key.id = ANY(%s)"

MOST_REMEMBERED = 10_000


class StaleKey(errors.Unauthorized):
    """The API key has changed since it was cached. Nothing was changed; look the key up again."""

    detail = "The API key has changed."


@dataclass(frozen=True, slots=True)
class Credentials:
    """The client, the scopes and the validity of a key."""

    id: UUID
    client_id: UUID
    client_name: str
    scopes: frozenset[str]
    is_revoked: bool
    is_expired: bool
    client_status: str
    group: str
    """The group of clients in which they were read."""

    @classmethod
    def of_secret(cls, secret: str) -> Credentials:
        """Read the credentials of an API key, and enter the group of its client.

        Raises:
            InvalidCredentials: the key does not exist.
            DatabaseUnavailable: the client is being moved, or a group can't be asked.
        """
        digest = ApiKey.digest_of(secret)
        known = MEMORY.get(digest)

        def look() -> Credentials | None:
            found = fetch(READ_BY_DIGEST, [digest])
            return cls.of_row(found[0]) if found else None

        shown = searched_groups.find_group(look, cls.is_of_moving, known.group if known else None)
        if shown is None:
            raise errors.InvalidCredentials()
        if len(MEMORY) >= MOST_REMEMBERED:
            MEMORY.clear()
        MEMORY[digest] = shown
        return shown

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Self:
        """Build credentials from a row of `READ`."""
        key_id, client_id, name, scopes, is_revoked, is_expired, status = row
        return cls(
            id=key_id,
            client_id=client_id,
            client_name=name,
            scopes=frozenset(scopes),
            is_revoked=is_revoked,
            is_expired=is_expired,
            client_status=status,
            group=groups.current(),
        )

    @classmethod
    def of(cls, key: Credential, scopes: frozenset[str]) -> Self:
        """Build credentials from a key, with these scopes of it."""
        return cls(
            id=key.id,
            client_id=key.client_id,
            client_name=key.client.name,
            scopes=scopes,
            is_revoked=key.is_revoked,
            is_expired=key.is_expired,
            client_status=key.client.status,
            group=groups.current(),
        )

    def is_of_moving(self) -> bool:
        """Whether the client is being moved to another group, or from there."""
        return self.client_status == Client.Status.MOVING

    @property
    def refusal(self) -> errors.Refused | None:
        """Why they are not valid; None if they are."""
        if self.is_revoked:
            return errors.CredentialsRevoked()
        if self.is_expired:
            return errors.CredentialsExpired()
        if self.client_status == Client.Status.SUSPENDED:
            return errors.ClientSuspended()
        return None

    def require_valid(self) -> None:
        """Refuse a revoked or expired key, and every key of a suspended client."""
        if refusal := self.refusal:
            raise refusal


class Proof:
    """The obligation to validate a cached key once, before a request is answered.

    While it is due, only refusals may be answered. It is due only for a key from the cache; a key
    that was read for this request needs no second validation.
    """

    __slots__ = ("remembered",)

    def __init__(self, remembered: Credentials | None = None) -> None:
        self.remembered = remembered

    @property
    def is_due(self) -> bool:
        return self.remembered is not None

    def spend(self) -> None:
        """Record that the key was read again and has not changed."""
        self.remembered = None

    def check(self, found: Mapping[UUID, Credentials]) -> None:
        """Raise StaleKey unless `found` has the key as it was cached."""
        known = self.remembered
        if known and found.get(known.id) != known:
            raise StaleKey()

    def fetch(self, *questions: Statement) -> list[list[Any]]:
        """Execute several queries in one trip; while due, read the key in it too, after them.

        From the replica, the queries are one trip, and the key is another one, to the primary.

        Raises:
            StaleKey: the key has changed.
        """
        source = replica.current_source()
        if self.remembered is None:
            return source.fetch(*questions) if source else fetch_each(*questions)
        proof = READ_BY_ID, [self.remembered.id]
        if source:
            found, keys = source.fetch(*questions), fetch_each(proof)[0]
        else:
            *found, keys = fetch_each(*questions, proof)
        self.check({row[0]: Credentials.of_row(row) for row in keys})
        self.spend()
        return found

    def first(self, question: Question[Row], *ids: UUID) -> Row | None:
        """Read the row with these ids; see `fetch`."""
        (found,) = self.fetch(question.about(*ids))
        return question.first(found)


MEMORY: dict[bytes, Credentials] = {}
"""What stood behind API keys when they were last looked up, by the digests of the keys."""


def remembered(secret: str) -> Credentials | None:
    """What stood behind an API key, if that is known, and was good: it must be checked yet."""
    known = MEMORY.get(ApiKey.digest_of(secret))
    return known if known and known.refusal is None else None
