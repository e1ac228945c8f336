"""KYC documents of nobody, for the demo and for tests: valid blocks, and drawn files."""

from __future__ import annotations

import io
import uuid
from datetime import date, timedelta
from functools import cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from users import kyc
from users.documents import PDF, media_type_of
from users.kyc import File, Kind
from users.models import User
from users.models.events import By

IBAN = "ES9121000418450200051332"
PAPER, INK, BAND = "#f4f7f6", "#22302d", "#0b6e5f"

FACTS: dict[Kind, dict[str, Any]] = {
    Kind.IDENTITY: {
        "identity_type": "DNI",
        "identity_number": "12345678Z",
        "nationality": "ES",
        "issue_date": date(2024, 3, 1),
        "birth_date": date(1990, 5, 17),
    },
    Kind.HOME_ADDRESS: {
        "address": "Calle Mayor 1, 2.º A",
        "city": "Madrid",
        "country_code": "ES",
        "postal_code": "28013",
        "province": "Madrid",
    },
    Kind.EXTERNAL_IBAN: {"external_iban": IBAN},
    Kind.FINANCIAL_INFORMATION: {"income_level": "B"},
    Kind.OCCUPATION: {"occupation_code": "2511"},
}


def sample(kind: Kind, number: int = 12345678) -> dict[str, Any] | File:
    """What a user of the demo shows of this kind; the identity expires in some years.

    `number` is that of the identity document, without its letter.
    """
    if kind == Kind.DOCUMENT_INCOME_TAX:
        return draw_pdf(str(kind.label))
    if kind not in FACTS:
        return draw_picture(str(kind.label))
    facts = FACTS[kind]
    if kind == Kind.IDENTITY:
        expiry = date.today() + timedelta(days=5 * 365)  # noqa: DTZ011
        return facts | {"identity_number": dni(number), "expiry_date": expiry}
    return facts


def dni(number: int) -> str:
    """The number of a Spanish identity card, with its check letter."""
    return f"{number:08}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


@cache
def draw_picture(title: str, *, kind: str = "PNG") -> File:
    """Draw a card that says what it stands for."""
    image = Image.new("RGB", (640, 404), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 640, 64), fill=BAND)
    draw.text((24, 18), "SPECIMEN", fill=PAPER, font=ImageFont.load_default(28))
    draw.text((24, 104), title, fill=INK, font=ImageFont.load_default(26))
    draw.rectangle((24, 164, 184, 364), outline=INK, width=2)
    for row in range(5):
        draw.line((216, 184 + 40 * row, 600, 184 + 40 * row), fill=INK, width=2)
    drawn = io.BytesIO()
    image.save(drawn, kind)
    return File(drawn.getvalue(), media_type_of(drawn.getvalue()))


@cache
def draw_pdf(title: str) -> File:
    """Write a PDF of one page that says what it stands for."""
    drawn = f"BT /F1 24 Tf 72 720 Td (SPECIMEN: {title}) Tj ET".encode("latin-1", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    content, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    content += b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    content += b"startxref\n%d\n%%%%EOF\n" % start
    return File(content, PDF)


def send_samples(
    user: User, kinds: kyc.Kinds, by: By, *, number: int = 12345678
) -> list[uuid.UUID]:
    """Send KYC documents of these kinds for the user, as `sample`; return their ids."""
    return [
        kyc.send(
            client_id=user.client_id,
            user_id=user.id,
            kind=kind,
            shown=sample(kind, number),
            by=by,
            replaces=True,
        ).document.id
        for kind in Kind
        if kind in kinds and kind != Kind.NAME
    ]


def approve(user: User, level: int, by: By) -> None:
    """Send all that a level needs, and approve it."""
    kinds = kyc.NEEDED[user.kind][level]
    document_ids = send_samples(user, kinds, by)
    kyc.review(client_id=user.client_id, user_id=user.id, document_ids=document_ids, by=by)
