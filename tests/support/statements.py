"""Notes the statements that the product sends, and which function of it sends each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import pytest
from django.db import connection

from iocash.db.pipeline import Pipeline

OURS = ("users.", "wallets.", "iocash.")
SENDS_FOR_OTHERS = "iocash.db."


class Sent(NamedTuple):
    """A statement, and the function that sent it."""

    sender: str
    statement: str


@contextmanager
def noted() -> Iterator[list[Sent]]:
    """Note each statement of the product, whether Django sends it or a pipeline does."""
    sent: list[Sent] = []
    ask = Pipeline.ask

    def note(statement: str) -> None:
        if sender := sender_of(sys._getframe(2)):
            sent.append(Sent(sender, statement))

    def noting(pipeline: Pipeline, statement: str, *values: Any) -> Any:
        note(statement)
        return ask(pipeline, statement, *values)

    def wrapper(execute: Any, statement: str, *about: Any) -> Any:
        note(statement)
        return execute(statement, *about)

    with pytest.MonkeyPatch.context() as patch, connection.execute_wrapper(wrapper):
        patch.setattr(Pipeline, "ask", noting)
        yield sent


class Asked(NamedTuple):
    """A statement and its values."""

    sql: str
    values: Any

    def explained(self, *options: str) -> str:
        """The plan of the statement."""
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN ({', '.join(options) or 'COSTS'}) {self.sql}", self.values)
            return "\n".join(row[0] for row in cursor.fetchall())


@contextmanager
def captured() -> Iterator[list[Asked]]:
    """Record each statement, whether Django sends it or a pipeline does."""
    found: list[Asked] = []
    ask = Pipeline.ask

    def asking(pipeline: Pipeline, statement: str, values: Any = (), *more: Any) -> Any:
        found.append(Asked(statement, values))
        return ask(pipeline, statement, values, *more)

    def wrapper(execute: Any, statement: str, values: Any, *about: Any) -> Any:
        found.append(Asked(statement, values))
        return execute(statement, values, *about)

    with pytest.MonkeyPatch.context() as patch, connection.execute_wrapper(wrapper):
        patch.setattr(Pipeline, "ask", asking)
        yield found


def sender_of(frame: FrameType | None) -> str:
    """The innermost function of the product; none where a test sends the statement itself."""
    while frame:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("tests."):
            return ""
        if module.startswith(OURS) and not module.startswith(SENDS_FOR_OTHERS):
            return f"{module}.{frame.f_code.co_name}"
        frame = frame.f_back
    return ""
