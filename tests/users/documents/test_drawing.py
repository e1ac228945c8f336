"""Pictures of documents for people: upright, small enough, and drawn from nothing but pixels."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.support import hostile_files, ordinary_files
from users.documents import JPEG, PDF, PNG, jpeg, png, processes


def drawn(content: bytes, media_type: str, number: int = 1) -> Image.Image:
    made = processes.draw(content, media_type, number)
    image = Image.open(io.BytesIO(made))
    image.load()
    assert image.format == "JPEG"
    return image


@pytest.mark.parametrize("name", ordinary_files.ORDINARY)
def test_ordinary_file_is_drawn(name):
    make, media_type = ordinary_files.ORDINARY[name]
    content = make()
    assert processes.page_count(content, media_type) == (2 if media_type == PDF else 1)
    width, height = drawn(content, media_type).size
    assert 0 < width <= 1600
    assert 0 < height <= 2200


def test_photo_is_rotated_by_its_exif_orientation():
    assert drawn(ordinary_files.photo(), JPEG).size == (480, 640)
    assert drawn(ordinary_files.photo(exif=ordinary_files.exif(1)), JPEG).size == (640, 480)


def test_transparency_is_drawn_white():
    made = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(made, "PNG")
    assert drawn(made.getvalue(), PNG).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png_of_any_mode_is_drawn(mode):
    made = io.BytesIO()
    Image.new(mode, (8, 8)).save(made, "PNG")
    assert drawn(made.getvalue(), PNG).size == (8, 8)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_of_any_mode_is_drawn(mode):
    made = io.BytesIO()
    Image.new(mode, (8, 8)).save(made, "JPEG")
    assert drawn(made.getvalue(), JPEG).size == (8, 8)


def test_decoder_gets_no_metadata():
    profile = hostile_files.chunk(b"iCCP", b"a\x00\x00" + hostile_files.bomb(100_000))
    assert b"iCCP" not in png.needed(hostile_files.png(profile))
    kept = jpeg.needed(ordinary_files.two_pictures())
    assert kept.count(jpeg.BEGIN) == 1
    for name in (b"ICC_PROFILE", b"MPF", b"ns.adobe.com"):
        assert name not in kept
    assert b"Exif" in kept


def test_filled_in_form_is_drawn_with_its_values():
    black = b"<< /Type /XObject /Subtype /Form /BBox [0 0 99 99] /Length 24 >>"
    look = black + b"\nstream\n0 0 0 rg 0 0 99 99 re f \nendstream"
    field = (
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /V (x) /F 4 /P 3 0 R"
        b" /Rect [0 0 595 842] /AP << /N 4 0 R >> >>"
    )
    content = hostile_files.pdf(look, field, catalog=b"/AcroForm << /Fields [5 0 R] >>").replace(
        b"<< /Type /Page /Parent 2 0 R >>", b"<< /Type /Page /Parent 2 0 R /Annots [5 0 R] >>"
    )
    image = drawn(content, PDF)
    assert image.getpixel((image.width // 2, image.height // 2)) == (0, 0, 0)


@pytest.mark.parametrize(
    "box", [b"0 0 1 1", b"0 0 99999 99999", b"0 0 0 0", b"5 5 1 1", b"a b c d"]
)
def test_picture_of_any_page_size_stays_within_the_limits(box):
    content = hostile_files.pdf().replace(b"0 0 595 842", box)
    width, height = drawn(content, PDF).size
    assert width <= 1600
    assert height <= 2200


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"%PDF-1.4 and nothing", PDF),
        (hostile_files.png(width=100, height=100), PNG),
        (ordinary_files.photo()[:5_000], JPEG),
    ],
)
def test_undrawable_file_has_no_picture(content, media_type):
    assert processes.draw(content, media_type, 1) == b""


def test_missing_page_has_no_picture():
    assert processes.draw(hostile_files.pdf(), PDF, 2) == b""
