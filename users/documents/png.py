"""Checks the structure of a PNG (ISO/IEC 15948) without inflating any data.

A PNG is a sequence of chunks, each with its length and checksum. Compressed texts and colour
profiles can grow a thousandfold when a decoder inflates them. Therefore they are only counted,
and the decoder gets only the chunks that it needs.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from iocash.errors import Message
from users.documents.refusals import (
    WrongDocument,
    damaged,
    require_pixels,
    too_complex,
    trailing_data,
)

KIND: Final = Message("PNG picture")
SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS: Final = 10_000
"""Encoders write a chunk for every 2 to 64 kB of pixels."""
MOST_ANCILLARY: Final = 100
"""Chunks that a decoder does not need: texts, colours, times. About 10 are usual."""

NEEDED: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
CRITICAL: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
ONCE: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"sRGB", b"eXIf"})
DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""The allowed bits per sample of each colour type."""


class Chunk(NamedTuple):
    """A chunk: its name, its start and its end in the file."""

    name: bytes
    start: int
    end: int


def check(content: bytes) -> None:
    """Refuse an incomplete PNG, or data after it.

    Raises:
        WrongDocument: damaged, too_complex, too_many_pixels, trailing_data, unknown_type.
    """
    found = list(chunks(content))
    check_header(content, found[0])
    check_order(content, [chunk.name for chunk in found])
    if found[-1].end < len(content):
        raise trailing_data(KIND)


def needed(content: bytes) -> bytes:
    """The picture without texts, colour profiles and other metadata."""
    pieces = [content[each.start : each.end] for each in chunks(content) if each.name in NEEDED]
    return SIGNATURE + b"".join(pieces)


def chunks(content: bytes) -> Iterator[Chunk]:
    """Yield the chunks up to the first IEND, at most `MOST_CHUNKS`; verify their checksums."""
    at, ancillary, view = len(SIGNATURE), 0, memoryview(content)
    for _ in range(MOST_CHUNKS):
        chunk = chunk_at(view, at)
        ancillary += chunk.name not in CRITICAL
        if ancillary > MOST_ANCILLARY:
            raise too_complex(
                KIND, Message("more than {limit} metadata chunks", limit=MOST_ANCILLARY)
            )
        yield chunk
        if chunk.name == b"IEND":
            return
        at = chunk.end
    raise too_complex(KIND, Message("more than {limit:,} chunks", limit=MOST_CHUNKS))


def chunk_at(view: memoryview, at: int) -> Chunk:
    if at + 12 > len(view):
        raise damaged(KIND, Message("it is cut short"))
    size, name = struct.unpack_from(">I4s", view, at)
    end = at + 12 + size
    if end > len(view):
        raise damaged(KIND, Message("it is cut short"))
    if not name.isalpha() or (name[:1].isupper() and name not in CRITICAL):
        raise damaged(KIND, Message("it has an unknown chunk"))
    if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
        raise damaged(KIND, Message("a checksum is wrong"))
    return Chunk(name, at, end)


def check_header(content: bytes, first: Chunk) -> None:
    if first.name != b"IHDR" or first.end - first.start != 25:
        raise damaged(KIND, Message("it does not begin with its size"))
    width, height, depth, colour, compression, filtering, interlace = struct.unpack_from(
        ">IIBBBBB", content, first.start + 8
    )
    require_pixels(width, height, KIND)
    known = depth in DEPTHS.get(colour, ()) and interlace in {0, 1}
    if not known or compression or filtering:
        raise damaged(KIND, Message("its kind of pixels is unknown"))


def check_order(content: bytes, names: list[bytes]) -> None:
    """Require consecutive chunks of pixels, and no duplicate of a chunk that must be unique."""
    if b"acTL" in names:
        words = Message("Animated pictures are not accepted; send a still one.")
        raise WrongDocument("unknown_type", words)
    pixels = names.count(b"IDAT")
    if not pixels:
        raise damaged(KIND, Message("it has no pixels"))
    begin = names.index(b"IDAT")
    if names[begin : begin + pixels].count(b"IDAT") < pixels:
        raise damaged(KIND, Message("its pixels are not in one piece"))
    if any(names.count(name) > 1 for name in ONCE):
        raise damaged(KIND, Message("it has two headers, palettes or colour profiles"))
    if content[25] == 3 and b"PLTE" not in names[:begin]:
        raise damaged(KIND, Message("it has no palette"))
