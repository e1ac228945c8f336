"""Renders pages of documents as JPEGs. It runs in a process with limits (`sandbox`)."""

from __future__ import annotations

import io
from typing import Final

import pypdfium2
from PIL import Image, ImageOps

from users.documents import jpeg, png
from users.documents.refusals import JPEG, MOST_PIXELS, PDF

WIDTH, HEIGHT = 1600, 2200
"""Pixels: the text of an A4 page is readable, and its picture has some hundred kB."""
LARGEST_SCALE: Final = 6.0
"""The largest scale of small pages; 1 is 72 pixels an inch."""
QUALITY: Final = 88
WHITE: Final = (255, 255, 255)


def count_pages(content: bytes, media_type: str) -> int:
    """How many pages there are to draw; a picture is one."""
    if media_type != PDF:
        return 1
    with pypdfium2.PdfDocument(content) as pdf:
        return len(pdf)


def render(content: bytes, media_type: str, number: int) -> bytes:
    """Draw a page, from 1 on, as a JPEG of at most `WIDTH` × `HEIGHT` pixels."""  # noqa: RUF002
    image = render_pdf_page(content, number) if media_type == PDF else photo(content, media_type)
    drawn = io.BytesIO()
    flat(image).save(drawn, "JPEG", quality=QUALITY)
    return drawn.getvalue()


def render_pdf_page(content: bytes, number: int) -> Image.Image:
    with pypdfium2.PdfDocument(content) as pdf:
        pdf.init_forms()  # to render form values; this build runs no JavaScript
        shown = pdf[number - 1]
        width, height = shown.get_size()
        scale = min(WIDTH / width, HEIGHT / height, LARGEST_SCALE)
        drawn: Image.Image = shown.render(scale=scale).to_pil()
        return drawn


def photo(content: bytes, media_type: str) -> Image.Image:
    """A picture, upright and without metadata."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    kind = jpeg if media_type == JPEG else png
    image = Image.open(io.BytesIO(kind.needed(content)), formats=["JPEG", "PNG"])
    image.draft("RGB", (2 * WIDTH, 2 * HEIGHT))  # decode a JPEG at a smaller scale
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((WIDTH, HEIGHT))
    return upright


def flat(image: Image.Image) -> Image.Image:
    """The picture on a white background, without transparency."""
    if "transparency" not in image.info and not image.mode.endswith(("A", "a")):
        return image.convert("RGB")
    paper = Image.new("RGB", image.size, WHITE)
    layer = image.convert("RGBA")
    paper.paste(layer, mask=layer)
    return paper
