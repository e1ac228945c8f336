"""The choice of a batch: drawn, so that what always fails keeps nothing else waiting."""

from __future__ import annotations

import random
from typing import Any, Final, TypeVar

from django.db.models import QuerySet

Row = TypeVar("Row")

CHOICE: Final = 1_000
"""A batch is drawn from so many, those first that are due first."""


def draw_due(due: QuerySet[Any, Row], most: int) -> list[Row]:
    """At most so many of the first CHOICE rows that are due, in the order of the draw."""
    found = list(due[:CHOICE])
    return random.sample(found, min(most, len(found)))
