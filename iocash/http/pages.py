"""Lists: HAL pages with keyset cursors, and the query parameters that lists take.

Every page costs the same: a cursor contains the `(created_at, id)` of the last row of a page, and
the next page begins after it. Rows are never counted or skipped.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request

from iocash import errors
from iocash.errors import FieldError, Message
from iocash.http import fields, problems
from iocash.http.parsing import UNPRINTABLE
from iocash.http.rendering import Response
from iocash.http.serializers import error_detail, reader

DEFAULT_SIZE, LARGEST_SIZE = 20, 100
NEWEST_FIRST, OLDEST_FIRST = "createdAt,desc", "createdAt,asc"
NEXT, PREVIOUS, LAST = "next", "previous", "last"
SCANNED = 5_000
"""The most rows that a page of a filtered list scans."""
SEAL = 8
"""Length in bytes of the signature of a cursor."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

LOST_PLUS = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+) ([0-9]{2}:?[0-9]{2})")
"""A time whose `+` before the offset the query string has decoded as a space."""


class Cursor(NamedTuple):
    """The start of a page: after or before a row, or at the end of the list."""

    where: str
    sort: str
    place: int = 0
    id: str = ""

    @property
    def created_at(self) -> datetime:
        return EPOCH + self.place * MICROSECOND

    def token(self) -> str:
        """The signed token of the cursor."""
        text = "|".join(map(str, self)).encode()
        return urlsafe_b64encode(_seal(text) + text).decode().rstrip("=")

    @classmethod
    def read(cls, token: str) -> Cursor:
        """Read a token.

        Raises:
            ValueError: the signature is wrong.
        """
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        where, sort, place, row_id = sealed[SEAL:].decode().split("|")
        cursor = cls(where, sort, int(place), row_id)
        if not hmac.compare_digest(cursor.token(), token):
            raise ValueError(token)
        return cursor


def _seal(text: bytes) -> bytes:
    key = f"iocash.http.pages {settings.SECRET_KEY}".encode()
    return hmac.digest(key, text, "sha256")[:SEAL]


class CursorToken(fields.Text):
    """The position of a page: an opaque value from a link of another page."""

    default_error_messages = {"invalid": "Must be a cursor from a link of a page."}

    def to_internal_value(self, data: Any) -> Cursor:
        try:
            return Cursor.read(super().to_internal_value(data))
        except ValueError:
            self.fail("invalid")


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


def check_query(request: Request, query_class: type[fields.Serializer] | None) -> dict[str, Any]:
    """Read the query parameters strictly; without a `query_class` there may be none.

    Raises:
        errors.InvalidParameters: some are unknown, repeated, blank or wrong; it names them all.
    """
    if not request.META.get("QUERY_STRING"):
        return {**_defaults(query_class)}
    wrong = list(_misshapen(request, query_class))
    misshapen = {error.field for error in wrong}
    given = {
        name: with_plus(values[0]) for name, values in _parameters(request) if name not in misshapen
    }
    return _validated(query_class, given, wrong)


@cache
def _defaults(query_class: type[fields.Serializer] | None) -> dict[str, Any]:
    """The values without any parameter, which are always the same."""
    return _validated(query_class, {}, [])


def with_plus(text: str) -> str:
    """The text; a time that has lost the `+` of its offset has it again."""
    time = LOST_PLUS.fullmatch(text)
    return f"{time[1]}+{time[2]}" if time else text


def _parameters(request: Request) -> list[tuple[str, list[str]]]:
    return [(name, [str(value) for value in values]) for name, values in request.GET.lists()]


def _misshapen(
    request: Request, query_class: type[fields.Serializer] | None
) -> Iterator[FieldError]:
    known = reader(query_class).fields if query_class else {}
    for name, values in _parameters(request):
        if name not in known:
            yield FieldError(name, "unknown_parameter", "Unknown parameter.")
        elif len(values) > 1:
            yield FieldError(name, "repeated_parameter", "Must not be repeated.")
        elif not values[0].strip():
            yield FieldError(name, "blank", "Must not be empty.")
        elif UNPRINTABLE.search(values[0]) or "\ufffd" in values[0]:
            yield FieldError(name, "invalid", "Must be printable text in UTF-8.")


def _validated(
    query_class: type[fields.Serializer] | None, given: dict[str, str], wrong: list[FieldError]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if query_class:
        try:
            values = reader(query_class).run_validation(given)
        except ValidationError as exc:
            named = {error.field for error in wrong}
            found = problems.flatten(exc.detail)
            wrong.extend(error for error in found if error.field not in named)
    if wrong:
        raise errors.InvalidParameters(*wrong)
    return values


class Pages(BasePagination):
    """One page of a queryset whose rows have `created_at` and an id, in one query."""

    view: Any

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        query = view.query
        self.request, self.view = request, view
        self.size, self.sort = query["size"], query["sort"]
        self.cursor: Cursor | None = query.get("cursor")
        where = self.cursor.where if self.cursor else NEXT
        self.backward = where in {PREVIOUS, LAST}
        rows = list(self.bounded(self._ordered(queryset))[: self.size + 1])
        self.more = len(rows) > self.size
        rows = rows[: self.size]
        self.rows: Sequence[Any] = rows[::-1] if self.backward else rows
        return list(self.rows)

    def bounded(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Limit the rows that are read for one page."""
        return queryset

    @property
    def descending(self) -> bool:
        return bool(self.sort.endswith(",desc")) != self.backward

    def _ordered(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.cursor and self.cursor.where != LAST:
            queryset = queryset.filter(self.beyond(self.cursor, self.descending))
        sign = "-" if self.descending else ""
        return queryset.order_by(*(f"{sign}{column}" for column in self.columns))

    # What rows are in order of

    columns: ClassVar[tuple[str, ...]] = ("created_at", "pk")

    def place(self, row: Any) -> tuple[int, str]:
        """The position of a row for a cursor: its time and id."""
        return (row.created_at - EPOCH) // MICROSECOND, str(row.pk)

    def beyond(self, cursor: Cursor, descending: bool) -> Q:
        """The rows after the cursor's own: bounded by time first, which an index can use."""
        side = "lt" if descending else "gt"
        at, row_id = cursor.created_at, cursor.id
        return Q((f"created_at__{side}e", at)) & (
            Q((f"created_at__{side}", at)) | Q((f"pk__{side}", row_id))
        )

    def until(self, edge: Cursor, descending: bool) -> Q:
        """The rows up to the edge's own."""
        side = "gt" if descending else "lt"
        at, row_id = edge.created_at, edge.id
        return Q((f"created_at__{side}e", at)) & (
            Q((f"created_at__{side}", at)) | Q((f"pk__{side}e", row_id))
        )

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"_links": self._links(), "_embedded": {self.view.collection: data}})

    def _links(self) -> dict[str, dict[str, str]]:
        given = {name: values[0] for name, values in _parameters(self.request)} | self.settled()
        kept = [(name, value) for name, value in given.items() if name != "cursor"]
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
            "last": Cursor(LAST, self.sort),
        }
        came_from = self.cursor.where if self.cursor else None
        if self.rows and (came_from == PREVIOUS or (self.more and not self.backward)):
            cursors["next"] = Cursor(NEXT, self.sort, *self.place(self.rows[-1]))
        if self.rows and (came_from == NEXT or (self.more and self.backward)):
            cursors["prev"] = Cursor(PREVIOUS, self.sort, *self.place(self.rows[0]))
        return cursors | self._further()

    def _further(self) -> dict[str, Cursor]:
        """Where to go on when this page ended before it was full."""
        return {}

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page; `view` is set by the view's schema."""
        about = {"description": "The items of this page, in the order of `sort`."}
        return {
            "type": "object",
            "description": "One page of a list. Follow `next` in `_links` until there is none.",
            "required": ["_links", "_embedded"],
            "properties": {
                "_links": {"$ref": "#/components/schemas/PageLinks"},
                "_embedded": {
                    "type": "object",
                    "description": "The resources of a page.",
                    "required": [self.view.collection],
                    "properties": {self.view.collection: {**schema, **about}},
                },
            },
        }


class ScanningPages(Pages):
    """Pages of a list whose filters may match rarely, or never.

    For one page at most SCANNED rows are looked at. A page may be short, or empty, and have a
    `next` all the same: the list ends where there is no `next`.
    """

    edge: Cursor | None = None
    """The last scanned row, if there are more rows."""

    def bounded(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Leave out what lies behind the SCANNED rows; the view says of which list, if at all."""
        if self.view.scanned is None:
            return queryset
        keys = self._ordered(self.view.scanned).values_list("created_at", "pk")
        last, *behind = [*keys[SCANNED - 1 : SCANNED + 1]] or [None]
        if last is None or not behind:
            return queryset
        at, row_id = last
        where = PREVIOUS if self.backward else NEXT
        self.edge = Cursor(where, self.sort, (at - EPOCH) // MICROSECOND, str(row_id))
        return queryset.filter(self.until(self.edge, self.descending))

    def _further(self) -> dict[str, Cursor]:
        if self.more or self.edge is None:
            return {}
        return {"prev" if self.backward else "next": self.edge}


def _url(address: str, kept: Sequence[tuple[str, str]], cursor: Cursor | None) -> str:
    query = [*kept, ("cursor", cursor.token())] if cursor else kept
    return f"{address}?{urlencode(query)}" if query else address
