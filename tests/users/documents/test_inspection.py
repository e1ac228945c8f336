"""What a document is, by its bytes alone."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from PIL import Image

from tests.support import hostile_files, ordinary_files
from tests.support.hostile_files import chunk, header, png
from tests.support.kyc import CARD, PAGE, padded
from users import demo_documents, documents
from users.documents import MOST_BYTES, WrongDocument, media_type_of
from users.documents.png import SIGNATURE

PHOTO = demo_documents.draw_picture("A card", kind="JPEG")
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
        (hostile_files.pdf(), "application/pdf"),
    ],
    ids=[
        "png",
        "jpeg",
        "pdf",
        "progressive",
        "comment",
        "pdf of Windows",
        "pdf 2.0",
        "revised",
        "line of binary",
    ],
)
def test_media_type_is_detected_from_the_bytes(content, media_type):
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
def test_unknown_media_type_is_refused(content):
    assert code_of(content) == "unknown_type"


@pytest.mark.parametrize("content", [PNG, JPEG, PDF], ids=["png", "jpeg", "pdf"])
def test_file_followed_by_an_archive_is_refused(content):
    assert code_of(content + archive()) == "unknown_type"


@pytest.mark.parametrize(("content", "end"), [(PNG, PNG[-12:]), (PDF, b"")], ids=["png", "pdf"])
def test_file_containing_an_archive_is_refused(content, end):
    assert code_of(content + archive() + end) == "unknown_type"


@pytest.mark.parametrize("behind", [PHP, HTML, b"\x00\x01", b"\n", PDF, JPEG, PNG])
@pytest.mark.parametrize("content", [PNG, JPEG], ids=["png", "jpeg"])
def test_picture_with_trailing_data_is_refused(content, behind):
    assert code_of(content + behind) == "trailing_data"


def test_trailing_zeros_are_accepted_after_jpeg_and_refused_after_png():
    assert media_type_of(JPEG + b"\x00" * 512) == "image/jpeg"
    assert code_of(PNG + b"\x00") == "trailing_data"
    assert code_of(JPEG + bytes(64 * 1024 + 1)) == "trailing_data"
    assert code_of(JPEG + bytes(16) + PHP) == "trailing_data"


def test_jpeg_end_marker_in_trailing_data_does_not_hide_it():
    assert code_of(JPEG + PHP + b"\xff\xd9") == "trailing_data"


@pytest.mark.parametrize("name", ordinary_files.ORDINARY)
def test_ordinary_file_is_accepted(name):
    make, media_type = ordinary_files.ORDINARY[name]
    assert media_type_of(make()) == media_type


@pytest.mark.parametrize("behind", [PHP, PDF, JPEG + PHP])
def test_mpo_with_trailing_data_is_refused(behind):
    assert code_of(ordinary_files.two_pictures() + behind) == "trailing_data"


def test_incomplete_second_picture_is_damaged():
    assert code_of(ordinary_files.two_pictures()[:-2]) == "damaged"


def test_phone_trailer_with_a_gap_or_a_video_is_refused():
    assert code_of(ordinary_files.photo() + PHP + ordinary_files.trailer()) == "trailing_data"
    film = ordinary_files.trailer(b"MotionPhoto_Data" + bytes(70_000))
    assert code_of(ordinary_files.photo() + film) == "trailing_data"


@pytest.mark.parametrize(
    "content",
    [
        PNG[:33] + chunk(b"tEXt", b"a\x00" + PDF) + PNG[33:],
        hostile_files.with_segments([hostile_files.segment(0xFE, PDF)]),
    ],
    ids=["png", "jpeg"],
)
def test_picture_starting_with_a_pdf_header_is_refused(content):
    assert code_of(content) == "unknown_type"


@pytest.mark.parametrize("before", [b"", PNG, JPEG, PDF], ids=["", "png", "jpeg", "pdf"])
def test_zip64_archive_is_refused_without_a_crash(before):
    """The end of a ZIP64 archive, with and without what it points to."""
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, len(before), 1)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 65_535, 65_535, 2**32 - 1, 2**32 - 1, 0)
    directory = b"PK\x06\x06" + struct.pack("<Q", 44) + bytes(44)
    for tail in (directory + locator + end, locator + end, end[:10], locator):
        assert code_of(before + tail) in {"unknown_type", "trailing_data", "damaged"}
    assert code_of(before + directory + locator + end) == "unknown_type"


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif"])
def test_heic_avif_and_video_files_are_refused_by_name(brand):
    with pytest.raises(WrongDocument, match="HEIC, AVIF and video files are not accepted"):
        media_type_of(b"\x00\x00\x00\x18ftyp" + brand + bytes(100))


def test_animated_png_is_refused():
    frames = drawn("PNG", save_all=True, append_images=[Image.new("RGB", (8, 8), "red")])
    assert code_of(frames) == "unknown_type"


@pytest.mark.parametrize(
    "content",
    [
        png(header(1, 1, colour=3)),
        png(chunk(b"ABCD", b"")),
        png(chunk(b"iCCP", b"a\x00\x00"), chunk(b"iCCP", b"a\x00\x00")),
        png(chunk(b"IDAT", b""), chunk(b"tEXt", b"a\x00b")),
        SIGNATURE + chunk(b"IEND", b""),
        JPEG[:2] + JPEG[-2:],
        JPEG[:2] + b"\xff\xd0" + JPEG[2:],
        JPEG[:2] + b"\xff\xe0\x00\x01" + JPEG[2:],
    ],
)
def test_malformed_picture_is_damaged(content):
    assert code_of(content) == "damaged"


def test_lossless_jpeg_is_refused():
    lossless = JPEG.replace(b"\xff\xc0", b"\xff\xc3")
    assert code_of(lossless) == "unknown_type"


def test_repeated_end_chunk_does_not_hide_trailing_data():
    assert code_of(PNG + PHP + PNG[-12:]) == "trailing_data"


@pytest.mark.parametrize("behind", [PHP, HTML, b"\x00", b"%", PNG])
def test_pdf_with_trailing_data_is_refused(behind):
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
def test_incomplete_pdf_is_damaged(content):
    assert code_of(content) == "damaged"


@pytest.mark.parametrize("content", [PNG, JPEG, PDF], ids=["png", "jpeg", "pdf"])
def test_truncated_file_is_refused(content):
    for size in (len(content) - 2, len(content) - 8, len(content) // 2, 40, 12, 9):
        assert code_of(content[:size]) in {"damaged", "unknown_type", "trailing_data"}


@pytest.mark.parametrize("at", [16, 29, len(PNG) // 2, len(PNG) - 1, len(PNG) - 14])
def test_picture_with_a_wrong_checksum_is_refused(at):
    assert code_of(changed(PNG, at)) in {"unknown_type", "damaged", "trailing_data"}


def test_picture_without_image_data_is_damaged():
    header, end = PNG[:33], PNG[-12:]
    assert code_of(header + end) == "damaged"
    assert code_of(header + chunk(b"tEXt", b"a\x00b") + end) == "damaged"


def test_picture_with_missing_data_is_damaged():
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
def test_png_with_too_many_pixels_is_refused(width, height):
    assert code_of(png(width=width, height=height)) == "too_many_pixels"


def test_jpeg_with_too_many_pixels_is_refused():
    at = JPEG.index(b"\xff\xc0") + 5
    assert code_of(JPEG[:at] + b"\xff\xff\xff\xff" + JPEG[at + 4 :]) == "too_many_pixels"


def test_picture_without_a_size_is_damaged():
    assert code_of(png(width=0)) in {"damaged", "unknown_type"}


def test_fifty_million_pixels_are_accepted():
    assert media_type_of(png(width=10_000, height=5_000)) == "image/png"


def test_server_process_opens_no_document_with_a_library(monkeypatch):
    """Libraries have had vulnerabilities and have no limits; another process runs them."""

    def seen(*_: Any, **__: Any) -> None:
        raise AssertionError("it is opened")

    for module, name in ((Image, "open"), (zipfile, "is_zipfile"), (zlib, "decompressobj")):
        monkeypatch.setattr(module, name, seen)
    for content in (PNG, JPEG, PDF):
        assert media_type_of(content)


def test_five_million_bytes_are_accepted_and_one_more_is_refused():
    assert media_type_of(padded(MOST_BYTES)) == "image/png"
    assert code_of(padded(MOST_BYTES + 1)) == "too_large"


def test_too_large_file_is_not_inspected(monkeypatch):
    monkeypatch.setattr(documents, "archives", None)
    assert code_of(bytes(MOST_BYTES + 1)) == "too_large"
