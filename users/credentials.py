"""What a caller shows to be let in: an API key, or the key that signed a token.

What stood behind an API key is remembered. Who relies on that has it checked before anything is
done or answered: an order carries it into its transaction, where it is read again, and a question
is asked together with the key's own.
"""

from __future__ import annotations

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


class Changed(errors.Unauthorized):
    """What was remembered of an API key is no longer so; nothing was done. Look it up again."""

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

    def first(self, question: Question[Row], *ids: UUID) -> Row | None:
        """Find a row with these ids, and then, in the same trip, whether all this is still so.

        Raises:
            Changed: it is not.
        """
        found, now = fetch_each(question.about(*ids), (READ_BY_ID, [self.id]))
        if [Credentials.of_row(each) for each in now] != [self]:
            raise Changed()
        return question.read(found)

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


MEMORY: dict[bytes, Credentials] = {}
"""What stood behind API keys when they were last looked up, by the digests of the keys."""


def remembered(secret: str) -> Credentials | None:
    """What stood behind an API key, if that is known, and was good: it must be checked yet."""
    known = MEMORY.get(ApiKey.digest_of(secret))
    return known if known and known.refusal is None else None
