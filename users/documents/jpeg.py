"""Checks the structure of a JPEG (ITU-T T.81), also with several pictures (CIPA DC-007, MPO).

Phones write a second, smaller picture after the first (a gain map, a preview), and Samsung phones
write a short index after that. Both are accepted; other data after the picture is refused.
"""

from __future__ import annotations

import re
import struct
from typing import Final, NamedTuple

from iocash.errors import Message
from users.documents.refusals import (
    WrongDocument,
    damaged,
    require_pixels,
    too_complex,
    trailing_data,
)

KIND: Final = Message("JPEG picture")
BEGIN: Final = b"\xff\xd8"
MOST_SEGMENTS: Final = 1_000
"""In all pictures of a file. A photo has about 20; with much metadata about 100."""
MOST_SCANS: Final = 50
"""Each scan is a pass of the decoder over all pixels. A progressive picture has about 10."""
MOST_PICTURES: Final = 5
MOST_FILL: Final = 1_024
"""Bytes of FF before markers. No encoder is known to write them."""
MOST_PADDING: Final = 64 * 1024
MOST_TRAILER: Final = 64 * 1024

SOI, EOI, SOS, DHT, DAC, COM = 0xD8, 0xD9, 0xDA, 0xC4, 0xCC, 0xFE
DECODED: Final = frozenset({0xC0, 0xC1, 0xC2})
"""The frames that browsers support: baseline, extended, progressive."""
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, DAC}
TABLES: Final = frozenset({DHT, 0xDB, 0xDD})
APP0, EXIF, MPF, ADOBE = 0xE0, 0xE1, 0xE2, 0xEE

MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""The end of a scan's pixels; not a stuffed byte, a restart marker or fill."""


class Segment(NamedTuple):
    """A marker and its data: from the marker's FF to its end, including pixels."""

    marker: int
    start: int
    end: int


class Bounds:
    """Remaining limits for the pictures of one file."""

    def __init__(self) -> None:
        self.segments, self.fill = MOST_SEGMENTS, MOST_FILL

    def count(self, fill: int) -> None:
        self.segments -= 1
        self.fill -= fill
        if self.segments < 0:
            raise too_complex(KIND, Message("more than {limit:,} segments", limit=MOST_SEGMENTS))
        if self.fill < 0:
            raise too_complex(KIND, Message("more than {limit:,} fill bytes", limit=MOST_FILL))


def check(content: bytes) -> None:
    """Refuse an incomplete JPEG, or data after it other than further pictures of an MPO.

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
    """The first picture without metadata except its orientation."""
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
    """Check the pictures after the first one. Returns the end of the last."""
    for _ in range(MOST_PICTURES - 1):
        begin = after_padding(content, end)
        if not content.startswith(BEGIN, begin):
            return end
        more = segments(content, begin, limits)
        check_picture(content, more)
        end = more[-1].end
    return end


def segments(content: bytes, at: int, limits: Bounds) -> list[Segment]:
    """The segments of one picture, from after SOI to EOI."""
    if not content.startswith(BEGIN, at):
        raise damaged(KIND, Message("it does not begin like one"))
    at += len(BEGIN)
    found: list[Segment] = []
    while not found or found[-1].marker != EOI:
        start = marker_at(content, at)
        limits.count(start - at)
        found.append(segment_at(content, start))
        at = found[-1].end
    return found


def marker_at(content: bytes, at: int) -> int:
    """The position of the last FF before the next marker's code; only fill may precede it."""
    for start in range(at, min(at + MOST_FILL + 1, len(content) - 1)):
        if content[start] != 0xFF:
            break
        if content[start + 1] != 0xFF:
            return start
    raise damaged(KIND, Message("a segment is missing or cut short"))


def segment_at(content: bytes, start: int) -> Segment:
    marker = content[start + 1]
    if marker == EOI:
        return Segment(marker, start, start + 2)
    if marker < 0xC0 or SOI - 8 <= marker <= SOI:
        raise damaged(KIND, Message("it has an unexpected marker"))
    end = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
    if end < start + 4 or end > len(content):
        raise damaged(KIND, Message("it is cut short"))
    return Segment(marker, start, end_of_pixels(content, end) if marker == SOS else end)


def end_of_pixels(content: bytes, at: int) -> int:
    found = MARKER.search(content, at)
    if found is None:
        raise damaged(KIND, Message("it is cut short"))
    return found.start()


def check_picture(content: bytes, found: list[Segment]) -> None:
    """Require one frame of a supported kind and an allowed size, with scans."""
    frames = [each for each in found if each.marker in FRAMES]
    scans = [each for each in found if each.marker == SOS]
    if len(frames) != 1 or not scans or scans[0].start < frames[0].start:
        raise damaged(KIND, Message("its frame is missing or comes twice"))
    if frames[0].marker not in DECODED:
        words = Message("This kind of JPEG (lossless or arithmetic coding) is not accepted.")
        raise WrongDocument("unknown_type", words)
    if len(scans) > MOST_SCANS:
        raise too_complex(KIND, Message("more than {limit} scans", limit=MOST_SCANS))
    if frames[0].end - frames[0].start < 13:
        raise damaged(KIND, Message("its frame is cut short"))
    height, width = struct.unpack_from(">HH", content, frames[0].start + 5)
    require_pixels(width, height, KIND)


# --- After the last picture ----------------------------------------------------------------------


def after_padding(content: bytes, at: int) -> int:
    """The end of the zeros with which cameras fill a block."""
    rest = content[at : at + MOST_PADDING]
    return at + len(rest) - len(rest.lstrip(b"\x00"))


def is_padding(content: bytes, at: int) -> bool:
    return after_padding(content, at) == len(content)


def is_trailer(content: bytes, at: int) -> bool:
    """Whether a Samsung index (`SEFH … SEFT`) starts here; one with a video is too large."""
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
