"""Lists: HAL pages with keyset cursors.

Every page costs the same: a cursor contains the `(created_at, id)` of the last row of a page, and
the next page begins after it. Rows are never counted or skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request

from iocash.db import replica
from iocash.db.replica import ReleasedAt
from iocash.db.shapes import KEPT, Ask, ValueShape, compiled, example_of, value_shape
from iocash.errors import Message
from iocash.http import fields
from iocash.http.cursors import EPOCH, MICROSECOND, Cursor, HiddenCursor
from iocash.http.queries import sent_parameters
from iocash.http.rendering import Response
from iocash.http.serializers import error_detail

DEFAULT_SIZE, LARGEST_SIZE = 20, 100
NEWEST_FIRST, OLDEST_FIRST = "createdAt,desc", "createdAt,asc"
NEXT, PREVIOUS, LAST = "next", "previous", "last"
SCANNED = 5_000
"""The most rows that a page of a filtered list scans."""


class CursorToken(fields.Text):
    """The position of a page: an opaque value from a link of another page."""

    kind: ClassVar[type[Cursor]] = Cursor
    default_error_messages = {"invalid": "Must be a cursor from a link of a page."}

    def to_internal_value(self, data: Any) -> Cursor:
        try:
            return self.kind.read(super().to_internal_value(data))
        except ValueError:
            self.fail("invalid")


class HiddenCursorToken(CursorToken):
    """The position of a page, encrypted."""

    kind = HiddenCursor


class WholeText(fields.Whole):
    """A whole number in a query string, where everything is text."""

    def literal(self, data: Any) -> str:
        return str(data)


class Sort(fields.Choice):
    """Newest or oldest first, by the time of creation."""

    words = (NEWEST_FIRST, OLDEST_FIRST)
    is_open = False

    def schema(self) -> dict[str, Any]:
        """The first is the default: it is said here, since nothing may be beside a reference."""
        return {**super().schema(), "default": self.words[0]}


class PageQuery(fields.Serializer):
    """The parameters of every list. Lists with filters extend it."""

    size = WholeText(
        1,
        LARGEST_SIZE,
        default=DEFAULT_SIZE,
        example=DEFAULT_SIZE,
        help_text="The number of items on a page.",
    )
    sort = Sort(default=NEWEST_FIRST, help_text="The order of the list.")
    cursor = CursorToken(
        400,
        required=False,
        example="b3BhcXVl",
        help_text="Where the page begins: an opaque value from a link of another page.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        cursor = attrs.get("cursor")
        if cursor and cursor.sort != attrs["sort"]:
            words = Message("Must be a cursor of this sort order.")
            raise ValidationError({"cursor": [error_detail("invalid", words)]})
        return attrs


class Parts(NamedTuple):
    """The rows of a list, divided into querysets without common rows.

    Each has an index that has its rows in order, so that PostgreSQL merges them and reads no more
    rows than a page has.
    """

    found: Sequence[QuerySet[Any]]
    scanned: Sequence[QuerySet[Any]] | None = None
    """More rows, in the same parts, if some filters have no index; see `ScanningPages`."""


class Listing(NamedTuple):
    """The rows of a list, `rows(**values)`, which is compiled once for each shape of the values."""

    rows: Callable[..., Parts]
    values: dict[str, Any]
    is_compiled: bool = True

    @classmethod
    def of(cls, queryset: QuerySet[Any]) -> Listing:
        """A list that is not compiled, because its queryset is made anew each time."""
        return cls(lambda: Parts([queryset]), {}, is_compiled=False)


class Pages(BasePagination):
    """One page of rows that have `created_at` and an id, in one query."""

    view: Any
    is_released = False
    """Whether it ends at the release of the database, as all lists of the replica do."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        query = view.query
        self.request, self.view = request, view
        self.size, self.sort = query["size"], query["sort"]
        self.cursor: Cursor | None = query.get("cursor")
        self.where = self.cursor.where if self.cursor else NEXT
        listing = Listing.of(queryset) if isinstance(queryset, QuerySet) else queryset
        rows = self.read(listing)
        self.more = len(rows) > self.size
        rows = rows[: self.size]
        self.rows: Sequence[Any] = rows[::-1] if self.backward else rows
        return list(self.rows)

    def read(self, listing: Listing) -> list[Any]:
        """Read the rows of the page, and one more if there is one."""
        return self.select(rows_of_page, listing, self.size + 1)

    def select(self, ask: Ask, listing: Listing, most: int, **more: Any) -> list[Any]:
        """Read what `ask` selects of the list, through the view."""
        after = self.key(self.cursor) if self.cursor and self.cursor.where != LAST else None
        values = {"list": listing.values, "after": after, **more}
        self.is_released = replica.is_read()
        plan = Plan(type(self), listing.rows, self.sort, self.where, most, self.is_released)
        statement = compiled(ask, plan, values) if listing.is_compiled else None
        if statement is None:
            self.view.fetch()
            return [*ask(plan, values)]
        (rows,) = self.view.fetch(statement.about(values))
        return [*statement.reader.all(rows)] if ask is rows_of_page else rows

    def visible(self, part: QuerySet[Any]) -> QuerySet[Any]:
        """Leave out the rows that the list does not show yet."""
        if self.is_released and "created_at" in self.columns:
            return part.filter(created_at__lt=ReleasedAt())
        return part

    def first(
        self, parts: Sequence[QuerySet[Any]], most: int, after: list[Any] | None
    ) -> QuerySet[Any]:
        """The first `most` rows of all parts after a key."""
        if after:
            parts = [part.filter(self.beyond(after, self.descending)) for part in parts]
        parts = [self.visible(part).order_by(*self._order)[:most] for part in parts]
        if len(parts) == 1:
            return parts[0]
        return parts[0].union(*parts[1:], all=True).order_by(*self._order)[:most]

    @property
    def backward(self) -> bool:
        return self.where in {PREVIOUS, LAST}

    @property
    def descending(self) -> bool:
        return bool(self.sort.endswith(",desc")) != self.backward

    @property
    def _order(self) -> list[str]:
        sign = "-" if self.descending else ""
        return [f"{sign}{column}" for column in self.columns]

    # What rows are in order of

    columns: ClassVar[tuple[str, ...]] = ("created_at", "pk")
    cursor_kind: ClassVar[type[Cursor]] = Cursor

    def place(self, row: Any) -> tuple[int, str]:
        """The position of a row for a cursor: its time and id."""
        return self.place_of_key([row.created_at, row.pk])

    def place_of_key(self, key: Sequence[Any]) -> tuple[int, str]:
        """The position of a row with these values of the columns."""
        at, row_id = key
        return (at - EPOCH) // MICROSECOND, str(row_id)

    def key(self, cursor: Cursor) -> list[Any]:
        """The values of the columns that a cursor names."""
        return [cursor.created_at, UUID(cursor.id)]

    def beyond(self, key: list[Any], descending: bool) -> Q:
        """The rows after a key: bounded by time first, which an index can use."""
        side = "lt" if descending else "gt"
        at, row_id = key
        return Q((f"created_at__{side}e", at)) & (
            Q((f"created_at__{side}", at)) | Q((f"pk__{side}", row_id))
        )

    def until(self, key: list[Any], descending: bool) -> Q:
        """The rows up to a key, and its own."""
        side = "gt" if descending else "lt"
        at, row_id = key
        return Q((f"created_at__{side}e", at)) & (
            Q((f"created_at__{side}", at)) | Q((f"pk__{side}e", row_id))
        )

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"_links": self._links(), "_embedded": {self.view.collection: data}})

    def _links(self) -> dict[str, dict[str, str]]:
        sent = {name: ",".join(values) for name, values in sent_parameters(self.request)}
        given = sent | self.settled()
        kept = urlencode([(name, value) for name, value in given.items() if name != "cursor"])
        address = self.request.build_absolute_uri(self.request.path)
        cursors = self._cursors()
        return {rel: {"href": _url(address, kept, cursor)} for rel, cursor in cursors.items()}

    def settled(self) -> dict[str, str]:
        """Parameters that the caller left open, and that hold for all pages from the first on."""
        return {}

    def _cursors(self) -> dict[str, Cursor | None]:
        cursors: dict[str, Cursor | None] = {
            "self": self.cursor,
            "first": None,
            "last": self.cursor_kind(LAST, self.sort),
        }
        came_from = self.cursor.where if self.cursor else None
        if self.rows and (came_from == PREVIOUS or (self.more and not self.backward)):
            cursors["next"] = self.cursor_at(NEXT, self.place(self.rows[-1]))
        if self.rows and (came_from == NEXT or (self.more and self.backward)):
            cursors["prev"] = self.cursor_at(PREVIOUS, self.place(self.rows[0]))
        return cursors | self._further()

    def cursor_at(self, where: str, place: tuple[int, str]) -> Cursor:
        return self.cursor_kind(where, self.sort, *place)

    def _further(self) -> dict[str, Cursor]:
        """Where to go on when this page ended before it was full."""
        return {}

    links_schema: ClassVar[dict[str, Any]] = {"$ref": "#/components/schemas/PageLinks"}

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page; `view` is set by the view's schema."""
        about = {"description": "The items of this page, in the order of `sort`."}
        return {
            "type": "object",
            "description": "One page of a list. Follow `next` in `_links` until there is none.",
            "required": ["_links", "_embedded"],
            "properties": {
                "_links": self.links_schema,
                "_embedded": {
                    "type": "object",
                    "description": "The resources of a page.",
                    "required": [self.view.collection],
                    "properties": {self.view.collection: {**schema, **about}},
                },
            },
        }


class Plan(NamedTuple):
    """What decides about the SQL of a page, beside the shape of its values."""

    kind: type[Pages]
    rows: Callable[..., Parts]
    sort: str
    where: str
    most: int
    """How many rows to read."""
    is_released: bool = False

    def pages(self) -> Pages:
        pages = self.kind()
        pages.sort, pages.where, pages.is_released = self.sort, self.where, self.is_released
        return pages


def rows_of_page(plan: Plan, values: dict[str, Any]) -> QuerySet[Any]:
    """The rows of a page."""
    pages, parts = plan.pages(), plan.rows(**values["list"]).found
    if until := values.get("until"):
        parts = [part.filter(pages.until(until, pages.descending)) for part in parts]
    return pages.first(parts, plan.most, values["after"])


def last_keys_of_page(plan: Plan, values: dict[str, Any]) -> QuerySet[Any]:
    """The keys of the last two of the rows that are scanned, if there are as many."""
    pages, parts = plan.pages(), plan.rows(**values["list"]).scanned or ()
    keys = [part.values_list(*pages.columns) for part in parts]
    return pages.first(keys, plan.most, values["after"])[plan.most - 2 :]


@lru_cache(maxsize=KEPT)
def is_scanned(rows: Callable[..., Parts], shape: ValueShape) -> bool:
    """Whether some filters of a list have no index."""
    return rows(**example_of(shape)).scanned is not None


class ScanningPages(Pages):
    """Pages of a list whose filters may match rarely, or never.

    For one page at most SCANNED rows are looked at. A page may be short, or empty, and have a
    `next` all the same: the list ends where there is no `next`.
    """

    edge: Cursor | None = None
    """The last scanned row, if there are more rows."""

    def read(self, listing: Listing) -> list[Any]:
        """Read no rows that lie behind the SCANNED ones."""
        if not (listing.is_compiled and is_scanned(listing.rows, value_shape(listing.values))):
            return super().read(listing)
        last, *behind = self.select(last_keys_of_page, listing, SCANNED + 1) or [None]
        if last is None or not behind:
            return super().read(listing)
        self.edge = self.cursor_at(PREVIOUS if self.backward else NEXT, self.place_of_key(last))
        return self.select(rows_of_page, listing, self.size + 1, until=[*last])

    def _further(self) -> dict[str, Cursor]:
        if self.more or self.edge is None:
            return {}
        return {"prev" if self.backward else "next": self.edge}


def _url(address: str, kept: str, cursor: Cursor | None) -> str:
    place = f"cursor={cursor.token()}" if cursor else ""  # a token has no character to encode
    query = "&".join(filter(None, (kept, place)))
    return f"{address}?{query}" if query else address
