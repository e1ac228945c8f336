"""What a message in XML is here, and why one is refused. `trees` parses it."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from iocash.errors import Message
from iocash.processes import FileRefused

MOST_BYTES: Final = 32 * 2**20
"""The largest file that is read; 10,000 entries with all details take 15 MiB."""

Element: TypeAlias = Any
"""An element of a tree of lxml, which has no types; its tag is the name without the namespace."""


class Unreadable(FileRefused):
    """A file can't be read; `words` say why. Nothing was changed."""

    def __init__(self, words: Message) -> None:
        super().__init__(words)
        self.words = words


def too_large() -> Unreadable:
    return Unreadable(Message("The file is larger than {limit} MiB.", limit=MOST_BYTES // 2**20))
