"""Identity verifications: how they begin, and what a decision of the provider changes.

The provider is asked before the transaction begins. A verification that it began, but that was
not stored, is never named to anybody: its callbacks find nothing, and the user is sent to another.

An approval approves the identity documents that were pending when the verification began, as staff
would. It leaves them to staff if that needs a person: if the names have changed since, if another
user has the same document, or if the user is blocked. A rejection leaves the documents pending.
"""

from __future__ import annotations

import hmac
import uuid
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.utils.crypto import salted_hmac

from iocash import errors
from iocash.db import clock
from iocash.db.sandbox import is_sandbox
from iocash.db.transactions import single_transaction
from users import kyc, names, searched_groups
from users.kyc import providers
from users.models import Client, Event, IdentityVerification, KycDocument, User, events
from users.models.events import By, EventKind
from users.models.fingerprints import Asked
from users.models.idempotency import claim, find_made
from users.models.ids import new_id
from users.users import locked_user, require_not_ended

Status = IdentityVerification.Status

LIFETIME: Final = timedelta(hours=IdentityVerification.LIFETIME_HOURS)
DECISIONS: Final = (Status.APPROVED, Status.REJECTED, Status.EXPIRED)
"""What a provider decides; its own end without a decision is EXPIRED."""


class Addresses(NamedTuple):
    """Where the provider sends the user afterwards, and this server as the client called it."""

    success_url: str
    failure_url: str
    origin: str


class Begun(NamedTuple):
    """A verification, and whether the request was sent again."""

    verification: IdentityVerification
    replayed: bool = False


# --- Beginning ---------------------------------------------------------------------------------


def begin(
    *,
    client_id: uuid.UUID,
    user_id: uuid.UUID,
    addresses: Addresses,
    by: By,
    key: str | None = None,
) -> Begun:
    """Begin a verification at the provider of the settings. An earlier pending one expires.

    Raises:
        NotFound: the client has no such user.
        IdempotencyKeyReused: the key made something else before.
        InvalidFields: a URL that is not https, unless this is a sandbox.
        NoIdentityProvider: the server has none.
        NotAPerson: the user is a company.
        UserNotActive: the user is blocked or closed.
        IdentityProviderUnavailable, Overloaded: the provider did not begin it.
    """
    asked = Asked(
        "VerifyIdentity",
        {"user_id": user_id, "success": addresses.success_url, "failure": addresses.failure_url},
    )
    if key and (used := find_made(client_id, key, asked)):
        return Begun(IdentityVerification.objects.get(client=client_id, id=used), replayed=True)
    user = User.objects.owned_by(client_id).filter(id=user_id).first()
    if user is None:
        raise errors.NotFound()
    require_allowed(addresses)
    require_verifiable(user)
    verification = at_provider(user, addresses, providers.chosen())
    with single_transaction():
        if key and (used := claim_verification(client_id, key, asked, verification)):
            return Begun(IdentityVerification.objects.get(client=client_id, id=used), replayed=True)
        user = locked_user(user_id, client_id)
        require_verifiable(user)
        store_pending(user, verification, by)
    return Begun(verification)


def claim_verification(
    client_id: uuid.UUID, key: str, asked: Asked, verification: IdentityVerification
) -> uuid.UUID | None:
    return claim(client_id, key, asked, made="identity", made_id=verification.id, status=202)


def require_allowed(addresses: Addresses) -> None:
    """Refuse http, except to this machine in a sandbox (InvalidFields)."""
    given = {"successUrl": addresses.success_url, "failureUrl": addresses.failure_url}
    plain = [name for name, url in given.items() if not url.startswith("https:")]
    if plain and not is_sandbox():
        raise errors.InvalidFields(
            *(errors.FieldError(name, "not_https", "Must begin with https://.") for name in plain)
        )


def require_verifiable(user: User) -> None:
    """Refuse companies (NotAPerson), and who is blocked or closed (UserNotActive)."""
    require_not_ended(user)
    if user.status == User.Status.BLOCKED:
        raise errors.UserNotActive(user_id=user.id, status=user.status)
    if user.kind != User.Kind.NATURAL:
        raise errors.NotAPerson(user_id=user.id, kind=user.kind)


def at_provider(
    user: User, addresses: Addresses, provider: providers.Provider
) -> IdentityVerification:
    """Begin a verification at the provider; nothing is stored yet."""
    verification = IdentityVerification(
        id=new_id(),
        client_id=user.client_id,
        user_id=user.id,
        provider=provider.name,
        success_url=addresses.success_url,
        failure_url=addresses.failure_url,
        names=names_digest(user),
    )
    verification.reference, verification.url = provider.begin(
        providers.Beginning(
            verification_id=verification.id,
            first_name=user.first_name,
            last_name=user.last_name,
            success_url=addresses.success_url,
            failure_url=addresses.failure_url,
            origin=addresses.origin,
        )
    )
    return verification


def names_digest(user: User) -> bytes:
    """Name the user's names without storing them."""
    return salted_hmac("users.kyc.identity", names.seen(user), algorithm="sha256").digest()


def store_pending(user: User, verification: IdentityVerification, by: By) -> None:
    """Store a verification in the place of a pending one. `user` is locked."""
    now = clock.now()
    for earlier in IdentityVerification.objects.of(user).pending():
        decide_pending(user, earlier, Status.EXPIRED, by=by, now=now)
    verification.created_at, verification.expires_at = now, now + LIFETIME
    verification.save(force_insert=True)
    record_step(user, EventKind.USER_IDENTITY_REQUESTED, verification, by)


def record_step(user: User, kind: EventKind, verification: IdentityVerification, by: By) -> None:
    events.record_about(
        user, kind, by, verification=str(verification.id), provider=verification.provider
    )


def find_verification(provider: str, verification_id: uuid.UUID) -> IdentityVerification | None:
    """Find a verification of a provider, and enter the group of its client; None: no group has it.

    Raises:
        DatabaseUnavailable: the client is being moved; or a group can't be asked.
    """
    known = IdentityVerification.objects.filter(id=verification_id, provider=provider)
    here = known.exclude(client__status=Client.Status.MOVED).select_related("client")
    return searched_groups.find_group(lambda: here.all().first(), is_of_moving_client)


def is_of_moving_client(verification: IdentityVerification) -> bool:
    return verification.client.status == Client.Status.MOVING


# --- Deciding ----------------------------------------------------------------------------------


def decide(*, provider: str, verification_id: uuid.UUID, status: str, reason: str = "") -> str:
    """Record what the provider decided, and what follows from it; return the status.

    The same decision again changes nothing. Another one changes nothing either: it is recorded
    once, and refused.

    Raises:
        NotFound: the provider has no such verification.
        InvalidTransition: it was decided otherwise, or it had expired.
    """
    by = By(f"provider:{provider}")
    with single_transaction():
        found = IdentityVerification.objects.filter(id=verification_id, provider=provider).first()
        if found is None:
            raise errors.NotFound()
        user = locked_user(found.user_id, found.client_id)
        found.refresh_from_db()
        now = clock.now()
        present = found.status_at(now)
        if found.status == Status.PENDING:
            decided = Status(status) if present == Status.PENDING else Status.EXPIRED
            decide_pending(user, found, decided, by=by, now=now, reason=reason)
            present = found.status
        if present != status:
            record_contradiction(user, found, status, by)
    if present != status:
        raise errors.InvalidTransition(
            verification_id=verification_id, status=present, requested=status
        )
    return present


def decide_pending(
    user: User,
    verification: IdentityVerification,
    status: str,
    *,
    by: By,
    now: datetime,
    reason: str = "",
) -> None:
    """End a pending verification. `user` is locked."""
    verification.status, verification.decided_at, verification.reason = status, now, reason
    verification.save(update_fields=["status", "decided_at", "reason"])
    record_step(user, EventKind(f"user.identity_{status.lower()}"), verification, by)
    if status == Status.APPROVED:
        approve_documents(user, verification, by)


def approve_documents(user: User, verification: IdentityVerification, by: By) -> None:
    """Approve the identity documents that the provider has seen, unless staff must look."""
    if user.status == User.Status.BLOCKED or not has_same_names(user, verification):
        return
    seen = (
        KycDocument.objects.of(user)
        .waiting()
        .filter(kind__in=kyc.IDENTITY, created_at__lte=verification.created_at)
    )
    ids = list(seen.values_list("id", flat=True))
    if not ids or user.status == User.Status.UNSUBSCRIBED:
        return
    with suppress(errors.InvalidFields):  # another user has the same document
        kyc.review(client_id=user.client_id, user_id=user.id, document_ids=ids, by=by, knowing=())


def has_same_names(user: User, verification: IdentityVerification) -> bool:
    return hmac.compare_digest(bytes(verification.names or b""), names_digest(user))


def record_contradiction(
    user: User, verification: IdentityVerification, requested: str, by: By
) -> None:
    """Record, once, that the provider says something else than what it decided."""
    about = {"verification": str(verification.id), "requested": requested}
    kind = EventKind.USER_IDENTITY_CONTRADICTED
    if not Event.objects.about(user.id).filter(kind=kind, data__contains=about).exists():
        events.record_about(user, kind, by, **about, status=verification.status)


# --- Looking -----------------------------------------------------------------------------------


def latest(user: User) -> IdentityVerification | None:
    """The last verification of the user."""
    return IdentityVerification.objects.of(user).order_by("-id").first()
