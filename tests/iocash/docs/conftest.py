"""The examples of the documentation in TypeScript, compiled once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import guide_examples
from tests.support.typescript_client import build, compile_programs


@pytest.fixture(scope="session")
def guides_in_typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the compiled programs, checked with `strict`."""
    package = build(tmp_path_factory.mktemp("package"))
    folder = tmp_path_factory.mktemp("guides")
    return compile_programs(
        guide_examples.typescript_modules(), package, folder, noUncheckedIndexedAccess=False
    )
