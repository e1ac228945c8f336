"""What a document is, by its bytes: a PDF, a PNG or a JPEG, and nothing else at the same time.

Nothing here draws or runs what was sent: a picture's size is read and its end is found, no more.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from typing import Final

from PIL import Image, UnidentifiedImageError

MOST_BYTES: Final = 5_000_000
MOST_PIXELS: Final = 50_000_000
"""More than any camera's picture of a card; less than what would fill a viewer's memory."""

PDF: Final = "application/pdf"
ENDS: Final = {
    "PNG": ("image/png", b"\x00\x00\x00\x00IEND\xaeB`\x82"),
    "JPEG": ("image/jpeg", b"\xff\xd9"),
}
"""What each kind of picture is called, and how it ends: what follows is no part of it."""

PNG_BEGINS: Final = 8
"""Bytes before the first chunk."""

PDF_BEGINS: Final = re.compile(rb"%PDF-[12]\.[0-9][\r\n]")
PDF_ENDS: Final = re.compile(rb"startxref\s+[0-9]{1,10}\s+%%EOF\s{0,16}\Z")


class WrongDocument(ValueError):
    """It is not what may be sent; `code` says why."""

    def __init__(self, code: str, words: str) -> None:
        self.code = code
        super().__init__(words)


def media_type_of(content: bytes) -> str:
    """Tell what the bytes are.

    Raises:
        WrongDocument: too large, no PDF, PNG or JPEG, or something else as well.
    """
    if len(content) > MOST_BYTES:
        raise WrongDocument("too_large", f"This has more than {MOST_BYTES} bytes.")
    if zipfile.is_zipfile(io.BytesIO(content)):
        raise WrongDocument("unknown_type", "This is an archive, whatever else it is.")
    if content.startswith(b"%PDF-"):
        return pdf(content)
    return picture(content)


def pdf(content: bytes) -> str:
    """Tell a whole PDF (ISO 32000) from a part of one, and from what only begins like it."""
    if not PDF_BEGINS.match(content) or not PDF_ENDS.search(content[-1024:]):
        raise WrongDocument("damaged", "This is no whole PDF.")
    return PDF


def picture(content: bytes) -> str:
    try:
        image = Image.open(io.BytesIO(content), formats=list(ENDS))
    except UnidentifiedImageError:
        raise WrongDocument("unknown_type", "This is no PDF, PNG or JPEG.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_many_pixels() from None
    except (OSError, SyntaxError, ValueError):
        raise WrongDocument("damaged", "This picture can't be read.") from None
    return whole(image, content)


def too_many_pixels() -> WrongDocument:
    return WrongDocument("too_many_pixels", f"This has more than {MOST_PIXELS} pixels.")


def whole(image: Image.Image, content: bytes) -> str:
    """Refuse a picture that is too large when it is drawn, broken, or followed by other things."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise too_many_pixels()
    try:
        image.verify()
    except (OSError, SyntaxError, ValueError, IndexError):  # the last: it draws nothing
        raise WrongDocument("damaged", "This picture is damaged.") from None
    media_type, end = ENDS[str(image.format)]
    if not content.endswith(end) or (image.format == "PNG" and len(content) > end_of_png(content)):
        raise WrongDocument("trailing_data", "Something follows the picture's end.")
    return media_type


def end_of_png(content: bytes) -> int:
    """Where the first IEND ends. The picture is whole: each chunk says how long it is."""
    at, name = PNG_BEGINS, b""
    while name != b"IEND":
        size, name = struct.unpack_from(">I4s", content, at)
        at += 12 + size
    return at
