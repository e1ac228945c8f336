"""Lists of any length, page by page: only one page is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from iocash_client.shapes import Answer, Meta, WrongShape, decode

T = TypeVar("T", bound=Answer)

LARGEST: Final = 100
"""Items of a page, unless the caller says another `size`: the most that the server allows."""

Fetch = Callable[[Mapping[str, Any]], tuple[dict[str, Any], Meta]]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list."""

    items: Sequence[T]
    meta: Meta
    next_cursor: str | None
    """The `cursor` of the next page. None: this is the last one."""
    resume_cursor: str | None
    """Of events from old to new: the `cursor` for what happens later. Store it to go on."""


class Pages(Generic[T]):
    """A list of the server. Iterate over its items, or over its `pages()`.

    Nothing is requested before the iteration begins, and each iteration reads the list again.
    """

    def __init__(self, fetch: Fetch, filters: Mapping[str, Any], name: str, item: type[T]) -> None:
        self._fetch, self._name, self._item = fetch, name, item
        self._filters = {"size": LARGEST, **filters}

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[Page[T]]:
        """Yield the pages, and request each when it is needed."""
        cursor: str | None = None
        while True:
            page = self.page(cursor)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return

    def page(self, cursor: str | None = None) -> Page[T]:
        """Request one page: the first one, or that of a cursor."""
        data, meta = self._fetch(self._filters | ({"cursor": cursor} if cursor else {}))
        try:
            items = [decode(self._item, each) for each in data["_embedded"][self._name]]
            links = data["_links"]
            return Page(items, meta, cursor_in(links, "next"), cursor_in(links, "resume"))
        except (KeyError, TypeError) as error:
            raise WrongShape(f"not a page of {self._name}: {error!r}") from error

    def first(self) -> T | None:
        """The first item; None: the list is empty."""
        return next(iter(self), None)


def cursor_in(links: Mapping[str, Any], relation: str) -> str | None:
    """The cursor in a link. Only the cursor is used: requests never leave the server's own URL."""
    if relation not in links:
        return None
    return parse_qs(urlsplit(str(links[relation]["href"])).query)["cursor"][0]
