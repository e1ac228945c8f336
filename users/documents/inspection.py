"""Searches a PDF for active content. It runs in a process with limits (`sandbox`).

qpdf reads every object, also those in object streams, and writes names in their plain form; a byte
search would miss `/#4aS`. Forbidden names are refused in every object. Links to a page or to a web
address are allowed.
"""

from __future__ import annotations

import io
import re
from itertools import chain
from typing import Any, Final

import pikepdf

from iocash.errors import Message
from users.documents.pdf import KIND
from users.documents.refusals import WrongDocument, damaged, too_complex

MOST_OBJECTS: Final = 20_000
"""A scan has a hundred; a long tax return with its structure has some thousands."""

ACTIVE: Final = {
    b"JS": "JavaScript",
    b"JavaScript": "JavaScript",
    b"XFA": Message("an XFA form"),
    b"Launch": Message("an action that starts a program"),
    b"SubmitForm": Message("a form that is submitted"),
    b"ImportData": Message("an action that imports data"),
    b"GoToR": Message("a link into another file"),
    b"GoToE": Message("a link into an embedded file"),
    b"EmbeddedFile": Message("an embedded file"),
    b"EmbeddedFiles": Message("an embedded file"),
    b"EF": Message("an embedded file"),
    b"RichMedia": Message("multimedia"),
    b"RichMediaContent": Message("multimedia"),
    b"Rendition": Message("multimedia"),
    b"Movie": Message("multimedia"),
    b"3D": Message("multimedia"),
}
"""Forbidden names of PDF, and their meanings."""

STRICTLY: Final[dict[str, Any]] = {"attempt_recovery": False, "inherit_page_attributes": False}
"""Don't repair the file, and don't change its pages before the checks."""

NAME: Final = re.compile(rb"/(%s)(?=[\s/<>()\[\]]|\Z)" % b"|".join(ACTIVE))
TEXT: Final = re.compile(rb"\((?:[^\\)]|\\.)*\)", re.DOTALL)
"""A string as qpdf writes it, with escaped brackets."""


def check_pdf(content: bytes) -> None:
    """Refuse a PDF with active content, or one that can't be read completely.

    Raises:
        WrongDocument: active_content, damaged, encrypted, too_complex.
    """
    try:
        with pikepdf.open(io.BytesIO(content), **STRICTLY) as pdf:
            check_objects(pdf)
    except pikepdf.PasswordError:
        raise encrypted() from None
    except pikepdf.PdfError:
        raise damaged(KIND, Message("it can't be read")) from None


def check_objects(pdf: pikepdf.Pdf) -> None:
    if pdf.is_encrypted:
        raise encrypted()
    if len(pdf.objects) > MOST_OBJECTS:
        raise too_complex(KIND, Message("more than {limit:,} objects", limit=MOST_OBJECTS))
    for each in chain([pdf.trailer], pdf.objects):
        require_passive(serialized(each))
    if pdf.get_warnings():  # other readers repair it, and may find other objects
        raise damaged(KIND, Message("parts of it can't be read"))
    if not len(pdf.pages):
        raise damaged(KIND, Message("it has no pages"))


def encrypted() -> WrongDocument:
    words = Message("The PDF is encrypted. Remove its protection, or print it to a new PDF.")
    return WrongDocument("encrypted", words)


def serialized(obj: Any) -> bytes:
    """An object as qpdf writes it; of a stream, its dictionary. Numbers and null are empty."""
    if not isinstance(obj, pikepdf.Object):
        return b""
    text = obj.unparse(resolved=True)
    if text.endswith(b" R"):  # a stream is written as a reference to itself
        text = obj.stream_dict.unparse(resolved=True)
    return text


def require_passive(written: bytes) -> None:
    if not NAME.search(written):
        return
    found = NAME.search(TEXT.sub(b"()", written))
    if found:
        words = Message(
            "The PDF contains {content}. Print it to a new PDF and send that.",
            content=ACTIVE[found[1]],
        )
        raise WrongDocument("active_content", words)
