"""Files as phones, scanners and computers make them; all are accepted."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable

import pikepdf
from PIL import Image, PngImagePlugin

PROFILE = os.urandom(150_000)
"""As large as some profiles of printers; a JPEG has to split it over three segments."""
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


def scene(size: tuple[int, int] = (640, 480)) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert("RGB")


def exif(orientation: int = 6) -> Image.Exif:
    facts = Image.Exif()
    facts[0x0112] = orientation
    facts[0x010F], facts[0x0110] = "Maker", "Phone 12"
    return facts


def photo(**options: object) -> bytes:
    made = io.BytesIO()
    facts = {"exif": exif(), "icc_profile": PROFILE, "xmp": XMP, "quality": 85}
    scene().save(made, "JPEG", **(facts | options))
    return made.getvalue()


def two_pictures() -> bytes:
    """A photo and its map of brightness, as phones have written them since 2023."""
    made = io.BytesIO()
    second = scene((160, 120)).convert("L")
    facts = {"exif": exif(), "icc_profile": PROFILE}
    scene().save(made, "MPO", save_all=True, append_images=[second], **facts)
    return made.getvalue()


def trailer(facts: bytes = b"\x00\x00\x01\x0a\x0e\x00\x00\x00Image_UTC_Data1732629000000") -> bytes:
    """What Samsung's phones write behind a picture."""
    entry = struct.pack("<HHII", 0, 0x0A01, len(facts), len(facts))
    directory = b"SEFH" + struct.pack("<II", 106, 1) + entry
    return facts + directory + struct.pack("<I", len(directory)) + b"SEFT"


def screenshot() -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Software", "Screenshot")
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    made = io.BytesIO()
    scene((1170, 2532)).convert("RGBA").save(
        made, "PNG", pnginfo=texts, icc_profile=PROFILE, exif=exif(1), dpi=(144, 144)
    )
    return made.getvalue()


def palette() -> bytes:
    made = io.BytesIO()
    scene().quantize(16).save(made, "PNG", transparency=3)
    return made.getvalue()


def scan() -> bytes:
    """Two pages, each a JPEG, as scanners and scanning apps make them."""
    made = io.BytesIO()
    scene((1240, 1754)).save(made, "PDF", save_all=True, append_images=[scene((1240, 1754))])
    return made.getvalue()


def report() -> bytes:
    """As a bank writes it: object streams, an opening action that leads to a page, a link."""
    with pikepdf.open(io.BytesIO(scan())) as pdf:
        first = pdf.pages[0].obj
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.GoTo, D=[first, pikepdf.Name.Fit])
        link = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Link,
            Rect=[0, 0, 100, 100],
            A=pikepdf.Dictionary(S=pikepdf.Name.URI, URI="https://bank.example/JavaScript"),
        )
        first.Annots = pikepdf.Array([pdf.make_indirect(link)])
        pdf.docinfo["/Title"] = "About /JavaScript and /Launch (a title)"
        made = io.BytesIO()
        pdf.save(made, object_stream_mode=pikepdf.ObjectStreamMode.generate, linearize=True)
    return made.getvalue()


ORDINARY: dict[str, tuple[Callable[[], bytes], str]] = {
    "photo": (photo, "image/jpeg"),
    "progressive photo": (lambda: photo(progressive=True), "image/jpeg"),
    "two pictures": (two_pictures, "image/jpeg"),
    "two pictures and a trailer": (lambda: two_pictures() + trailer(), "image/jpeg"),
    "photo and a trailer": (lambda: photo() + trailer(), "image/jpeg"),
    "photo and padding": (lambda: photo() + bytes(4_096), "image/jpeg"),
    "screenshot": (screenshot, "image/png"),
    "palette": (palette, "image/png"),
    "scan": (scan, "application/pdf"),
    "report": (report, "application/pdf"),
}
