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

from iocash.transactions import fetch

Row = TypeVar("Row", bound=models.Model)


class Statement(NamedTuple):
    """The SQL, what to put in it, and how to read what comes."""

    sql: str
    values: list[Any]
    model: type[models.Model]
    names: list[str]
    fields: list[models.Field[Any, Any]]
    annotations: dict[str, Any]


class Question(Generic[Row]):
    """What `ask` finds by ids: `ask` is called once, with ids that stand in for those to come."""

    def __init__(self, ask: Callable[..., models.QuerySet[Row]], number: int) -> None:
        self.ask = ask
        self.stand_ins: list[UUID] = [uuid4() for _ in range(number)]

    @cached_property
    def statement(self) -> Statement:
        queryset = self.ask(*self.stand_ins)
        sql, values = queryset.query.sql_with_params()
        assert {*self.stand_ins} <= {*values}, "an id was written in another way"
        fields = [*queryset.model._meta.concrete_fields]
        annotations = {**queryset.query.annotation_select}
        names = [each.attname for each in fields]
        return Statement(sql, [*values], queryset.model, names, fields, annotations)

    def first(self, *ids: UUID) -> Row | None:
        """The row with these ids, which stand where the stand-ins stood."""
        sql, values, model, names, fields, annotations = self.statement
        given = dict(zip(self.stand_ins, ids, strict=True))
        for found in fetch(sql, [given.get(value, value) for value in values]):
            read = [shown(field, value) for field, value in zip(fields, found, strict=False)]
            row = cast(Row, model.from_db("default", names, read))
            for (name, asked), value in zip(annotations.items(), found[len(fields) :], strict=True):
                setattr(row, name, asked.convert_value(value, asked, connection))
            return row
        return None


def shown(field: models.Field[Any, Any], value: Any) -> Any:
    """Read a column as Django does."""
    read = getattr(field, "from_db_value", None)
    return read(value, None, connection) if read else value
