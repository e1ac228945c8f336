"""Parse XML of strangers: no entities, no DTD, no network, and nothing huge or deep.

It runs in a process with limits (`sandbox`): no other module of the server loads lxml.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

from lxml import etree

from iocash.errors import Message
from wallets.bank.messages.xml import MOST_BYTES, Element, Unreadable, too_large

MOST_TAGS: Final = 3_000_000
"""The most tags of a file. 10,000 entries with all details have 1,000,000."""

FALLBACK: Final = "cp1252"
"""The encoding of files that declare UTF-8 and are not: letters of names differ, never figures."""

BYTE_ORDER: Final = b"\xff\xfe", b"\xfe\xff"
PACKED: Final = b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ"
"""How compressed files begin."""

SAFE: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "no_network": True,
    "huge_tree": False,
    "recover": False,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}
"""A parser that expands no entity, loads nothing, and limits depth and lengths."""


class ForeignEncoding(Exception):
    """A file is not in the encoding that it declares."""


def read_document(content: bytes) -> tuple[Element, str]:
    """Return the root of a document, with namespaces taken off all tags, and its namespace.

    The namespace is that of the first element that has one; blank: none has.

    Raises:
        Unreadable: it is empty, too large, not well-formed, or has a document type.
    """
    content = required_content(content)
    try:
        root = parse_tree(content)
    except ForeignEncoding:
        root = parse_tree(content, FALLBACK)
    require_no_type(root)
    return root, strip_namespaces(root)


def parse_tree(content: bytes, encoding: str | None = None) -> Element:
    """Parse a document.

    Raises:
        Unreadable: it is not well-formed.
        ForeignEncoding: the same, and it can be read as FALLBACK.
    """
    try:
        return etree.fromstring(content, etree.XMLParser(encoding=encoding, **SAFE))
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise refusal_of(error, content, encoding) from None


def ended_elements(
    content: bytes, names: Iterable[str], encoding: str | None = None
) -> Iterator[Element]:
    """The elements with these names, each when it has ended: what was read of it can be cleared.

    Their tags have namespaces: see `local_name`.

    Raises:
        Unreadable: it is not well-formed, or has a document type.
        ForeignEncoding: the same, and it can be read as FALLBACK.
    """
    tags = [f"{{*}}{name}" for name in names]
    try:
        found = etree.iterparse(
            io.BytesIO(content), events=("end",), tag=tags, encoding=encoding, **SAFE
        )
        is_first = True
        for _, element in found:
            if is_first:
                require_no_type(element)
                is_first = False
            yield element
        require_no_type(found.root)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise refusal_of(error, content, encoding) from None


def required_content(content: bytes) -> bytes:
    """The content without white space around it.

    Raises:
        Unreadable: it is too large, empty, or has too many tags.
    """
    if len(content) > MOST_BYTES:
        raise too_large()
    content = content.lstrip()
    if not content:
        raise Unreadable(Message("The file is empty."))
    if content.startswith(PACKED):
        raise Unreadable(Message("The file is compressed. Unpack it first."))
    if content.count(b"<") > MOST_TAGS:
        raise Unreadable(Message("The file has more than {limit} tags.", limit=MOST_TAGS))
    return content


def require_no_type(element: Element) -> None:
    """Refuse a document with a document type: its entities can be bombs.

    Raises:
        Unreadable: it has one.
    """
    if element is not None and element.getroottree().docinfo.internalDTD is not None:
        raise document_type()


def document_type() -> Unreadable:
    words = "The file has a document type (DTD), which messages of banks never have."
    return Unreadable(Message(words))


def refusal_of(error: Exception, content: bytes, encoding: str | None) -> Exception:
    """Why a document can't be parsed; ForeignEncoding: only in the encoding that it declares."""
    if encoding is None and not is_utf8(content) and not content.startswith(BYTE_ORDER):
        return ForeignEncoding()
    if b"<!DOCTYPE" in content[:1000]:
        return document_type()
    return Unreadable(reason(error))


def is_utf8(content: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def reason(error: Exception) -> Message:
    """Why a document is not well-formed. The parser's words can quote it, so only the line is."""
    if str(error).startswith("Excessive depth"):
        return Message("The elements of the file are nested too deeply.")
    line = getattr(error, "lineno", None)
    if line:
        return Message("The file is not well-formed XML (line {line}).", line=line)
    return Message("The file is not XML.")


def strip_namespaces(root: Element) -> str:
    """Take the namespaces off all tags; return the first one."""
    found = ""
    for element in root.iter(etree.Element):
        tag = str(element.tag)
        if tag.startswith("{"):
            namespace, _, element.tag = tag[1:].rpartition("}")
            found = found or namespace
    return found


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def clear_read(element: Element) -> None:
    """Free the memory of an element that was read, and of the one before it with its name."""
    element.clear(keep_tail=True)
    before = element.getprevious()
    if before is not None and local_name(before) == local_name(element):
        element.getparent().remove(before)
