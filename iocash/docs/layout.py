"""Code in lines of a readable width, and placeholders in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

WIDTH: Final = 88


class Blank(str):
    """A placeholder for an id of the reader: `wallet_id`."""

    __slots__ = ()


class Group(NamedTuple):
    """A call, an object or a list: what stands before its items, the items, and what follows."""

    opening: str
    items: tuple[str | Group, ...]
    closing: str

    def inside(self, before: str, after: str) -> Group:
        """The group with a text before it, and one after it."""
        return self._replace(opening=before + self.opening, closing=self.closing + after)

    def flat(self) -> str:
        if not self.items:
            return self.opening.rstrip() + self.closing.lstrip()
        return self.opening + ", ".join(map(flat, self.items)) + self.closing

    def lines(self, step: str, indent: str = "") -> str:
        """The group in lines of at most `WIDTH` characters; `step` is the indentation of items."""
        if len(indent + self.flat()) <= WIDTH:
            return self.flat()
        if len(self.items) == 1 and isinstance(only := self.items[0], Group):
            return only.inside(self.opening, self.closing).lines(step, indent)
        inner = indent + step
        line = ", ".join(map(flat, self.items))
        if len(inner + line) > WIDTH:
            line = f",\n{inner}".join(self.broken(step, inner)) + ","
        return f"{self.opening.rstrip()}\n{inner}{line}\n{indent}{self.closing.lstrip()}"

    def broken(self, step: str, inner: str) -> Iterable[str]:
        for item in self.items:
            yield item.lines(step, inner) if isinstance(item, Group) else item


def flat(item: str | Group) -> str:
    return item if isinstance(item, str) else item.flat()
