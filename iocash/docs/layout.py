"""Code in lines of a readable width, and placeholders in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

WIDTH: Final = 88


class Blank(str):
    """A placeholder for an id of the reader: `wallet_id`."""

    __slots__ = ()


class Enclosed(NamedTuple):
    """A call, an object or a list: what stands before its items, the items, and what follows."""

    opening: str
    items: tuple[str | Enclosed, ...]
    closing: str

    def inside(self, before: str, after: str) -> Enclosed:
        """The same with a text before it, and one after it."""
        return self._replace(opening=before + self.opening, closing=self.closing + after)

    def flat(self) -> str:
        if not self.items:
            return self.opening.rstrip() + self.closing.lstrip()
        return self.opening + ", ".join(map(on_one_line, self.items)) + self.closing

    def lines(self, step: str, indent: str = "", *, room: int = 0) -> str:
        """The same in lines of at most `WIDTH` characters.

        `step` is the indentation of items; `room` is kept free at the end of the last line.
        """
        if len(indent + self.flat()) + room <= WIDTH:
            return self.flat()
        if len(self.items) == 1 and isinstance(only := self.items[0], Enclosed):
            return only.inside(self.opening, self.closing).lines(step, indent, room=room)
        inner = indent + step
        line = ", ".join(map(on_one_line, self.items))
        if len(inner + line) > WIDTH:
            line = f",\n{inner}".join(self.broken(step, inner)) + ","
        return f"{self.opening.rstrip()}\n{inner}{line}\n{indent}{self.closing.lstrip()}"

    def broken(self, step: str, inner: str) -> Iterable[str]:
        for item in self.items:
            yield item.lines(step, inner, room=len(",")) if isinstance(item, Enclosed) else item


def on_one_line(item: str | Enclosed) -> str:
    return item if isinstance(item, str) else item.flat()
