"""Makes PDFs with typst: tagged, PDF/UA-1 and PDF/A-2a. It runs in a process with limits.

The template is source; what it shows is data in JSON, which is never parsed as source. The fonts
are packages: no font of the system is used. Characters that no font has are replaced.
"""

from __future__ import annotations

import json
import struct
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import typst

STANDARDS: Final[list[Any]] = ["ua-1", "a-2a"]
REPLACEMENT: Final = "\ufffd"
PLAIN: Final = 0x250
"""Below this, all letters are in the first font."""


class Font(NamedTuple):
    """A family, and the package and file that contain it."""

    family: str
    package: str
    file: str


FONTS: Final = (
    Font("Noto Sans", "fontpkg_noto_sans", "files/NotoSans[wdth,wght].ttf"),
    Font("Noto Sans Arabic", "fontpkg_noto_sans_arabic", "files/NotoSansArabic[wdth,wght].ttf"),
    Font("Heebo", "fontpkg_heebo", "files/Heebo[wght].ttf"),
    Font("Noto Sans Thai", "fontpkg_noto_sans_thai", "files/NotoSansThai[wdth,wght].ttf"),
    Font("Noto Sans CJK TC", "cvttf_NotoSansCJK_Regular", "NotoSansCJKtc-Regular.otf"),
)
"""In the order in which a character is looked for. The first has Latin, Greek, Cyrillic and
Devanagari; the others Arabic, Hebrew, Thai, and Chinese with Japanese and Korean."""


def typeset_document(source: str, data: dict[str, Any], timestamp: int) -> bytes:
    """Make the PDF. `timestamp`, in seconds, is its date."""
    shown = {**data, "fonts": [font.family for font in FONTS]}
    try:
        return compile_template(source, map_texts(shown, displayable(coverage())), timestamp)
    except typst.TypstError:  # a font has a letter, but not with the letters around it
        return compile_template(source, map_texts(shown, without_scripts), timestamp)


def compile_template(source: str, data: Any, timestamp: int) -> bytes:
    folders = [str(path_of(font).parent) for font in FONTS]
    made: Any = typst.compile(
        source.encode(),
        font_paths=typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=folders
        ),
        sys_inputs={"data": json.dumps(data)},
        pdf_standards=STANDARDS,
        format="pdf",
        timestamp=timestamp,
    )
    return bytes(made)


def path_of(font: Font) -> Path:
    """Where the font is.

    Raises:
        ModuleNotFoundError: its package is not installed.
    """
    return Path(str(files(font.package))) / font.file


# --- Characters without a glyph -------------------------------------------------------------------


class Coverage(NamedTuple):
    """Ranges of code points, sorted: each from a start to an end, both included."""

    starts: list[int]
    ends: list[int]

    def has(self, code: int) -> bool:
        place = bisect_right(self.starts, code) - 1
        return place >= 0 and code <= self.ends[place]


def coverage() -> list[Coverage]:
    return [covered(path_of(font).read_bytes()) for font in FONTS]


def covered(font: bytes) -> Coverage:
    """The characters of a font: the table `cmap` of OpenType, in its formats 4 and 12."""
    count = struct.unpack_from(">H", font, 4)[0]
    tables = {
        font[at : at + 4]: struct.unpack_from(">I", font, at + 8)[0]
        for at in range(12, 12 + 16 * count, 16)
    }
    cmap = tables[b"cmap"]
    number = struct.unpack_from(">H", font, cmap + 2)[0]
    places = [
        cmap + struct.unpack_from(">I", font, cmap + 8 + 8 * each)[0] for each in range(number)
    ]
    ranges: set[tuple[int, int]] = set()
    for place in places:
        kind = struct.unpack_from(">H", font, place)[0]
        ranges |= RANGES[kind](font, place) if kind in RANGES else set()
    ordered = merged(sorted(ranges))
    return Coverage([start for start, _ in ordered], [end for _, end in ordered])


def merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same code points in ranges that don't overlap."""
    found: list[tuple[int, int]] = []
    for start, end in ranges:
        if found and start <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def segment_ranges(font: bytes, place: int) -> set[tuple[int, int]]:
    """The ranges of a table of format 4, whose last one is a sentinel."""
    twice = struct.unpack_from(">H", font, place + 6)[0]
    form = f">{twice // 2}H"
    ends = struct.unpack_from(form, font, place + 14)
    starts = struct.unpack_from(form, font, place + 16 + twice)
    return {pair for pair in zip(starts, ends, strict=True) if pair[1] != 0xFFFF}


def group_ranges(font: bytes, place: int) -> set[tuple[int, int]]:
    """The ranges of a table of format 12."""
    count = struct.unpack_from(">I", font, place + 12)[0]
    return {struct.unpack_from(">II", font, place + 16 + 12 * each) for each in range(count)}


RANGES: Final[dict[int, Callable[[bytes, int], set[tuple[int, int]]]]] = {
    4: segment_ranges,
    12: group_ranges,
}


def displayable(fonts: list[Coverage]) -> Callable[[str], str]:
    """A function that replaces the characters which no font has."""
    known: dict[str, str] = {}

    def replaced(char: str) -> str:
        if ord(char) < PLAIN or any(font.has(ord(char)) for font in fonts):
            return char
        return "" if is_unseen(char) else REPLACEMENT

    def fix(text: str) -> str:
        if text.isascii():
            return text
        known.update({char: replaced(char) for char in {*text} - known.keys()})
        return "".join(known[char] for char in text)

    return fix


def is_unseen(char: str) -> bool:
    """Whether the character only joins or selects others."""
    return unicodedata.category(char) == "Cf" or "\ufe00" <= char <= "\ufe0f"


def without_scripts(text: str) -> str:
    """The text with Latin letters only."""
    return "".join(
        char if ord(char) < PLAIN else "" if is_unseen(char) else REPLACEMENT for char in text
    )


def map_texts(value: Any, fix: Callable[[str], str]) -> Any:
    """The same JSON value with each of its texts changed."""
    if isinstance(value, str):
        return fix(value)
    if isinstance(value, dict):
        return {name: map_texts(each, fix) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [map_texts(each, fix) for each in value]
    return value
