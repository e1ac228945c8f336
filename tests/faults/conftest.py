"""A PostgreSQL that tests may break, with the demo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.scratch_postgres import Scratch


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path_factory.mktemp("faults"))
    yield scratch
    scratch.remove()


@pytest.fixture(scope="module")
def demo(postgres: Scratch) -> dict[str, str]:
    return postgres.seed()
