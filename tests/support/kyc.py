"""What Alice shows of who she is, over the API and by the verbs; and what staff decide."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from tests.support import people
from users import demo_documents, kyc
from users.kyc import File, Kind
from users.models import KycDocument, User
from users.models.kyc_documents import file_storage

IDENTITY = {
    "identityType": "DNI",
    "identityNumber": "12345678Z",
    "nationality": "ES",
    "issueDate": "2024-03-01",
    "expiryDate": "2124-03-01",
    "birthDate": "1990-05-17",
}
ADDRESS = {
    "address": "Calle Mayor 1, 2.º A",
    "city": "Madrid",
    "countryCode": "ES",
    "postalCode": "28013",
    "province": "Madrid",
}
BLOCKS: dict[str, dict[str, Any]] = {
    "identity": IDENTITY,
    "home-address": ADDRESS,
    "external-iban": {"externalIban": "ES9121000418450200051332"},
    "financial-information": {"incomeLevel": "B"},
    "occupation": {"occupationCode": "2511"},
}
CHANGES: dict[str, dict[str, Any]] = {
    "identity": {"identityNumber": "87654321X"},
    "home-address": {"postalCode": "08001"},
    "external-iban": {"externalIban": "DE89370400440532013000"},
    "financial-information": {"incomeLevel": "C"},
    "occupation": {"occupationCode": "2512"},
}
"""One field of each block, with another value."""

DOCUMENTS = ("identity-front", "identity-back", "external-iban", "income-tax", "company-deed")
CARD = demo_documents.draw_picture("A card")
PAGE = demo_documents.draw_pdf("A page")


def other(path: str) -> dict[str, Any]:
    """The block with another value in one field."""
    return BLOCKS[path] | CHANGES[path]


def padded(size: int) -> bytes:
    """A picture of exactly so many bytes: a comment fills it up."""
    content = CARD.content
    comment = b"tEXtComment\x00" + b"a" * (size - len(content) - 20)
    end = len(content) - 12
    chunk = struct.pack(">I", len(comment) - 4) + comment + struct.pack(">I", zlib.crc32(comment))
    return content[:end] + chunk + content[end:]


def document(file: File | bytes = CARD, **values: Any) -> dict[str, Any]:
    """What a request says that sends a document."""
    content = file.content if isinstance(file, File) else file
    return {"content": base64.b64encode(content).decode(), **values}


def send(user: User, *kinds: Kind, **facts: Any) -> list[KycDocument]:
    """Send specimens of these kinds, in this order; with these facts, where a kind has them.

    A name is never sent by itself: it waits when a user changes.
    """
    return [send_one(user, kind, **facts) for kind in kinds if kind != Kind.NAME]


def send_one(user: User, kind: Kind, **facts: Any) -> KycDocument:
    shown = demo_documents.sample(kind)
    if not isinstance(shown, File):
        shown = shown | {name: value for name, value in facts.items() if name in shown}
    return kyc.send(
        client_id=user.client_id,
        user_id=user.id,
        kind=kind,
        shown=shown,
        by=people.BY,
        replaces=True,
    ).document


def review(user: User, *documents: KycDocument, reason: str = "") -> User:
    return kyc.review(
        client_id=user.client_id,
        user_id=user.id,
        document_ids=[each.id for each in documents],
        by=people.BY,
        reason=reason,
    )


def approve(user: User, kinds: Iterable[Kind], **facts: Any) -> User:
    """Send and approve these kinds; return the user as it is then."""
    return review(user, *send(user, *(kind for kind in Kind if kind in set(kinds)), **facts))


def stored(user: User) -> list[tuple[str, str]]:
    """All that was ever sent, and how far it came; oldest first."""
    rows = KycDocument.objects.filter(user=user.id).order_by("id")
    return [(each.kind, each.status) for each in rows]


def today() -> date:
    return timezone.now().date()


def files(user: User) -> list[Path]:
    """All that is kept of the user's."""
    folder = Path(file_storage().path(str(user.id)))
    return sorted(each for each in folder.rglob("*") if each.is_file())


def in_days(days: int) -> date:
    return today() + timedelta(days=days)
