"""Read XML of strangers: no entities, no DTD, no network, and nothing huge."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from lxml import etree

from iocash.errors import Message

MOST_BYTES: Final = 32 * 2**20
"""The largest file that is read; 10,000 entries with all details take 15 MiB."""

FALLBACK: Final = "cp1252"
"""The encoding of files that declare UTF-8 and are not: letters of names differ, never figures."""

Element: TypeAlias = Any
"""An element of a tree of lxml, which has no types; its tag is the name without the namespace."""


class Unreadable(Exception):
    """A file can't be read; `words` say why. Nothing was changed."""

    def __init__(self, words: Message) -> None:
        super().__init__(words)
        self.words = words


def read_document(content: bytes) -> tuple[Element, str]:
    """Return the root of a document, with namespaces taken off all tags, and its namespace.

    The namespace is that of the first element that has one; blank: none has.

    Raises:
        Unreadable: it is empty, too large, not well-formed, or has a document type.
    """
    if len(content) > MOST_BYTES:
        raise Unreadable(Message("The file is larger than {limit} MiB.", limit=MOST_BYTES // 2**20))
    content = content.lstrip()
    if not content:
        raise Unreadable(Message("The file is empty."))
    root = parse_document(content)
    if root.getroottree().docinfo.internalDTD is not None:
        words = "The file has a document type (DTD), which messages of banks never have."
        raise Unreadable(Message(words))
    return root, strip_namespaces(root)


def parse_document(content: bytes) -> Element:
    """Parse a document; one that is not in the encoding that it declares is read as FALLBACK.

    Raises:
        Unreadable: it is not well-formed.
    """
    try:
        return etree.fromstring(content, parser())
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        if is_utf8(content) or content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise Unreadable(reason(error)) from None
    try:
        return etree.fromstring(content, parser(FALLBACK))
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise Unreadable(reason(error)) from None


def parser(encoding: str | None = None) -> Any:
    """A parser that expands no entity, loads nothing, and limits depth and lengths."""
    return etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )


def is_utf8(content: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def reason(error: Exception) -> Message:
    """Why a document is not well-formed. The parser's words can quote it, so only the line is."""
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
            namespace, _, element.tag = tag[1:].partition("}")
            found = found or namespace
    return found
