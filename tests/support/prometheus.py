"""Prometheus: what a scrape of ours contains, and the alerts that fire on it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import dev

ALERTS: Final = dev.ROOT / "deploy" / "alerts.yml"
RULES: Final[list[dict[str, Any]]] = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
NAME: Final = re.compile(r"\biocash_[a-z_]+\b")
TARGET: Final = 'job="iocash",instance="one"'
SAMPLE: Final = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed"
)

Scrape = dict[str, str]
"""The value of each series."""


def series_of(text: str) -> Scrape:
    """The series of a scrape, with the labels that Prometheus adds."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            parts = SAMPLE.fullmatch(line)
            assert parts, line
            name, labels, value = parts.groups()
            found[f"{name}{{{','.join(filter(None, [TARGET, labels]))}}}"] = value
    return found


def firing(folder: Path, healthy: Scrape, *later: Scrape, hour: int = 10) -> set[str]:
    """The alerts of deploy/alerts.yml that fire eight minutes after an hour of a Thursday.

    Five minutes long, each scrape finds the healthy server; then each finds what is `later`, and
    the last one of these for the rest of the time.
    """
    count = hour * 60 + 5
    kept = [*later, *[later[-1]] * 10]
    series = []
    for name in sorted({*healthy, *(each for scrape in kept for each in scrape)}):
        before = f"{healthy[name]}x{count - 1}" if name in healthy else f"_x{count - 1}"
        series.append({"series": name, "values": " ".join([before, *values_of(name, kept)])})
    rest: dict[str, Any] = {"rule_files": [str(ALERTS)], "evaluation_interval": "1m"}
    query = {"expr": 'group by (alertname) (ALERTS{alertstate="firing"})', "eval_time": ""}
    query["eval_time"] = f"{hour * 60 + 8}m"
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [query]}
    file = folder / "rehearsal.yml"
    file.write_text(json.dumps(rest | {"tests": [test]}))
    done = promtool("test", "rules", str(file))
    return set(re.findall(r'\{alertname="(\w+)"\}', done.stdout + done.stderr))


def values_of(name: str, scrapes: Sequence[Scrape]) -> list[str]:
    return [scrape.get(name, "_") for scrape in scrapes]


def promtool(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *words], input=text, capture_output=True, text=True, check=False, timeout=60
    )
