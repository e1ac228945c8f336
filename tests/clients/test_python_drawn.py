"""Calls that Hypothesis draws from the types of the Python client, sent to a running server.

Takes 30 s.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from iocash_client import ApiError, Client, Pages
from iocash_client.shapes import Answer

from tests.support.drawn_calls import Drawing, methods
from tests.support.embedded_postgres import linux

pytestmark = [pytest.mark.ci, linux]

EXPECTED = {400, 401, 403, 404, 409}
NEVER_SENT = r"^-?[0-9.]+ [A-Z]{3} is not in |is not an id$"
"""Money beside another currency, and a part of a path that is empty."""


@pytest.fixture(scope="module")
def ids(demo: dict[str, str]) -> list[str]:
    return [value for name, value in demo.items() if name.endswith("Id")]


@pytest.mark.parametrize("name", methods())
def test_drawn_call_is_answered_or_refused(client: Client, ids: list[str], name: str):
    """The answer has the types that the client says, and an error is one that the caller caused."""
    method = getattr(client, name)

    @settings(
        max_examples=6,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(Drawing(ids).arguments(methods()[name]))
    def call(arguments: dict[str, Any]) -> None:
        filters = arguments.pop("filters", {})
        try:
            answer = method(**arguments, **filters)
            if isinstance(answer, Pages):
                answer = answer.page()
        except ApiError as error:
            assert error.status in EXPECTED, error  # noqa: PT017
        except ValueError as error:
            assert re.search(NEVER_SENT, str(error))  # noqa: PT017
        else:
            assert all(map(well_typed, items_of(answer)))

    call()


def items_of(answer: Any) -> Iterator[Answer]:
    yield from getattr(answer, "items", [answer])


def well_typed(answer: Answer) -> bool:
    """Tell whether no field has a float, and each amount is a decimal."""
    hints = get_type_hints(type(answer))
    for name, hint in hints.items():
        value = getattr(answer, name)
        if isinstance(value, float) or (hint is Decimal and not isinstance(value, Decimal)):
            return False
        if hint is dt.datetime and value.tzinfo is None:
            return False
    return True
