"""XML of strangers is read within limits, and nothing in it is loaded or expanded."""

from __future__ import annotations

import pytest

from wallets.bank.messages import trees
from wallets.bank.messages.xml import Unreadable

BOMB = (
    b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + each, b"&%c;" % (97 + each) * 10) for each in range(12))
    + b"]><a>&m;</a>"
)
SECRET = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'


def test_tags_lose_their_namespace():
    root, namespace = trees.read_document(
        b'<x:a xmlns:x="urn:one"><x:b>1</x:b><!-- no --><?no no?></x:a>'
    )
    assert (root.tag, root[0].tag, len(root), namespace) == ("a", "b", 1, "urn:one")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_declared_encoding_is_read(encoding):
    text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?><a>é</a>'
    assert trees.read_document(text.encode(encoding))[0].text == "é"


def test_utf_16_is_read_when_it_declares_utf_8():
    text = '<?xml version="1.0" encoding="UTF-8"?><a>é</a>'
    assert trees.read_document(text.encode("utf-16"))[0].text == "é"


def test_latin_1_is_read_when_it_declares_utf_8():
    text = '\n<?xml version="1.0" encoding="UTF-8"?><a>é</a>'
    assert trees.read_document(text.encode("latin-1"))[0].text == "é"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   ",
        b"{}",
        b"\xff\xfe",
        b"\x00" * 100,
        b"<a>",
        b"<a></b>",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b"<a>&no;</a>",
        b"<a>\x00</a>",
        BOMB,
        SECRET,
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>',
        b"<!DOCTYPE a><a/>",
        b"<a>" * 1_000 + b"</a>" * 1_000,
        b"<a>" + b"a" * (11 * 2**20) + b"</a>",
    ],
    ids=range(16),
)
def test_hostile_or_broken_file_is_refused(content):
    with pytest.raises(Unreadable) as caught:
        trees.read_document(content)
    assert str(caught.value).endswith(".")


def test_file_of_50_mb_is_refused_unread(monkeypatch):
    """The parser is never called."""
    monkeypatch.setattr(trees, "etree", None)
    with pytest.raises(Unreadable, match="larger than 32 MiB"):
        trees.read_document(b"<a>" + b"<b/>" * 13_000_000 + b"</a>")
