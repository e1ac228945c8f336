"""What a PDF can do beyond showing pages. This runs in a process with limits (`sandbox`).

qpdf reads every object, those in object streams too, and writes names in their plain form: a
byte search would miss `/#4aS`. What is refused is refused wherever it is; what only moves to a
page or opens a web address when it is clicked is harmless.
"""

from __future__ import annotations

import io
import re
from itertools import chain
from typing import Any, Final

import pikepdf

from users.documents.refusals import WrongDocument, damaged, too_complex

MOST_OBJECTS: Final = 20_000
"""A scan has a hundred; a long tax return with its structure has some thousands."""

ACTIVE: Final = {
    b"JS": "JavaScript",
    b"JavaScript": "JavaScript",
    b"XFA": "an XFA form",
    b"Launch": "an action that starts a program",
    b"SubmitForm": "a form that is submitted",
    b"ImportData": "an action that imports data",
    b"GoToR": "a link into another file",
    b"GoToE": "a link into an embedded file",
    b"EmbeddedFile": "an embedded file",
    b"EmbeddedFiles": "an embedded file",
    b"EF": "an embedded file",
    b"RichMedia": "multimedia",
    b"RichMediaContent": "multimedia",
    b"Rendition": "multimedia",
    b"Movie": "multimedia",
    b"3D": "multimedia",
}
"""Names of PDF that a document must not contain, and what they are."""

STRICTLY: Final[dict[str, Any]] = {"attempt_recovery": False, "inherit_page_attributes": False}
"""Nothing is guessed, and pages are left alone until all else was looked at."""

NAME: Final = re.compile(rb"/(%s)(?=[\s/<>()\[\]]|\Z)" % b"|".join(ACTIVE))
TEXT: Final = re.compile(rb"\((?:[^\\)]|\\.)*\)", re.DOTALL)
"""A string as qpdf writes it, with every bracket inside escaped."""


def check_objects(content: bytes) -> None:
    """Refuse a PDF that does more than show pages, or that can't be read to its end.

    Raises:
        WrongDocument: active_content, damaged, encrypted, too_complex.
    """
    try:
        with pikepdf.open(io.BytesIO(content), **STRICTLY) as pdf:
            look_into(pdf)
    except pikepdf.PasswordError:
        raise encrypted() from None
    except pikepdf.PdfError:
        raise damaged("PDF", "it can't be read") from None


def look_into(pdf: pikepdf.Pdf) -> None:
    if pdf.is_encrypted:
        raise encrypted()
    if len(pdf.objects) > MOST_OBJECTS:
        raise too_complex("PDF", f"more than {MOST_OBJECTS:,} objects")
    for each in chain([pdf.trailer], pdf.objects):
        require_passive(object_bytes(each))
    if pdf.get_warnings():  # other readers would guess, and might find what this one did not
        raise damaged("PDF", "parts of it can't be read")
    if not len(pdf.pages):
        raise damaged("PDF", "it has no pages")


def encrypted() -> WrongDocument:
    words = "The PDF is encrypted. Remove its protection, or print it to a new PDF."
    return WrongDocument("encrypted", words)


def object_bytes(thing: Any) -> bytes:
    """An object as qpdf writes it; of a stream its dictionary. Numbers and null have no names."""
    if not isinstance(thing, pikepdf.Object):
        return b""
    text = thing.unparse(resolved=True)
    if text.endswith(b" R"):  # a stream names itself
        text = thing.stream_dict.unparse(resolved=True)
    return text


def require_passive(written: bytes) -> None:
    if not NAME.search(written):
        return
    found = NAME.search(TEXT.sub(b"()", written))
    if found:
        words = f"The PDF contains {ACTIVE[found[1]]}. Print it to a new PDF and send that."
        raise WrongDocument("active_content", words)
