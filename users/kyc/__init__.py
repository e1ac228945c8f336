"""Know your customer: what users show of who they are, what staff decide, and the level it gives.

Level 0: the phone is verified. Level 1: staff have approved the identity. Level 2: they have
approved everything. What is approved holds until staff approve what was sent after it, or until
the identity document expires. What a level allows is for `wallets.books.limits` to say.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from django.core.files.base import ContentFile
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from iocash import errors
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users import locking, names
from users.kyc.looks import record_access
from users.models import Access, KycDocument, User, events
from users.models.clients import IS_AWAY
from users.models.events import By, EventKind
from users.models.fingerprints import Asked, canonical
from users.models.idempotency import claim
from users.models.ids import new_id
from users.models.kyc_documents import file_storage, place_of
from users.users import locked_user, require_not_ended

Kind = KycDocument.Kind
Kinds = frozenset[Kind]

IDENTITY: Kinds = frozenset(
    {Kind.IDENTITY, Kind.DOCUMENT_IDENTITY_FRONT, Kind.DOCUMENT_IDENTITY_BACK}
)
NEEDED: Mapping[str, Mapping[int, Kinds]] = {
    User.Kind.NATURAL: {
        1: IDENTITY,
        2: IDENTITY
        | {
            Kind.HOME_ADDRESS,
            Kind.EXTERNAL_IBAN,
            Kind.FINANCIAL_INFORMATION,
            Kind.OCCUPATION,
            Kind.DOCUMENT_EXTERNAL_IBAN,
            Kind.DOCUMENT_INCOME_TAX,
        },
    },
    User.Kind.JURIDICAL: {
        2: frozenset({Kind.HOME_ADDRESS, Kind.EXTERNAL_IBAN, Kind.DOCUMENT_COMPANY_DEED}),
    },
}
"""What staff must have approved for each level. A passport has no back."""


SAME_DOCUMENT: Final = """
    SELECT other.user_id FROM users_kycdocument AS own
    JOIN users_kycdocument AS other
        ON other.facts ->> 'identity_number' = own.facts ->> 'identity_number'
        AND other.facts ->> 'identity_type' = own.facts ->> 'identity_type'
    WHERE own.id = ANY(%s) AND own.kind = 'IDENTITY'
        AND other.kind = 'IDENTITY' AND other.status = 'APPROVED'
        AND other.user_id <> own.user_id
"""
CHANGED = "The user or a document has changed since you opened this page. Review it again."


class Level(NamedTuple):
    """A KYC level, and the last day on which it holds; None: it holds for ever."""

    level: int
    until: date | None = None


class File(NamedTuple):
    """A document as it was sent; its type is what its bytes say."""

    content: bytes
    media_type: str


class Sent(NamedTuple):
    """A KYC document, and whether it is new."""

    document: KycDocument
    created: bool
    replayed: bool = False


# --- Levels ------------------------------------------------------------------------------------


def needed_kinds(user_kind: str, level: int, identity: KycDocument | None) -> Kinds:
    """What a user of this kind must have approved for a level."""
    kinds = NEEDED[user_kind][level]
    if identity and identity.facts and identity.facts["identity_type"] == "PASSPORT":
        return kinds - {Kind.DOCUMENT_IDENTITY_BACK}
    return kinds


def level_of(user_kind: str, approved: Iterable[KycDocument], day: date) -> Level:
    """The highest level for which everything is approved; 0 after its last day."""
    kinds = {Kind(each.kind): each for each in approved}
    identity = kinds.get(Kind.IDENTITY)
    for level in sorted(NEEDED[user_kind], reverse=True):
        if needed_kinds(user_kind, level, identity) <= kinds.keys():
            until = identity.expires_on if identity and user_kind == User.Kind.NATURAL else None
            return Level(level, until) if until is None or day <= until else Level(0)
    return Level(0)


def next_level(user: User, day: date) -> int | None:
    """The level that comes after the user's own; None when there is no higher one."""
    higher = [level for level in NEEDED[user.kind] if level > user.level_on(day)]
    return min(higher, default=None)


# --- Sending -----------------------------------------------------------------------------------


def current_documents(user: User) -> dict[Kind, KycDocument]:
    """The last that was sent of each kind, by kind."""
    return last_of_each_kind(KycDocument.objects.of(user).current())


def last_of_each_kind(documents: Iterable[KycDocument]) -> dict[Kind, KycDocument]:
    """Choose the last that was sent of each kind from what was not replaced.

    What is approved was sent before what is not; ids can be older than what they waited behind.
    """
    found = sorted(documents, key=lambda each: not holds(each))
    last = {Kind(each.kind): each for each in found}
    return dict(sorted(last.items(), key=lambda item: item[1].id))


def send(
    *,
    client_id: uuid.UUID,
    user_id: uuid.UUID,
    kind: Kind,
    shown: Mapping[str, Any] | File,
    by: By,
    key: str | None = None,
    creates: bool = True,
    replaces: bool = False,
) -> Sent:
    """Store a KYC document for staff to review: the first of its kind, or a replacement.

    The same that waits or is approved already changes nothing.

    Raises:
        NotFound: the client has no such user; or there is none of this kind, and it is not created.
        UserNotActive: the user is unsubscribed.
        InvalidFields: the identity document has expired.
        IdempotencyKeyReused: the key made something else before.
        AlreadyExists: there is one of this kind, and it was not to be replaced.
    """
    document = new_document(client_id, user_id, kind, shown)
    with single_transaction():
        if key and (used := claim_key(client_id, key, document)):
            found = KycDocument.objects.get(client=client_id, id=used)
            return Sent(found, created=False, replayed=True)
        user = locked_user(user_id, client_id)
        last = current_documents(user).get(kind)
        if last is None and not creates:
            raise errors.NotFound()
        if last and not replaces:
            raise already_exists(user, kind)
        if last and stands(last) and is_same(last, document):
            return Sent(last, created=False)
        require_not_ended(user)
        require_valid(document)
        keep(user, document, last, by)
    return Sent(document, created=last is None)


def already_exists(user: User, kind: Kind) -> errors.AlreadyExists:
    words = errors.Message("{field} already exists. Use PUT to replace it.", field=kind.path)
    return errors.AlreadyExists(words, field=kind.path, user_id=user.id)


def new_document(
    client_id: uuid.UUID, user_id: uuid.UUID, kind: Kind, shown: Mapping[str, Any] | File
) -> KycDocument:
    """Make the document; nothing is stored yet."""
    document = KycDocument(id=new_id(), client_id=client_id, user_id=user_id, kind=kind)
    if isinstance(shown, File):
        document.file = ContentFile(shown.content, name=str(document.id))
        document.media_type, document.size = shown.media_type, len(shown.content)
        document.sha256 = hashlib.sha256(shown.content).digest()
        return document
    document.facts = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in shown.items()
    }
    document.expires_on = shown.get("expiry_date")
    return document


def claim_key(client_id: uuid.UUID, key: str, document: KycDocument) -> uuid.UUID | None:
    """Store the key (`claim`); return the id of the document that the request made before."""
    asked = request_of(document)
    return claim(client_id, key, asked, made="evidence", made_id=document.id, status=201)


def request_of(document: KycDocument) -> Asked:
    values = {
        "user_id": document.user_id,
        "kind": str(document.kind),
        "sha256": document.sha256.hex() if document.sha256 else None,
        "facts": document.facts or {},
    }
    return Asked("SendKycDocument", values)


def holds(document: KycDocument) -> bool:
    return document.status == KycDocument.Status.APPROVED


def stands(document: KycDocument) -> bool:
    return document.status in {KycDocument.Status.PENDING, KycDocument.Status.APPROVED}


def is_same(one: KycDocument, other: KycDocument) -> bool:
    return canonical(request_of(one)) == canonical(request_of(other))


def require_valid(document: KycDocument) -> None:
    """Refuse a document that is over (InvalidFields)."""
    if document.expires_on and document.is_over(clock.today()):
        raise errors.InvalidFields(
            errors.FieldError("expiryDate", "expired", "The document has expired.")
        )


def keep(user: User, document: KycDocument, last: KycDocument | None, by: By) -> None:
    """Store it in the place of `last`, if that waits or was rejected; what is approved holds on."""
    if last and not holds(last):
        KycDocument.objects.of(user).replace_unapproved(document.kind)
    try:
        document.save(force_insert=True)
        events.record_about(
            user, EventKind.USER_KYC_DOCUMENT_SENT, by, evidence=document.kind, id=str(document.id)
        )
    except BaseException:
        if document.is_file:  # a part of it may be there, under a name that it has not got yet
            file_storage().delete(place_of(document, ""))
        raise


# --- Deciding ----------------------------------------------------------------------------------


def review(
    *,
    client_id: uuid.UUID,
    user_id: uuid.UUID,
    document_ids: Collection[uuid.UUID],
    by: By,
    reason: str = "",
    names_seen: str | None = None,
    knowing: Collection[uuid.UUID] | None = None,
) -> User:
    """Approve documents or, with a reason that the client reads, reject them; set the level.

    Staff say under which names they saw the user (`names.seen`), and which other users they know
    to have the same identity document; None: neither is asked for.

    Raises:
        NotFound: the client has no such user, or the user has not sent all of them.
        InvalidTransition: one of them is not pending, or the names have changed.
        InvalidFields: another user has the same identity document, and staff do not know it.
    """
    status = KycDocument.Status.REJECTED if reason else KycDocument.Status.APPROVED
    with single_transaction():
        user = locked_user(user_id, client_id)
        found = list(KycDocument.objects.of(user).filter(id__in=document_ids))
        if len(found) < len(set(document_ids)):
            raise errors.NotFound()
        require_waiting(found, status)
        if names_seen not in {None, names.seen(user)}:
            raise stale(user_id=user.id, status=user.status, requested=status)
        if status == KycDocument.Status.APPROVED:
            require_known(user, found, knowing, by)
            kinds = [each.kind for each in found]
            KycDocument.objects.of(user).approved().filter(kind__in=kinds).update(status="REPLACED")
        if found:
            record_decisions(user, found, status, reason, by)
        set_level(user, by)
    return user


def require_waiting(found: Iterable[KycDocument], requested: str) -> None:
    for document in found:
        if document.status != KycDocument.Status.PENDING:
            raise stale(evidence_id=document.id, status=document.status, requested=requested)


def stale(**facts: Any) -> errors.InvalidTransition:
    return errors.InvalidTransition(CHANGED, **facts)


def require_known(
    user: User, found: Iterable[KycDocument], knowing: Collection[uuid.UUID] | None, by: By
) -> None:
    """Refuse to approve, unknowingly, an identity document that another user has."""
    identities = [each for each in found if each.kind == Kind.IDENTITY]
    if knowing is None or not identities:
        return
    for each in identities:
        locking.lock_value(locking.IDENTITIES, number_of(each))
    others = {other.id for other in with_same_document(identities)}
    if others - set(knowing):
        words = "Another user has the same identity document. Confirm that you have checked this."
        raise errors.InvalidFields(errors.FieldError("same_document", "same_document", words))
    if others:
        record_access(user, Access.What.REVIEW, by, "SAME_DOCUMENT")


def number_of(identity: KycDocument) -> bytes:
    facts = identity.facts or {}
    number = f"{facts.get('identity_type')} {facts.get('identity_number')}"
    return hashlib.sha256(number.encode()).digest()


def with_same_document(identities: Iterable[KycDocument]) -> QuerySet[User]:
    """Users, of any client, for whom staff have approved one of these documents: others' users."""
    ids = [each.id for each in identities]
    return (
        User.objects.filter(id__in=RawSQL(SAME_DOCUMENT, [ids]))  # noqa: S611 (a constant)
        .select_related("client")
        .order_by("id")
    )


def record_decisions(
    user: User, found: Collection[KycDocument], status: str, reason: str, by: By
) -> None:
    """Store the same decision about all of these documents, and an event for each."""
    KycDocument.objects.of(user).filter(id__in=[each.id for each in found]).update(
        status=status, reason=reason, reviewed_at=clock.now(), reviewed_by=by.actor
    )
    kind = EventKind(f"user.kyc_document_{status.lower()}")
    events.record_each_about(
        user, kind, by, [{"evidence": each.kind, "id": str(each.id)} for each in found]
    )
    for document in found:
        if document.kind == Kind.NAME and status == KycDocument.Status.APPROVED:
            names.set_names(user, document, by)


def set_level(user: User, by: By) -> None:
    """Give the level that follows from what is approved. `user` is locked."""
    before = Level(user.kyc_level, user.kyc_until)
    level = level_of(user.kind, KycDocument.objects.of(user).approved(), clock.today())
    if level == before:
        return
    user.kyc_level, user.kyc_until = level
    user.save(update_fields=["kyc_level", "kyc_until"])
    events.record_about(user, EventKind.USER_LEVEL_CHANGED, by, level=str(level.level))


def end_lapsed_levels(most: int, by: By) -> int:
    """Write level 0, with an event, for users whose level has ended; return how many.

    Reads compare the last day themselves, so nothing waits for this. Locked users are left out.
    """
    with single_transaction():
        lapsed = (
            User.objects.lapsed().exclude(IS_AWAY).select_for_update(no_key=True, skip_locked=True)
        )
        found = [*lapsed.order_by("kyc_until", "id")[:most]]
        for user in found:
            set_level(user, by)
    return len(found)
