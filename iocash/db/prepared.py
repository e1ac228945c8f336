"""Querysets that are compiled once: for the few questions that are asked all the time.

Django writes the SQL of a queryset anew each time that it is asked, which takes longer than the
answer. Here that is done once for each process, with stand-ins for the values; afterwards the
server prepares the statement too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar, cast
from uuid import UUID, uuid4

from django.db import connection, models

from iocash import errors
from iocash.db.transactions import fetch

Row = TypeVar("Row", bound=models.Model)


class PreparedStatement(NamedTuple):
    """The SQL, what to put in it, and how to read what comes."""

    sql: str
    values: list[Any]
    model: type[models.Model]
    names: list[str]
    readers: list[tuple[int, Callable[..., Any]]]
    """Where a column is read in another way than as it comes, and how."""
    annotations: list[tuple[str, Any]]


class Question(Generic[Row]):
    """What `ask` finds by ids: `ask` is called once, with ids that stand in for those to come."""

    def __init__(self, ask: Callable[..., models.QuerySet[Row]], number: int) -> None:
        self.ask = ask
        self.stand_ins: list[UUID] = [uuid4() for _ in range(number)]

    @cached_property
    def statement(self) -> PreparedStatement:
        queryset = self.ask(*self.stand_ins)
        sql, values = queryset.query.sql_with_params()
        if not {*self.stand_ins} <= {*values}:
            raise errors.Inconsistent("an id is written in another way in this statement")
        fields = [*queryset.model._meta.concrete_fields]
        names = [each.attname for each in fields]
        found = [getattr(each, "from_db_value", None) for each in fields]
        readers = [(at, read) for at, read in enumerate(found) if read]
        annotations = [*queryset.query.annotation_select.items()]
        return PreparedStatement(sql, [*values], queryset.model, names, readers, annotations)

    def first(self, *ids: UUID) -> Row | None:
        """The row with these ids, which stand where the stand-ins stood."""
        return self.read(fetch(*self.about(*ids)))

    def about(self, *ids: UUID) -> tuple[str, list[Any]]:
        """The statement that finds the row with these ids, and its values."""
        given = dict(zip(self.stand_ins, ids, strict=True))
        return self.statement.sql, [given.get(value, value) for value in self.statement.values]

    def read(self, found: list[tuple[Any, ...]]) -> Row | None:
        """Make a row of the first that was found, as Django does."""
        if not found:
            return None
        _, _, model, names, readers, annotations = self.statement
        values = [*found[0][: len(names)]]
        for at, reader in readers:
            values[at] = reader(values[at], None, connection)
        row = cast(Row, model.from_db("default", names, values))
        for (name, asked), value in zip(annotations, found[0][len(names) :], strict=True):
            setattr(row, name, asked.convert_value(value, asked, connection))
        return row
