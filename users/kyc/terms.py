"""The terms of the institution: their versions, and how users sign them.

Every user who is not closed has to sign the current version. A new version asks for a new
signature. The KYC level does not depend on it.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import NamedTuple

from iocash import errors
from iocash.db import clock
from iocash.db.transactions import single_transaction
from users import deliveries, documents, locking, otp, phones
from users.models import Otp, Terms, TermsSignature, User, events
from users.models.events import By, EventKind
from users.models.fingerprints import Asked
from users.models.idempotency import claim, find_made
from users.models.ids import new_id
from users.users import ACTIVATED, UNSUBSCRIBED, locked_user

SIGNED_STATUS = 201
PUBLISHING = hashlib.sha256(b"terms").digest()
"""The value that is locked while a version is numbered."""


class SignedTerms(NamedTuple):
    """A version of the terms, and the user's signature of it."""

    terms: Terms
    signature: TermsSignature | None
    replayed: bool = False


# --- Versions ----------------------------------------------------------------------------------


def publish(content: bytes, by: By) -> Terms:
    """Store a PDF as the current version of the terms; the current one again changes nothing.

    Raises:
        WrongDocument: it is not a PDF, or one that users' documents may not be.
        Overloaded: too many PDFs are being checked.
    """
    if documents.media_type_of(content) != documents.PDF:
        raise documents.WrongDocument("unknown_type", errors.Message("The terms must be a PDF."))
    digest = hashlib.sha256(content).digest()
    with single_transaction():
        locking.lock_value(locking.TERMS, PUBLISHING)
        current = Terms.objects.current()
        if current and bytes(current.sha256) == digest:
            return current
        return Terms.objects.create(
            id=new_id(),
            version=current.version + 1 if current else 1,
            content=content,
            size=len(content),
            sha256=digest,
            published_by=by.actor,
            created_at=clock.now(),
        )


def for_user(user: User) -> SignedTerms:
    """The current terms, without their content, and the user's signature of them.

    Raises:
        NotFound: there are none.
    """
    current = Terms.objects.current()
    if current is None:
        raise errors.NotFound()
    return SignedTerms(current, TermsSignature.objects.of(user).filter(terms=current).first())


def unsigned(user: User) -> Terms | None:
    """The current terms, if the user has to sign them and has not."""
    current = Terms.objects.current()
    if current is None or user.status == UNSUBSCRIBED:
        return None
    is_signed = TermsSignature.objects.of(user).filter(terms=current).exists()
    return None if is_signed else current


# --- Signing -----------------------------------------------------------------------------------


def request_signature(*, client_id: uuid.UUID | None, user_id: uuid.UUID, by: By) -> SignedTerms:
    """Send a one-time password, which signs the current terms, to the verified number.

    Raises:
        NotFound: the client has no such user.
        NoTerms: there are no terms.
        UserNotActive: the user is not activated.
        TermsAlreadySigned: the user has signed the current version.
        OtpTooSoon: one was requested less than a minute ago, or ten today.
        Overloaded: too many codes are waiting for delivery.
    """
    deliveries.require_capacity()
    with single_transaction():
        user = locked_user(user_id, client_id)
        terms = terms_to_sign(user)
        phones.lock_number(user.mobile_phone)
        otp.send_code(user, user.mobile_phone, about=str(terms.id))
        events.record_about(user, EventKind.USER_OTP_SENT, by, terms=str(terms.id))
    return SignedTerms(terms, None)


def terms_to_sign(user: User) -> Terms:
    """The terms that the user signs now.

    Raises:
        NoTerms, UserNotActive, TermsAlreadySigned: it can't.
    """
    terms = Terms.objects.current()
    if terms is None:
        raise errors.NoTerms(user_id=user.id)
    if user.status != ACTIVATED:
        raise errors.UserNotActive(user_id=user.id, status=user.status)
    if signed := TermsSignature.objects.of(user).filter(terms=terms).first():
        raise errors.TermsAlreadySigned(
            user_id=user.id, version=terms.version, signed_at=signed.signed_at
        )
    return terms


def sign_terms(
    *, client_id: uuid.UUID, user_id: uuid.UUID, code: str, by: By, key: str | None = None
) -> SignedTerms:
    """Sign the current terms with the one-time password that was sent for them.

    The password is no part of the request that the key names: a wrong one leaves no trace.

    Raises:
        NotFound: the client has no such user.
        IdempotencyKeyReused: the key made something else before.
        NoTerms, UserNotActive, TermsAlreadySigned: as for `request_signature`.
        InvalidOtp, OtpExpired, OtpTriedOut: as for `otp.require_right`; also if newer terms were
            published since the password was sent.
    """
    asked = Asked("SignTerms", {"user_id": user_id})
    if key and (used := find_made(client_id, key, asked)):
        return replay_signature(client_id, used)
    user = User.objects.owned_by(client_id).filter(id=user_id).first()
    if user is None:
        raise errors.NotFound()
    terms, phone = terms_to_sign(user), user.mobile_phone
    digest = otp.require_right(user, phone, code, about=str(terms.id))
    signature_id = new_id()
    with single_transaction():
        if key and (used := claim_signature(client_id, key, asked, signature_id)):
            return replay_signature(client_id, used)
        user = locked_user(user_id, client_id)
        if terms_to_sign(user).id != terms.id:
            raise errors.OtpExpired(user_id=user.id)
        used_up = otp.use_up(user, phone, digest)
        signature = store_signature(user, terms, used_up, by, signature_id)
    return SignedTerms(terms, signature)


def claim_signature(
    client_id: uuid.UUID, key: str, asked: Asked, signature_id: uuid.UUID
) -> uuid.UUID | None:
    return claim(client_id, key, asked, made="terms", made_id=signature_id, status=SIGNED_STATUS)


def replay_signature(client_id: uuid.UUID, signature_id: uuid.UUID) -> SignedTerms:
    found = TermsSignature.objects.select_related("terms").defer("terms__content")
    signature = found.get(client=client_id, id=signature_id)
    return SignedTerms(signature.terms, signature, replayed=True)


def store_signature(
    user: User, terms: Terms, used: Otp, by: By, signature_id: uuid.UUID | None = None
) -> TermsSignature:
    """Store a signature. `user` is locked."""
    signature = TermsSignature.objects.create(
        id=signature_id or new_id(),
        client_id=user.client_id,
        user_id=user.id,
        terms_id=terms.id,
        sha256=terms.sha256,
        otp_id=used.id,
        otp_sent_at=used.sent_at,
        signed_at=clock.now(),
        actor=by.actor,
        request_id=by.request_id,
    )
    events.record_about(
        user, EventKind.USER_TERMS_SIGNED, by, terms=str(terms.id), id=str(signature.id)
    )
    return signature
