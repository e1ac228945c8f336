"""The programs of the client's README, and its examples, print what they say they print.

Takes 5 s, beside the server that all of these tests share.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from dev import ROOT
from tests.support.embedded_postgres import linux
from tests.support.server import Served

pytestmark = [pytest.mark.ci, linux]

PACKAGE = ROOT / "clients" / "python"
TEXTS = re.findall(r"```python\n(.*?)```\n+(?:It prints:\n+)?```text\n(.*?)```",
                   (PACKAGE / "README.md").read_text(), re.DOTALL)  # fmt: skip
EXAMPLES = {
    "pay_with_a_hold.py": "RELEASED 4.00 6.00\n",
    "read_events.py": "more than one next: True\n",
}


@pytest.fixture
def environment(server: Served, demo: dict[str, str]) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(PACKAGE / "src"),
        "IOCASH_URL": server.url,
        "IOCASH_KEY": demo["apiKey"],
        "ALICE": demo["aliceWalletId"],
        "BOB": demo["bobWalletId"],
    }


@pytest.mark.parametrize(
    ("program", "printed"), TEXTS, ids=["quick start", "crash", "webhook", "sandbox"]
)
def test_program_of_the_readme_prints_its_output(
    environment: dict[str, str], program: str, printed: str
):
    assert outcome([sys.executable, "-c", program], environment) == printed


def test_readme_has_its_programs_and_a_short_quick_start():
    everything = (PACKAGE / "README.md").read_text()
    assert len(TEXTS) == everything.count("```python") == 4
    lines = [line for line in TEXTS[0][0].splitlines() if line and "import" not in line]
    assert len(lines) <= 10


@pytest.mark.parametrize("name", [path.name for path in (PACKAGE / "examples").glob("*.py")])
def test_example_prints_its_output(environment: dict[str, str], name: str):
    program = [sys.executable, str(PACKAGE / "examples" / name)]
    assert outcome(program, environment) == EXAMPLES[name]


def outcome(command: list[str], environment: dict[str, str]) -> str:
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
