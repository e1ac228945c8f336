"""Other people's linters find no errors in the OpenAPI document."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.tools import REDOCLY, SPECTRAL

pytestmark = pytest.mark.ci

RULES = Path(__file__).parent
MOST = 1000
"""How many findings redocly names."""


def linted(folder: Path, *command: str) -> Any:
    """Return a linter's report, whatever its exit code; its notes on itself go elsewhere."""
    with (folder / "notes").open("w") as notes:
        ran = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=notes, text=True, check=False
        )
    assert ran.stdout, (folder / "notes").read_text()
    return json.loads(ran.stdout)


def test_redocly_finds_no_errors(document, tmp_path):
    report = linted(
        tmp_path,
        REDOCLY.program("redocly"),
        "lint",
        str(document),
        f"--config={RULES / 'redocly.yaml'}",
        "--format=json",
        f"--max-problems={MOST}",
    )
    wrong = [
        f"{each['ruleId']}: {each['message']} {each['location'][0].get('pointer')}"
        for each in report["problems"]
        if each["severity"] == "error"
    ]
    assert wrong == []


def test_spectral_finds_no_errors(document, tmp_path):
    rules = f"--ruleset={RULES / 'spectral.yaml'}"
    program = SPECTRAL.program("spectral")
    report = linted(tmp_path, program, "lint", str(document), rules, "--format=json")
    wrong = [
        f"{each['code']}: {each['message']} {'/'.join(each['path'])}"
        for each in report
        if each["severity"] == 0
    ]
    assert wrong == []
