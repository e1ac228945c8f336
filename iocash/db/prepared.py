"""Querysets that are compiled to SQL once per process, for the most frequent queries.

Django compiles a queryset each time it is evaluated, which takes longer than the query itself. Here
it is compiled once, with stand-ins for the values; the server prepares the statement too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID, uuid4

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState

from iocash import errors
from iocash.db.transactions import Statement, fetch_each

Row = TypeVar("Row", bound=models.Model)


class Reader(Generic[Row]):
    """How the columns of a queryset become model instances.

    They are built without `Model.__init__`, which looks at each field: signals of it are not sent.
    """

    def __init__(self, queryset: models.QuerySet[Row]) -> None:
        self.model = queryset.model
        columns: dict[str, Any] = {each.attname: each for each in self.model._meta.concrete_fields}
        columns |= queryset.query.annotation_select
        self.names = [*columns]
        self.converters = [
            (at, convert, column)
            for at, column in enumerate(columns.values())
            for convert in column.get_db_converters(connection)
        ]
        """The positions of columns that need a conversion, the conversions, and the columns."""

    def first(self, found: Sequence[tuple[Any, ...]]) -> Row | None:
        """Build a model instance of the first row."""
        return next(self.all(found), None)

    def all(self, found: Sequence[tuple[Any, ...]]) -> Iterator[Row]:
        """Build model instances of the rows."""
        for values in map(list, found):
            for at, convert, column in self.converters:
                values[at] = convert(values[at], column, connection)
            row = self.model.__new__(self.model)
            vars(row).update(zip(self.names, values, strict=True), _state=known_state())
            yield row


def known_state() -> ModelState:
    """The state of an instance that is in the database."""
    state = ModelState()
    state.adding, state.db = False, DEFAULT_DB_ALIAS
    return state


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
