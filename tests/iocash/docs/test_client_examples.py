"""The examples in Python and TypeScript pass the strict checks of types of our clients."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iocash.docs.guides import GUIDES
from tests.support import guide_examples
from tests.support.shell_examples import PYTHON_CLIENT

MOST_LINES = 10


@pytest.mark.ci
def test_python_examples_pass_mypy_strict(tmp_path: Path):
    """Takes 15 s. Each guide is one module, as its reader runs it."""
    modules = guide_examples.python_modules()
    assert len(modules) > len(GUIDES)
    for name, text in modules.items():
        (tmp_path / name).write_text(text)
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", *modules],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(PYTHON_CLIENT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.ci
def test_typescript_examples_compile_with_strict(guides_in_typescript: Path):
    """Takes 30 s, shared with the tests that run them."""
    compiled = {path.stem for path in guides_in_typescript.glob("*.js")}
    assert {each.slug for each in GUIDES} | {"calls"} <= compiled


@pytest.mark.parametrize("kind", ["sh", "python", "typescript"])
def test_quick_start_tells_the_whole_story_in_ten_lines(kind):
    """Imports aside; `test_guides` runs it."""
    (story,) = [
        group
        for group in guide_examples.groups(guide_examples.blocks_of("quick-start"))
        if any(guide_examples.is_whole(block) for block in group)
    ]
    (text,) = [block.text for block in story if block.kind == kind]
    assert all(word in text for word in ("alidate", "50.00", "12.50"))
    lines = [line for line in text.splitlines() if line and "import " not in line]
    assert 5 < len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 100
