"""What a document is, by its bytes alone."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from typing import Any

import pytest
from PIL import Image

from tests.users.evidence import CARD, PAGE, padded
from users import documents, specimens
from users.documents import MOST_BYTES, WrongDocument, media_type_of

PHOTO = specimens.picture("A card", kind="JPEG")
PNG, JPEG, PDF = CARD.content, PHOTO.content, PAGE.content
HTML = b"<!doctype html><script>alert(1)</script>"
PHP = b"<?php system($_GET['c']); ?>"


def archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        zipped.writestr("index.html", HTML)
    return made.getvalue()


def drawn(kind: str, **options: Any) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (8, 8)).save(made, kind, **options)
    return made.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A picture that says how large it is, whatever it holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def code_of(content: bytes) -> str:
    with pytest.raises(WrongDocument) as wrong:
        media_type_of(content)
    return wrong.value.code


def changed(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (PDF, "application/pdf"),
        (drawn("JPEG", progressive=True), "image/jpeg"),
        (drawn("JPEG", comment="<?php ?>"), "image/jpeg"),
        (PDF.replace(b"\n%%EOF\n", b"\r\n%%EOF\r\n"), "application/pdf"),
        (PDF.replace(b"%PDF-1.4", b"%PDF-2.0"), "application/pdf"),
        (PDF + PDF[PDF.rindex(b"startxref") :], "application/pdf"),
    ],
    ids=["png", "jpeg", "pdf", "progressive", "comment", "pdf of Windows", "pdf 2.0", "revised"],
)
def test_pictures_and_pages_are_told_by_their_bytes(content, media_type):
    assert media_type_of(content) == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        HTML,
        PHP,
        b"#!/bin/sh\nrm -rf /\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        drawn("GIF"),
        drawn("BMP"),
        drawn("TIFF"),
        drawn("WEBP"),
        b"MZ" + bytes(100),
        b"\x7fELF" + bytes(100),
        archive(),
        PNG[1:],
        b"\n" + PDF,
        b"\xef\xbb\xbf" + PDF,
    ],
)
def test_what_is_none_of_the_three_is_refused(content):
    assert code_of(content) == "unknown_type"


@pytest.mark.parametrize("content", [PNG, JPEG, PDF], ids=["png", "jpeg", "pdf"])
def test_with_an_archive_behind_it_is_an_archive(content):
    assert code_of(content + archive()) == "unknown_type"


@pytest.mark.parametrize(("content", "end"), [(PNG, PNG[-12:]), (PDF, b"")], ids=["png", "pdf"])
def test_an_archive_inside_is_found_too(content, end):
    assert code_of(content + archive() + end) == "unknown_type"


@pytest.mark.parametrize("behind", [PHP, HTML, b"\x00", b"\n", PDF])
@pytest.mark.parametrize("content", [PNG, JPEG], ids=["png", "jpeg"])
def test_nothing_follows_a_picture(content, behind):
    assert code_of(content + behind) == "trailing_data"


def test_what_follows_a_picture_does_not_pass_as_its_end():
    assert code_of(PNG + PHP + PNG[-12:]) == "trailing_data"


@pytest.mark.parametrize("behind", [PHP, HTML, b"\x00", b"%", PNG])
def test_nothing_follows_a_page(behind):
    assert code_of(PDF + behind) == "damaged"


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-" + HTML,
        b"%PDF-1.4" + HTML,
        b"%PDF-1.4\n" + HTML,
        b"%PDF-1.4\n%%EOF\n",
        b"%PDF-9.9\n" + PDF[9:],
        b"%PDF-1.4" + PDF[9:],
        b"%PDF-",
    ],
)
def test_what_only_begins_like_a_page_is_no_page(content):
    assert code_of(content) == "damaged"


@pytest.mark.parametrize("content", [PNG, JPEG, PDF], ids=["png", "jpeg", "pdf"])
def test_a_part_is_not_the_whole(content):
    for size in (len(content) - 2, len(content) - 8, len(content) // 2, 40, 12, 9):
        assert code_of(content[:size]) in {"damaged", "unknown_type", "trailing_data"}


@pytest.mark.parametrize("at", [16, 29, len(PNG) // 2, len(PNG) - 1, len(PNG) - 14])
def test_a_picture_with_a_wrong_sum_is_damaged(at):
    assert code_of(changed(PNG, at)) in {"unknown_type", "damaged", "trailing_data"}


def test_a_picture_that_draws_nothing_is_damaged():
    header, end = PNG[:33], PNG[-12:]
    assert code_of(header + end) == "damaged"
    assert code_of(header + chunk(b"tEXt", b"a\x00b") + end) == "damaged"


def test_a_picture_without_its_middle_is_damaged():
    assert code_of(PNG[:100] + PNG[-12:]) == "damaged"


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (7_072, 7_072),
        (50_000_001, 1),
        (10_000, 10_000),
        (20_000, 20_000),
        (65_535, 65_535),
        (2**31 - 1, 2**31 - 1),
    ],
)
def test_a_picture_that_would_fill_the_memory_is_refused(width, height):
    assert code_of(png(width, height)) == "too_many_pixels"


def test_a_photograph_that_would_fill_the_memory_is_refused():
    at = JPEG.index(b"\xff\xc0") + 5
    assert code_of(JPEG[:at] + b"\xff\xff\xff\xff" + JPEG[at + 4 :]) == "too_many_pixels"


def test_a_picture_without_a_size_is_damaged():
    assert code_of(png(0, 1)) in {"damaged", "unknown_type"}


def test_fifty_million_pixels_are_not_too_many():
    assert media_type_of(png(10_000, 5_000)) == "image/png"


def test_a_picture_is_never_drawn(monkeypatch):
    def load(_: Any) -> None:
        raise AssertionError("it is drawn")

    monkeypatch.setattr(Image.Image, "load", load)
    assert media_type_of(PNG) == "image/png"


def test_five_million_bytes_are_not_too_many_and_one_more_is():
    assert media_type_of(padded(MOST_BYTES)) == "image/png"
    assert code_of(padded(MOST_BYTES + 1)) == "too_large"


def test_what_is_too_large_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(documents, "zipfile", None)
    assert code_of(bytes(MOST_BYTES + 1)) == "too_large"


def test_looking_at_a_picture_changes_nothing_for_other_threads(monkeypatch):
    """Filters of warnings belong to all threads: who sets and restores them races with others."""
    seen, opened = [], Image.open

    def watched(*args: Any, **kwargs: Any) -> Any:
        seen.append(list(warnings.filters))
        return opened(*args, **kwargs)

    monkeypatch.setattr(Image, "open", watched)
    media_type_of(PNG)
    assert seen == [list(warnings.filters)]
