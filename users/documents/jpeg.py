"""JPEG (ITU-T T.81), read marker by marker; also several pictures in one file (CIPA DC-007, MPO).

Phones write a second, smaller picture behind the first (a map of its brightness, a preview), and
Samsung's write a short index of facts behind that. Both are ordinary; anything else is refused.
"""

from __future__ import annotations

import re
import struct
from typing import Final, NamedTuple

from users.documents.refusals import (
    WrongDocument,
    damaged,
    require_pixels,
    too_complex,
    trailing_data,
)

KIND: Final = "JPEG picture"
BEGIN: Final = b"\xff\xd8"
MOST_SEGMENTS: Final = 1_000
"""In all pictures of a file. A photo has twenty; one with large metadata has a hundred."""
MOST_SCANS: Final = 50
"""Each costs a decoder a pass over all pixels. A progressive picture has ten."""
MOST_PICTURES: Final = 5
MOST_FILL: Final = 1_024
"""Bytes of FF that may stand before markers. No encoder is known to write any."""
MOST_PADDING: Final = 64 * 1024
MOST_TRAILER: Final = 64 * 1024

SOI, EOI, SOS, DHT, DAC, COM = 0xD8, 0xD9, 0xDA, 0xC4, 0xCC, 0xFE
DECODED: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Frames that browsers draw: baseline, extended, progressive."""
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, DAC}
TABLES: Final = frozenset({DHT, 0xDB, 0xDD})
APP0, EXIF, MPF, ADOBE = 0xE0, 0xE1, 0xE2, 0xEE

MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends a scan's pixels: no stuffed byte, no restart, no fill."""


class Segment(NamedTuple):
    """A marker with what belongs to it: from the marker's FF to its end, pixels included."""

    marker: int
    start: int
    end: int


class Bounds:
    """What the pictures of one file may still have."""

    def __init__(self) -> None:
        self.segments, self.fill = MOST_SEGMENTS, MOST_FILL

    def take(self, fill: int) -> None:
        self.segments -= 1
        self.fill -= fill
        if self.segments < 0:
            raise too_complex(KIND, f"more than {MOST_SEGMENTS:,} segments")
        if self.fill < 0:
            raise too_complex(KIND, f"more than {MOST_FILL:,} fill bytes")


def check(content: bytes) -> None:
    """Refuse what is no whole JPEG, or is followed by anything but the pictures of an MPO.

    Raises:
        WrongDocument: damaged, too_complex, too_many_pixels, trailing_data.
    """
    limits = Bounds()
    first = segments(content, 0, limits)
    check_picture(content, first)
    end = first[-1].end
    if any(is_app(content, each, MPF, b"MPF\x00") for each in first):
        end = further(content, end, limits)
    if not is_padding(content, end) and not is_trailer(content, end):
        raise trailing_data(KIND)


def needed(content: bytes) -> bytes:
    """The first picture without its metadata: what a decoder needs, and how to turn it."""
    kept = [each for each in segments(content, 0, Bounds()) if is_needed(content, each)]
    return BEGIN + b"".join(content[each.start : each.end] for each in kept)


def is_needed(content: bytes, segment: Segment) -> bool:
    if segment.marker in {SOS, EOI} or segment.marker in TABLES | FRAMES:
        return True
    return (
        is_app(content, segment, APP0, b"JFIF\x00")
        or is_app(content, segment, ADOBE, b"Adobe")
        or is_app(content, segment, EXIF, b"Exif\x00\x00")
    )


def is_app(content: bytes, segment: Segment, marker: int, name: bytes) -> bool:
    return segment.marker == marker and content.startswith(name, segment.start + 4)


def further(content: bytes, end: int, limits: Bounds) -> int:
    """Walk the pictures behind the first; return where the last one ends."""
    for _ in range(MOST_PICTURES - 1):
        begin = after_padding(content, end)
        if not content.startswith(BEGIN, begin):
            return end
        more = segments(content, begin, limits)
        check_picture(content, more)
        end = more[-1].end
    return end


def segments(content: bytes, at: int, limits: Bounds) -> list[Segment]:
    """Walk one picture from behind its SOI to its EOI."""
    if not content.startswith(BEGIN, at):
        raise damaged(KIND, "it does not begin like one")
    at += len(BEGIN)
    found: list[Segment] = []
    while not found or found[-1].marker != EOI:
        start = marker_at(content, at)
        limits.take(start - at)
        found.append(segment_at(content, start))
        at = found[-1].end
    return found


def marker_at(content: bytes, at: int) -> int:
    """Where the FF directly before the next marker's code is; only fill may be in between."""
    for start in range(at, min(at + MOST_FILL + 1, len(content) - 1)):
        if content[start] != 0xFF:
            break
        if content[start + 1] != 0xFF:
            return start
    raise damaged(KIND, "a segment is missing or cut short")


def segment_at(content: bytes, start: int) -> Segment:
    marker = content[start + 1]
    if marker == EOI:
        return Segment(marker, start, start + 2)
    if marker < 0xC0 or SOI - 8 <= marker <= SOI:
        raise damaged(KIND, "it has an unexpected marker")
    end = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
    if end < start + 4 or end > len(content):
        raise damaged(KIND, "it is cut short")
    return Segment(marker, start, end_of_pixels(content, end) if marker == SOS else end)


def end_of_pixels(content: bytes, at: int) -> int:
    found = MARKER.search(content, at)
    if found is None:
        raise damaged(KIND, "it is cut short")
    return found.start()


def check_picture(content: bytes, found: list[Segment]) -> None:
    """One frame of a kind that browsers draw, of a size that is allowed, with its scans."""
    frames = [each for each in found if each.marker in FRAMES]
    scans = [each for each in found if each.marker == SOS]
    if len(frames) != 1 or not scans or scans[0].start < frames[0].start:
        raise damaged(KIND, "its frame is missing or comes twice")
    if frames[0].marker not in DECODED:
        words = "This kind of JPEG (lossless or arithmetic coding) is not accepted."
        raise WrongDocument("unknown_type", words)
    if len(scans) > MOST_SCANS:
        raise too_complex(KIND, f"more than {MOST_SCANS} scans")
    if frames[0].end - frames[0].start < 13:
        raise damaged(KIND, "its frame is cut short")
    height, width = struct.unpack_from(">HH", content, frames[0].start + 5)
    require_pixels(width, height, KIND)


# --- Behind the last picture ---------------------------------------------------------------------


def after_padding(content: bytes, at: int) -> int:
    """Where the zeros end that fill up a block, as cameras write them."""
    rest = content[at : at + MOST_PADDING]
    return at + len(rest) - len(rest.lstrip(b"\x00"))


def is_padding(content: bytes, at: int) -> bool:
    return after_padding(content, at) == len(content)


def is_trailer(content: bytes, at: int) -> bool:
    """Tell Samsung's index of facts (`SEFH … SEFT`), which begins at once; a film is too large."""
    size = len(content) - at
    if not content.endswith(b"SEFT") or not 20 <= size <= MOST_TRAILER:
        return False
    head = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    if head < at or not content.startswith(b"SEFH", head):
        return False
    count = int.from_bytes(content[head + 8 : head + 12], "little")
    if head + 12 + 12 * count != len(content) - 8:
        return False
    offsets = [entry[0] for entry in struct.iter_unpack("<4xI4x", content[head + 12 : -8])]
    return head - max(offsets, default=0) == at
