"""The files for Prometheus and Grafana name what `/metrics` has, and each alert has its page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.db import connection

import dev
from iocash import metrics
from tests.support.prometheus import NAME, RULES
from wallets.dashboard import families, figures

PAGE = (dev.ROOT / "docs" / "operations" / "alerts.md").read_text()
WATCHING = (dev.ROOT / "docs" / "operations" / "watching.md").read_text()
GRAFANA = json.loads((dev.ROOT / "deploy" / "grafana.json").read_text())
FAMILIES = (*families.FAMILIES, *metrics.FAMILIES)


def names() -> set[str]:
    """All names of series."""
    ends = {"histogram": ("_bucket", "_sum", "_count")}
    return {family.name + end for family in FAMILIES for end in ends.get(family.kind, ("",))}


def expressions(found: Any) -> list[str]:
    """The expressions of a dashboard, wherever they are in it."""
    if isinstance(found, dict):
        own = [found["expr"]] if "expr" in found else []
        return own + [each for value in found.values() for each in expressions(value)]
    return (
        [each for value in found for each in expressions(value)] if isinstance(found, list) else []
    )


def test_alerts_name_metrics_that_exist():
    for rule in RULES:
        used = set(NAME.findall(rule["expr"]))
        assert used, rule["alert"]
        assert used <= names(), rule["alert"]


def test_dashboard_names_metrics_that_exist():
    used = [set(NAME.findall(each)) for each in expressions(GRAFANA)]
    assert len(used) >= 20
    assert all(used)
    assert set.union(*used) <= names()


@pytest.mark.django_db
def test_queries_of_the_pages_run():
    """Each of them; they are read-only."""
    queries = re.findall(r"^```sql\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(queries) >= 12
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
        for query in queries:
            cursor.execute(query.replace("%", "%%"))


def test_commands_of_the_pages_exist():
    lines = re.findall(r"^python manage\.py (\w+)(.*)$", PAGE + WATCHING, re.MULTILINE)
    lines += re.findall(r"`python manage\.py (\w+)(.*?)`", PAGE + WATCHING)
    assert len(lines) >= 3
    for name, options in lines:
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        parser.parse_args(options.split())


def test_options_of_granian_exist():
    (line,) = re.findall(r"^granian (--.+)$", WATCHING, re.MULTILINE)
    known = subprocess.run(
        [sys.executable, "-m", "granian", "--help"], capture_output=True, text=True, check=True
    ).stdout
    used = re.findall(r"--[\w-]+", line)
    assert [option for option in used if option not in known] == []


def test_every_alert_has_its_section():
    """What it means, what to look at, what to do, and when it is over."""
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
    assert sections.keys() == {rule["alert"] for rule in RULES}
    for rule in RULES:
        name = rule["alert"]
        assert rule["annotations"]["runbook"] == f"docs/operations/alerts.md#{name.lower()}"
        for part in ("Means", "Look at", "Do", "Over"):
            assert f"**{part}.**" in sections[name], (name, part)


def test_statement_and_families_have_the_same_names():
    """Each figure of the database has its help, and each of them is asked for."""
    asked = set(NAME.findall(figures.ALL)) - {"iocash_now"}
    anchors = {families.ANCHOR.name, families.ANCHORS.name, families.FULL_ANCHOR.name}
    places = {families.FOLDER_FREE.name, families.FOLDER_SIZE.name} | anchors
    computed = {families.UP.name, "iocash_clock_difference_seconds"} | places
    listed = {family.name for family in families.FAMILIES}
    assert asked | computed == listed
    assert not asked & computed


def test_family_names_are_unique():
    listed = [family.name for family in FAMILIES]
    assert len(listed) == len({*listed})
