"""ZIP archives that are something else as well: they are read from their end."""

from __future__ import annotations

import struct
from typing import Final

END: Final = b"PK\x05\x06"
END_SIZE: Final = 22
ENTRY: Final = b"PK\x01\x02"
LOCATOR_OF_64: Final = b"PK\x06\x07"
FARTHEST: Final = END_SIZE + 0xFFFF
"""How far from the file's end an archive's own end may be: its comment has up to 65,535 bytes."""


def is_archive(content: bytes) -> bool:
    """Tell whether programs find an archive in it, also one of the large kind (ZIP64).

    The four bytes of its end are in one photo of 65,000 by chance: what it points to must fit.
    """
    at = content.rfind(END, max(0, len(content) - FARTHEST))
    while at >= 0:
        if points_to_entries(content, at):
            return True
        at = content.rfind(END, max(0, len(content) - FARTHEST), at)
    return False


def points_to_entries(content: bytes, at: int) -> bool:
    if at + END_SIZE > len(content):
        return False
    if content[max(0, at - 20) : at].startswith(LOCATOR_OF_64):
        return True
    entries, size = struct.unpack_from("<HI", content, at + 10)
    begin = at - size
    return begin >= 0 and ((not entries and not size) or content.startswith(ENTRY, begin))
