"""Finds out what a document is from its bytes, and refuses files that are two things at once.

Nothing here draws or runs what was sent, and no library sees it in this process: pictures are
walked by `png` and `jpeg`; what needs a library runs in a process with limits (`processes`).
"""

from __future__ import annotations

from users.documents import archives, jpeg, pdf, png, processes
from users.documents.refusals import (
    JPEG,
    MOST_BYTES,
    MOST_PAGES,
    MOST_PIXELS,
    PDF,
    PNG,
    WrongDocument,
)

__all__ = [
    "JPEG",
    "MOST_BYTES",
    "MOST_PAGES",
    "MOST_PIXELS",
    "PDF",
    "PNG",
    "WrongDocument",
    "media_type_of",
]

FIRST = 1024
"""Readers of PDF look for its header in so many bytes."""


def media_type_of(content: bytes) -> str:
    """Tell what the bytes are: `PDF`, `PNG` or `JPEG`.

    Raises:
        WrongDocument: too large, none of the three, damaged, two things at once, or a PDF that
            is encrypted or does more than show pages.
        Overloaded: too many PDFs are being checked.
    """
    if len(content) > MOST_BYTES:
        raise WrongDocument("too_large", f"The file exceeds the limit of {MOST_BYTES:,} bytes.")
    if archives.is_archive(content):
        raise WrongDocument("unknown_type", "The file is also a ZIP archive.")
    if content.startswith(pdf.HEADER):
        pdf.check(content)
        processes.inspect(content)
        return PDF
    return picture_type(content)


def picture_type(content: bytes) -> str:
    if pdf.HEADER in content[: FIRST + len(pdf.HEADER)]:
        raise WrongDocument("unknown_type", "The file also has a PDF header. Send one type.")
    if content.startswith(png.SIGNATURE):
        png.check(content)
        return PNG
    if content.startswith(jpeg.BEGIN + b"\xff"):
        jpeg.check(content)
        return JPEG
    raise WrongDocument("unknown_type", other(content))


def other(content: bytes) -> str:
    """Say what is accepted, and name what phones send instead."""
    if content[4:8] == b"ftyp":
        return "HEIC, AVIF and video files are not accepted. Send a JPEG, a PNG or a PDF."
    return "The file is not a PDF, a PNG or a JPEG."
