"""Limits of documents, and the exception that refuses a document."""

from __future__ import annotations

from typing import Final

from iocash.errors import Message
from iocash.processes import FileRefused

MOST_BYTES: Final = 5_000_000
MOST_PIXELS: Final = 50_000_000
"""Enough for photos of phones, and little enough for the memory of a viewer."""

MOST_PAGES: Final = 20
"""The most pages that are rendered for staff."""

PDF: Final = "application/pdf"
PNG: Final = "image/png"
JPEG: Final = "image/jpeg"


class WrongDocument(FileRefused, ValueError):
    """The document is not accepted; `code` and `words` contain the reason."""

    def __init__(self, code: str, words: Message) -> None:
        self.code, self.words = code, words
        super().__init__(words)


def damaged(kind: Message, why: Message) -> WrongDocument:
    words = Message(
        "The {kind} is damaged: {why}. Save it again as a new file.", kind=kind, why=why
    )
    return WrongDocument("damaged", words)


def too_complex(kind: Message, why: Message) -> WrongDocument:
    words = Message(
        "The {kind} is too complex to check: {why}. Save or scan it again as a new file.",
        kind=kind,
        why=why,
    )
    return WrongDocument("too_complex", words)


def trailing_data(kind: Message) -> WrongDocument:
    words = Message(
        "The file has data after the end of the {kind}. Save it again without that data.",
        kind=kind,
    )
    return WrongDocument("trailing_data", words)


def require_pixels(width: int, height: int, kind: Message) -> None:
    """Refuse a picture without pixels, or with more than `MOST_PIXELS`."""
    if not width or not height:
        raise damaged(kind, Message("its width or height is 0"))
    if width * height > MOST_PIXELS:
        words = Message(
            "The picture has {width} × {height} pixels; the limit is {limit:,} pixels.",  # noqa: RUF001
            width=width,
            height=height,
            limit=MOST_PIXELS,
        )
        raise WrongDocument("too_many_pixels", words)
