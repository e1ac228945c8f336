"""Other people's linters find no errors in the OpenAPI document.

Takes half a minute; needs Node.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.linting import linted
from tests.support.tools import REDOCLY, SPECTRAL

pytestmark = pytest.mark.ci

RULES = Path(__file__).parent
MOST = 1000
"""How many findings redocly names."""


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
