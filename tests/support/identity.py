"""Identity verifications and terms, made as the server makes them."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from iocash.db import clock
from tests.support import people
from users import demo_documents
from users.kyc import identity, terms
from users.models import IdentityVerification, Otp, Terms, TermsSignature, User
from users.models.ids import new_id

SUCCESS, FAILURE = "https://app.example/verified", "https://app.example/not-verified"
URLS = {"successUrl": SUCCESS, "failureUrl": FAILURE}


def a_verification(user: User, provider: str = "http", **values: Any) -> IdentityVerification:
    """A pending verification of the user, as if the provider had begun it."""
    made = {
        "id": new_id(),
        "reference": f"p-{uuid.uuid4()}",
        "url": "https://provider.example/verify/1",
        "success_url": SUCCESS,
        "failure_url": FAILURE,
    }
    verification = IdentityVerification(
        client_id=user.client_id,
        user_id=user.id,
        provider=provider,
        names=identity.names_digest(user),
        **made | values,
    )
    identity.store_pending(User.objects.get(id=user.id), verification, people.BY)
    return verification


def decided(verification: IdentityVerification, status: str = "APPROVED", **values: Any) -> str:
    return identity.decide(
        provider=verification.provider, verification_id=verification.id, status=status, **values
    )


def some_terms(title: str = "Terms") -> Terms:
    """Publish a PDF with this title."""
    return terms.publish(demo_documents.draw_pdf(title).content, people.BY)


def stored_terms() -> Terms:
    """Terms that nobody checked: what `some_terms` publishes, at a fraction of the time."""
    content = b"%PDF-1.4"
    return Terms.objects.create(
        id=new_id(),
        version=1,
        content=content,
        size=len(content),
        sha256=hashlib.sha256(content).digest(),
        published_by=people.BY.actor,
        created_at=clock.now(),
    )


def a_signature(user: User) -> TermsSignature:
    """Let the user sign the current terms."""
    current = terms.unsigned(user)
    assert current
    used = Otp.objects.filter(user=user).first()
    assert used
    return terms.store_signature(user, current, used, people.BY)
