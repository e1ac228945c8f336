"""PDF (ISO 32000), from outside: how the file begins and ends. `inspection` looks inside."""

from __future__ import annotations

import re
from typing import Final

from iocash.errors import Message
from users.documents.refusals import damaged

KIND: Final = Message("PDF")
HEADER: Final = b"%PDF-"
BEGIN: Final = re.compile(rb"%PDF-[12]\.[0-9][ \t]*[\r\n]")
COMMENTS: Final = re.compile(rb"(?:[ \t\r\n\x00\x0c]|%[^\r\n]{0,512}[\r\n]){0,64}")
"""What may stand between the header and the first object; producers write a line of binary."""
OBJECT: Final = re.compile(rb"[0-9]{1,10}\s{1,8}[0-9]{1,5}\s{1,8}obj\b")
END: Final = re.compile(rb"startxref\s{1,16}[0-9]{1,10}\s{1,16}%%EOF\s{0,64}\Z")


def check(content: bytes) -> None:
    """Refuse what has no PDF's beginning or end.

    Raises:
        WrongDocument: damaged.
    """
    begin = BEGIN.match(content)
    if begin is None:
        raise damaged(KIND, Message("its first line is not a PDF header"))
    comments = COMMENTS.match(content, begin.end())
    if comments is None or not OBJECT.match(content, comments.end()):
        raise damaged(KIND, Message("no object follows its header"))
    if not END.search(content[-1024:]):
        raise damaged(KIND, Message("its end is missing, or other data follows it"))
