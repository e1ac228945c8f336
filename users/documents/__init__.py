"""Detects the file type of a document from its bytes, and rejects polyglot files.

No library parses a document in this process: `png` and `jpeg` check the structure of pictures, and
code that needs a library runs in a process with limits (`processes`).
"""

from __future__ import annotations

from iocash.errors import Message
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
"""PDF readers search for the header in this many bytes."""


def media_type_of(content: bytes) -> str:
    """Return the media type: `PDF`, `PNG` or `JPEG`.

    Raises:
        WrongDocument: too large, of another type, damaged, a polyglot file, or a PDF that is
            encrypted or has active content.
        Overloaded: too many PDFs are being checked.
    """
    if len(content) > MOST_BYTES:
        words = Message("The file exceeds the limit of {limit:,} bytes.", limit=MOST_BYTES)
        raise WrongDocument("too_large", words)
    if archives.is_archive(content):
        raise WrongDocument("unknown_type", Message("The file is also a ZIP archive."))
    if content.startswith(pdf.HEADER):
        pdf.check(content)
        processes.inspect(content)
        return PDF
    return picture_type(content)


def picture_type(content: bytes) -> str:
    if pdf.HEADER in content[: FIRST + len(pdf.HEADER)]:
        words = Message("The file also has a PDF header. Send one type.")
        raise WrongDocument("unknown_type", words)
    if content.startswith(png.SIGNATURE):
        png.check(content)
        return PNG
    if content.startswith(jpeg.BEGIN + b"\xff"):
        jpeg.check(content)
        return JPEG
    raise WrongDocument("unknown_type", unknown_type(content))


def unknown_type(content: bytes) -> Message:
    """The message for another file type; it names the formats of phones."""
    if content[4:8] == b"ftyp":
        return Message("HEIC, AVIF and video files are not accepted. Send a JPEG, a PNG or a PDF.")
    return Message("The file is not a PDF, a PNG or a JPEG.")
