"""Limits of documents, and the exception that refuses a document."""

from __future__ import annotations

from typing import Final

MOST_BYTES: Final = 5_000_000
MOST_PIXELS: Final = 50_000_000
"""Enough for photos of phones, and little enough for the memory of a viewer."""

MOST_PAGES: Final = 20
"""The most pages that are rendered for staff."""

PDF: Final = "application/pdf"
PNG: Final = "image/png"
JPEG: Final = "image/jpeg"


class WrongDocument(ValueError):
    """The file is not accepted; `code` and the text contain the reason."""

    def __init__(self, code: str, words: str) -> None:
        self.code = code
        super().__init__(words)


def damaged(kind: str, why: str) -> WrongDocument:
    return WrongDocument("damaged", f"The {kind} is damaged: {why}. Save it again as a new file.")


def too_complex(kind: str, why: str) -> WrongDocument:
    words = f"The {kind} is too complex to check: {why}. Save or scan it again as a new file."
    return WrongDocument("too_complex", words)


def trailing_data(kind: str) -> WrongDocument:
    words = f"The file has data after the end of the {kind}. Save it again without that data."
    return WrongDocument("trailing_data", words)


def require_pixels(width: int, height: int, kind: str) -> None:
    """Refuse a picture without pixels, or with more than `MOST_PIXELS`."""
    if not width or not height:
        raise damaged(kind, "its width or height is 0")
    if width * height > MOST_PIXELS:
        words = f"The picture has {width} × {height} pixels; the limit is {MOST_PIXELS:,} pixels."  # noqa: RUF001
        raise WrongDocument("too_many_pixels", words)
