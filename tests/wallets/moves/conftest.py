"""The second group of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.second_group import second_group


@pytest.fixture
def west(transactional_db: None) -> Iterator[str]:
    """A second group without clients; how its owner connects with it."""
    with second_group() as conninfo:
        yield conninfo
