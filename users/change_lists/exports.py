"""Lists as CSV: columns, cells, and rows in parts.

Rows are read by primary key in parts of `PART_ROWS`, newest first, each with a statement of its
own: neither memory nor the time of a statement grows with the list, and a pooler is no obstacle.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any, Final

from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, SEARCH_VAR
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_noop

from iocash import money
from users.models.searches import MOST_FOUND

MOST_ROWS: Final = 100_000
"""The most rows of an export."""
PART_ROWS: Final = 2_000
"""Rows that are in memory at once."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a text that begins with one of these as a formula."""
INNER_FORMULA: Final = re.compile(r"(?!^)([;\t\r\n]\s*)(?=[=+\-@])")
"""Where a spreadsheet that separates cells by semicolons begins another cell with a formula."""
UNNAMED: Final = frozenset({SEARCH_VAR, ORDER_VAR, ERROR_FLAG})
BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it, spreadsheets don't read UTF-8."""

Source = str | Callable[[Any], Any]
CsvColumns = Sequence[tuple[str, Source]]
"""Headers, each with the path of an attribute (`wallet.user.email`) or a function of the row."""


class Echo:
    """What `csv` writes to: it returns the line."""

    def write(self, line: str) -> str:
        return line


def csv_lines(queryset: QuerySet[Any], columns: CsvColumns, prepare: Any) -> Iterator[str]:
    """The lines of the file. `prepare` reads what a part of the rows needs beside them."""
    writer = csv.writer(Echo())
    yield BYTE_ORDER_MARK + writer.writerow([header for header, _ in columns])
    readers = [source if callable(source) else reader_of(source) for _, source in columns]
    for rows in parts(queryset):
        prepare(rows)
        for row in rows:
            yield writer.writerow([cell(read(row)) for read in readers])


def parts(queryset: QuerySet[Any]) -> Iterator[list[Any]]:
    """The rows by primary key, newest first, up to `MOST_ROWS`.

    Two clients of a group can have events with one position, so the id decides between them.
    """
    order = ("-pk", "-id") if has_shared_keys(queryset.model) else ("-pk",)
    ordered, left = queryset.order_by(*order), MOST_ROWS
    rows = list(ordered[: min(PART_ROWS, left)])
    while rows:
        yield rows
        left -= len(rows)
        rows = list(ordered.filter(behind(rows[-1]))[: min(PART_ROWS, left)]) if left else []


def has_shared_keys(model: Any) -> bool:
    """Whether rows of several clients can have what Django takes for the primary key."""
    return bool(model._meta.pk.name == "position")


def behind(last: Any) -> Q:
    """The rows after the last one of a part."""
    if not has_shared_keys(last):
        return Q(pk__lt=last.pk)
    return Q(pk__lte=last.pk) & (Q(pk__lt=last.pk) | Q(id__lt=last.id))


def reader_of(name: str) -> Callable[[Any], Any]:
    """A function that reads an attribute of a row; None if something on the way is missing."""
    get = attrgetter(name)

    def read(row: Any) -> Any:
        try:
            return get(row)
        except (AttributeError, ObjectDoesNotExist):
            return None

    return read


def cell(value: Any) -> str | int:
    """A value as text: times in UTC (ISO 8601), and no text that a spreadsheet calculates."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return value
    if isinstance(value, Plain):
        return str(value)
    text = INNER_FORMULA.sub(r"\1'", str(value))
    return f"'{text}" if text.startswith(FORMULA) else text


class Plain(str):
    """A number as text, which is written as it is: -12.50."""

    __slots__ = ()


def amount(name: str) -> Callable[[Any], Plain | None]:
    """A function that reads minor units of the row's currency, as a plain number: -1250.00."""

    def read(row: Any) -> Plain | None:
        minor = getattr(row, name)
        return None if minor is None else Plain(money.to_text(minor, row.currency))

    return read


def number_of_rows(queryset: QuerySet[Any]) -> int:
    """The number of rows, counted up to one more than `MOST_ROWS`."""
    return queryset.order_by().values("pk")[: MOST_ROWS + 1].count()


def is_cut(shown: Any, request: HttpRequest, words: str) -> bool:
    """Whether a search finds so much that a list shows only a part of it."""
    if not words:
        return False
    found, _ = shown.get_search_results(request, shown.get_queryset(request), words)
    return int(found.order_by().values("pk")[:MOST_FOUND].count()) >= MOST_FOUND


def filters_in_log(parameters: Mapping[str, str], offered: Sequence[Any]) -> str:
    """The filters of a list, for the log, without what was searched: it can be personal data.

    So can the values of filters that the list does not offer, which Django allows.
    """
    names = {getattr(each, "parameter_name", each) for each in offered}
    kept = [
        f"{name}={value}" if name.partition("__")[0] in names else name
        for name, value in parameters.items()
        if name not in UNNAMED
    ]
    if parameters.get(SEARCH_VAR):
        kept.append(gettext_noop("search"))
    return ", ".join(kept)
