"""The page about the audit: its commands run, and its table names each equation."""

from __future__ import annotations

import re
import shlex
from io import StringIO

import pytest
from django.core.management import call_command

import dev
from wallets import anchors, audit

PAGE = (dev.ROOT / "docs" / "operations" / "audit.md").read_text()


def commands() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.+?)```", PAGE, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[2:] for line in lines]


def test_table_of_the_page_names_each_equation_once():
    rows = re.findall(r"^\| (`.+?) \|", PAGE, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    names = {equation.name for equation in (*audit.EQUATIONS, anchors.EQUATION)}
    assert sorted(named) == sorted(names)


@pytest.mark.slow
@pytest.mark.django_db
def test_commands_of_the_page_pass(alices):
    """Those without another database; tests/test_standby.py runs that one."""
    assert len(commands()) == 3
    for name, *words in commands():
        if "--database-url" not in words:
            out = StringIO()
            call_command(name, *words, stdout=out)
            assert out.getvalue().endswith("The ledger is correct.\n")
