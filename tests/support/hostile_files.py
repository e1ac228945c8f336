"""Files that are made to cost much, or to be two things at once; each is at most 5 MB."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable

from PIL import Image

from users.documents import MOST_BYTES
from users.documents.png import SIGNATURE

ROOM = MOST_BYTES - 4_000
"""Bytes that a hostile part may have, so that the file as a whole is within the limit."""


# --- PNG ------------------------------------------------------------------------------------------


def chunk(name: bytes, content: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + crc


def header(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png(*extra: bytes, width: int = 1, height: int = 1, rows: bytes = b"\x00\x00") -> bytes:
    """A picture with more chunks before its pixels."""
    parts = header(width, height), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return SIGNATURE + b"".join(parts)


def bomb(size: int) -> bytes:
    """As many bytes of a zlib stream, which grow a thousandfold; it has no end."""
    packer = zlib.compressobj(9)
    begin = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(min(1_000_000, 500 * size))) + packer.flush(zlib.Z_FULL_FLUSH)
    return begin + block * ((size - len(begin)) // len(block))


def many_profiles() -> bytes:
    profile = chunk(b"iCCP", b"a\x00\x00" + bomb(1_000))
    return png(*[profile] * 4_734)


def inflating(name: bytes, before: bytes) -> bytes:
    return png(chunk(name, before + bomb(ROOM)))


def pixels_that_grow() -> bytes:
    """All of a large picture's pixels, and a hundred times as many behind them."""
    parts = header(10_000, 5_000), chunk(b"IDAT", bomb(ROOM)), chunk(b"IEND", b"")
    return SIGNATURE + b"".join(parts)


# --- JPEG -----------------------------------------------------------------------------------------


def jpeg(size: tuple[int, int] = (8, 8), **options: object) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, "#0b6e5f").save(made, "JPEG", **options)
    return made.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(segments: Iterable[bytes]) -> bytes:
    """A picture with these behind its beginning."""
    drawn = jpeg()
    return drawn[:2] + b"".join(segments) + drawn[2:]


def filled() -> bytes:
    """Bytes of fill before a marker, without end."""
    return with_segments([b"\xff" * ROOM])


def pixels(byte: bytes) -> bytes:
    """A scan that is one pattern again and again."""
    drawn = jpeg()
    return drawn[:-2] + byte * (ROOM // 2 // len(byte) * 2) + drawn[-2:]


def many_scans(count: int) -> bytes:
    """A large progressive picture whose scans cost a decoder a pass each."""
    drawn = jpeg((4_000, 4_000), progressive=True)
    begin = drawn.rindex(b"\xff\xda")
    return drawn[:begin] + drawn[begin:-2] * count + drawn[-2:]


def huge_frame() -> bytes:
    drawn = jpeg()
    at = drawn.index(b"\xff\xc0") + 5
    return drawn[:at] + b"\xff\xff\xff\xff" + drawn[at + 4 :]


# --- PDF ------------------------------------------------------------------------------------------


def pdf(*objects: bytes, catalog: bytes = b"") -> bytes:
    """A PDF of one page; `objects` have the numbers from 4 on, `catalog` is said in its root."""
    numbered = (
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>",
        b"<< /Type /Page /Parent 2 0 R >>",
        *objects,
    )
    return written(numbered)


def written(objects: Iterable[bytes]) -> bytes:
    """A PDF of these objects; the first is the root."""
    made, places = io.BytesIO(), []
    made.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    for number, each in enumerate(objects, 1):
        places.append(made.tell())
        made.write(b"%d 0 obj\n%s\nendobj\n" % (number, each))
    begin = made.tell()
    made.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1))
    made.writelines(b"%010d 00000 n \n" % place for place in places)
    made.write(b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(places) + 1))
    made.write(b"startxref\n%d\n%%%%EOF\n" % begin)
    return made.getvalue()


def pages(count: int) -> bytes:
    """A PDF of so many empty pages."""
    numbers = b" ".join(b"%d 0 R" % number for number in range(3, count + 3))
    root = b"<< /Type /Pages /Kids [%s] /Count %d /MediaBox [0 0 595 842] >>" % (numbers, count)
    page = b"<< /Type /Page /Parent 2 0 R /Resources << >> >>"
    return written([b"<< /Type /Catalog /Pages 2 0 R >>", root, *[page] * count])


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def packed(content: bytes, entries: bytes = b"") -> bytes:
    return stream(zlib.compress(content, 9), entries + b" /Filter /FlateDecode")


def with_object_stream(*, inside: bytes, number: int = 5) -> bytes:
    """A PDF whose object `number` is in an object stream, as since PDF 1.5."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction %d 0 R >>" % number,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>",
        b"<< /Type /Page /Parent 2 0 R >>",
        packed(
            b"%d 0 %s" % (number, inside), b"/Type /ObjStm /N 1 /First %d" % len(b"%d 0 " % number)
        ),
    ]
    return with_xref_stream(objects, {number: (4, 0)})


def with_xref_stream(objects: list[bytes], inside: dict[int, tuple[int, int]]) -> bytes:
    """A PDF with a cross-reference stream; `inside` says which objects are where in a stream."""
    made, rows = io.BytesIO(), [struct.pack(">BIH", 0, 0, 65_535)]
    made.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    for number, each in enumerate(objects, 1):
        rows.append(struct.pack(">BIH", 1, made.tell(), 0))
        made.write(b"%d 0 obj\n%s\nendobj\n" % (number, each))
    rows += [struct.pack(">BIH", 2, *place) for _, place in sorted(inside.items())]
    begin, number = made.tell(), len(rows)
    rows.append(struct.pack(">BIH", 1, begin, 0))
    entries = b"/Type /XRef /Size %d /W [1 4 2] /Root 1 0 R" % (number + 1)
    made.write(b"%d 0 obj\n%s\nendobj\n" % (number, packed(b"".join(rows), entries)))
    made.write(b"startxref\n%d\n%%%%EOF\n" % begin)
    return made.getvalue()


def many_objects(each: bytes = b"<< /A 1 >>") -> bytes:
    count = ROOM // (len(each) + 40)
    return pdf(*[each] * count)


def object_stream_bomb() -> bytes:
    """An object stream that says it has a million objects, and is a gigabyte when inflated."""
    head = b"<< /Type /ObjStm /N 1000000 /First 8000000 /Filter /FlateDecode"
    content = bomb(ROOM - 2_000)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang 5 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>",
        b"<< /Type /Page /Parent 2 0 R >>",
        head + b" /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    return with_xref_stream(objects, {5: (4, 0)})


def packed_objects(count: int) -> bytes:
    """An honest object stream with very many small objects."""
    places = range(5, 5 + count)
    head = b"".join(b"%d %d " % (number, 3 * at) for at, number in enumerate(places))
    entries = b"/Type /ObjStm /N %d /First %d" % (count, len(head))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>",
        b"<< /Type /Page /Parent 2 0 R >>",
        packed(head + b"[] " * count, entries),
    ]
    return with_xref_stream(objects, {number: (4, at) for at, number in enumerate(places)})


def huge_table() -> bytes:
    """A cross-reference stream for two thousand million objects, all free."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>",
        b"<< /Type /Page /Parent 2 0 R >>",
    ]
    body = with_xref_stream(objects, {})
    begin = body.rindex(b"4 0 obj")
    rows = bomb(ROOM - 2_000)
    entries = b"/Type /XRef /Size 2000000000 /W [1 1 1] /Root 1 0 R /Filter /FlateDecode"
    made = body[:begin] + b"4 0 obj\n%s\nendobj\n" % stream(rows, entries)
    return made + b"startxref\n%d\n%%%%EOF\n" % begin


def nested(depth: int) -> bytes:
    return pdf(b"[" * depth + b"]" * depth)


def deep_pages(depth: int) -> bytes:
    """A tree of pages in which each node has one child."""
    inner = [
        b"<< /Type /Pages /Parent %d 0 R /Kids [%d 0 R] /Count 1 >>" % (number - 1, number + 1)
        for number in range(3, depth + 3)
    ]
    root = b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>"
    page = b"<< /Type /Page /Parent %d 0 R >>" % (depth + 2)
    return written([b"<< /Type /Catalog /Pages 2 0 R >>", root, *inner, page])


def circle_of_pages() -> bytes:
    root = b"<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>"
    again = b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>"
    return written([b"<< /Type /Catalog /Pages 2 0 R >>", root, again])


def circle_of_lengths() -> bytes:
    return pdf(b"<< /Length 4 0 R >>\nstream\nx\nendstream")


PICTURES: dict[str, Callable[[], bytes]] = {
    "4,734 colour profiles": many_profiles,
    "iCCP that grows": lambda: inflating(b"iCCP", b"a\x00\x00"),
    "zTXt that grows": lambda: inflating(b"zTXt", b"a\x00\x00"),
    "iTXt that grows": lambda: inflating(b"iTXt", b"a\x00\x01\x00\x00\x00"),
    "many texts": lambda: png(*[chunk(b"zTXt", b"a\x00\x00" + bomb(4_000))] * 1_000),
    "empty chunks": lambda: png(*[chunk(b"tEXt", b"")] * (ROOM // 12)),
    "empty pixels": lambda: png(*[chunk(b"IDAT", b"")] * (ROOM // 12)),
    "pixels that grow": pixels_that_grow,
    "huge picture": lambda: png(width=2**31 - 1, height=2**31 - 1),
    "100,000 segments": lambda: with_segments([segment(0xFE, b"a")] * 100_000),
    "fill": filled,
    "fill in pixels": lambda: pixels(b"\xff"),
    "stuffed pixels": lambda: pixels(b"\xff\x00"),
    "restarts": lambda: pixels(b"\xff\xd0"),
    "many scans": lambda: many_scans(40),
    "too many scans": lambda: many_scans(1_000),
    "huge frame": huge_frame,
    "pictures in a row": lambda: jpeg() * (ROOM // len(jpeg())),
    "zeros behind": lambda: jpeg() + bytes(ROOM - 1_000),
}
PDFS: dict[str, Callable[[], bytes]] = {
    "many objects": many_objects,
    "object stream that grows": object_stream_bomb,
    "18,000 packed objects": lambda: packed_objects(18_000),
    "60,000 packed objects": lambda: packed_objects(60_000),
    "huge table": huge_table,
    "nested arrays": lambda: nested(1_000_000),
    "nested a little": lambda: nested(400),
    "deep pages": lambda: deep_pages(15_000),
    "circle of pages": circle_of_pages,
    "circle of lengths": circle_of_lengths,
    "content that grows": lambda: pdf(packed(bytes(100_000_000))),
    "one array": lambda: pdf(b"[" + b"1 " * (ROOM // 2) + b"]"),
    "many brackets": lambda: pdf(b"(" + b"\\(" * (ROOM // 2 - 1_000) + b"/JS" + b")"),
}
COSTLY = PICTURES | PDFS
"""Files that cost a careless reader seconds or gigabytes."""
