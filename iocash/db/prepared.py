"""Querysets that are compiled to SQL once per process, for the most frequent queries.

Django compiles a queryset each time it is evaluated, which takes longer than the query itself. Here
it is compiled once, with stand-ins for the values; the server prepares the statement too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID, uuid4

from django.db import connection, models

from iocash import errors
from iocash.db.transactions import Statement, fetch_each

Row = TypeVar("Row", bound=models.Model)


class Reader(Generic[Row]):
    """How the columns of a queryset become model instances, as Django builds them."""

    def __init__(self, queryset: models.QuerySet[Row]) -> None:
        fields = [*queryset.model._meta.concrete_fields]
        self.model = queryset.model
        self.names = [each.attname for each in fields]
        found = [getattr(each, "from_db_value", None) for each in fields]
        self.readers = [(at, read) for at, read in enumerate(found) if read]
        """The positions of columns that need a conversion, and the conversions."""
        self.annotations = [*queryset.query.annotation_select.items()]

    def first(self, found: Sequence[tuple[Any, ...]]) -> Row | None:
        """Build a model instance of the first row."""
        return next(self.all(found), None)

    def all(self, found: Sequence[tuple[Any, ...]]) -> Iterator[Row]:
        """Build model instances of the rows."""
        width = len(self.names)
        for values in map(list, found):
            for at, reader in self.readers:
                values[at] = reader(values[at], None, connection)
            row = self.model.from_db("default", self.names, values[:width])
            for (name, asked), value in zip(self.annotations, values[width:], strict=True):
                setattr(row, name, asked.convert_value(value, asked, connection))
            yield row


class PreparedStatement(NamedTuple, Generic[Row]):
    """The SQL, its values, and how to read its rows."""

    sql: str
    values: list[Any]
    reader: Reader[Row]


class Question(Generic[Row]):
    """A query by ids. `ask` builds its queryset and is called once, with stand-ins for the ids."""

    def __init__(self, ask: Callable[..., models.QuerySet[Row]], number: int) -> None:
        self.ask = ask
        self.stand_ins: list[UUID] = [uuid4() for _ in range(number)]

    @cached_property
    def statement(self) -> PreparedStatement[Row]:
        queryset = self.ask(*self.stand_ins)
        sql, values = queryset.query.sql_with_params()
        if not {*self.stand_ins} <= {*values}:
            raise errors.Inconsistent("the statement does not contain the ids as plain parameters")
        return PreparedStatement(sql, [*values], Reader(queryset))

    def about(self, *ids: UUID) -> Statement:
        """The statement that selects the rows with these ids, and its values."""
        given = dict(zip(self.stand_ins, ids, strict=True))
        return self.statement.sql, [given.get(value, value) for value in self.statement.values]

    def first(self, found: Sequence[tuple[Any, ...]]) -> Row | None:
        """Build a model instance of the first row."""
        return self.statement.reader.first(found)

    def all(self, found: Sequence[tuple[Any, ...]]) -> Iterator[Row]:
        """Build model instances of the rows."""
        return self.statement.reader.all(found)


def read_each(*querysets: models.QuerySet[Any]) -> list[list[Any]]:
    """Evaluate several querysets in one trip; without `select_related` and prefetching."""
    if not querysets:
        return []
    statements = [queryset.query.sql_with_params() for queryset in querysets]
    answers = fetch_each(*((sql, values, False) for sql, values in statements))
    return [
        list(Reader(queryset).all(rows)) for queryset, rows in zip(querysets, answers, strict=True)
    ]
