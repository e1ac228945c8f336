"""Messages of banks with elements that are removed, repeated, moved, or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from lxml import etree

NAMES = {"CRDT": "DBIT", "DBIT": "CRDT", "RJCT": "ACSC", "ACSC": "RJCT", "BOOK": "PDNG"}
ENCODINGS = "UTF-8", "UTF-16", "ISO-8859-1", "windows-1252"


def remove(root: Any, chance: Random) -> None:
    element = an_element(root, chance)
    element.getparent().remove(element)


def repeat(root: Any, chance: Random) -> None:
    element = an_element(root, chance)
    element.addnext(etree.fromstring(etree.tostring(element, with_tail=False)))


def move(root: Any, chance: Random) -> None:
    """To another place, but not into itself."""
    element, target = an_element(root, chance), an_element(root, chance)
    if element not in {target, *target.iterancestors()}:
        target.insert(chance.randint(0, len(target)), element)


def swap(root: Any, chance: Random) -> None:
    """Give a sign or a status its contrary."""
    found = [each for each in root.iter() if (each.text or "") in NAMES]
    if found:
        element = chance.choice(found)
        element.text = NAMES[element.text]


def nest(root: Any, chance: Random) -> None:
    """Put a copy of an element into another one."""
    copied = etree.fromstring(etree.tostring(an_element(root, chance), with_tail=False))
    an_element(root, chance).append(copied)


CHANGES: list[Callable[[Any, Random], None]] = [remove, repeat, move, swap, nest]


def an_element(root: Any, chance: Random) -> Any:
    """Any element but the root; another root's only child stays."""
    found = [each for each in root.iter(etree.Element) if each.getparent() is not None]
    return chance.choice(found) if found else etree.SubElement(root, "Empty")


def changed(
    content: bytes, changes: Iterable[Callable[[Any, Random], None]], chance: Random
) -> bytes:
    """The message with these changes, in another encoding."""
    root = etree.fromstring(content)
    for change in changes:
        change(root, chance)
    made: bytes = etree.tostring(root, encoding=chance.choice(ENCODINGS), xml_declaration=True)
    return made
