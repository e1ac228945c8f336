"""Measure ioCash beside pgbench and beside the usual way, in one run, on this machine."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iocash.settings")
os.environ.setdefault("DEBUG", "1")

from tests.bench import database, load, machine, measure, pgbench, report, works
from tests.bench.measure import Sample, Stage
from tests.bench.works import Asked, Measurement

WALLETS, FEW = 5_000, 500
LONG, SHORT = 250_000, 2_000
"""How many movements the long wallet has; less when it is quick."""


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    names = [each.name for each in (*works.MEASUREMENTS, *works.LARGE)]
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--rounds", type=positive, help="5 unless told otherwise")
    parser.add_argument("--seconds", type=positive, help="of each measurement: 4")
    parser.add_argument("--connections", type=positive, default=measure.CONNECTIONS)
    parser.add_argument("--quick", action="store_true", help="one round of one second, of little")
    parser.add_argument(
        "--large", action="store_true", help="with 5 million movements, and a million transfers"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="every figure of every round")
    parser.add_argument("--markdown", action="store_true", help="the tables as Markdown")
    found = parser.parse_args(words)
    found.rounds = found.rounds or (1 if found.quick else 5)
    found.seconds = found.seconds or (1 if found.quick else 4)
    return found


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def chosen(told: argparse.Namespace, some: Sequence[Measurement]) -> list[Measurement]:
    """Those of `some` that are wanted and can be measured."""
    return [each for each in wanted(told, some) if works.is_installed(each)]


def wanted(told: argparse.Namespace, some: Sequence[Measurement]) -> list[Measurement]:
    if told.only:
        return [each for each in some if each.name in told.only]
    return list(some) if told.large or some is not works.LARGE else []


def main(words: Sequence[str] | None = None) -> int:
    told = options(words)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & has it ignored
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    facts = machine.facts() | {"load generator": load.generator()}
    with tempfile.TemporaryDirectory(prefix="iocash-bench-") as name:
        folder = Path(name)
        say("Making a database")
        with database.prepared(folder) as made:
            facts |= {f"postgres {name}": value for name, value in made.settings().items()}
            samples = run(told, made, folder)
    facts["measured"] = f"{told.rounds} rounds of {told.seconds} s, {told.connections} connections"
    facts["wallets"] = f"{FEW if told.quick else WALLETS:,}"
    facts["memory of the server"] = report.memory(samples)
    facts["load at the end"] = machine.facts()["load"]
    show(told, facts, samples)
    is_growing = told.large and report.is_flat(samples) is False
    return int(is_growing or not all(sample.is_good for sample in samples))


def run(told: argparse.Namespace, made: database.Database, folder: Path) -> list[Sample]:
    """Measure what is chosen, then what is large: its servers take the place of the others."""
    some, large = chosen(told, works.MEASUREMENTS), chosen(told, works.LARGE)
    for each in (some, large):
        made.require_room(works.room(each))
    pgbench.install(made)
    say("Seeding")
    clients = seeded(told, made, some)
    divisor = 100 if told.quick else 1
    samples = []
    if some:
        with Stage(made, clients, folder, divisor) as stage:
            samples = measured(told, stage, some)
            if told.large:
                filled = measure.fill_memory(stage, samples, seconds=told.seconds, tell=say)
                samples += filled
    if large:
        with Stage(made, clients, folder, divisor) as stage:
            samples += measured(told, stage, large)
    return samples


def measured(
    told: argparse.Namespace, stage: Stage, measurements: Sequence[Measurement]
) -> list[Sample]:
    return list(
        measure.rounds(
            stage,
            measurements,
            count=told.rounds,
            seconds=told.seconds,
            connections=told.connections,
            tell=say,
        )
    )


def seeded(
    told: argparse.Namespace, made: database.Database, measurements: Sequence[Measurement]
) -> measure.Clients:
    """Make who is needed for what is measured."""
    asked = {each.who for each in measurements if isinstance(each, Asked)}
    return measure.fill(
        made,
        wallets=FEW if told.quick else WALLETS,
        ten="ten" in asked,
        long=(SHORT if told.quick else LONG) if "long" in asked else 0,
    )


def show(told: argparse.Namespace, facts: dict[str, str], samples: list[Sample]) -> None:
    out = sys.stdout.write
    for name, value in facts.items():
        out(f"{name}: {value}\n")
    missing = [
        each.name for each in wanted(told, works.MEASUREMENTS) if not works.is_installed(each)
    ]
    for table in (report.targets(works.ROWS, samples, missing), report.figures(samples)):
        out(f"\n{report.written(table, markdown=told.markdown)}\n")
    if told.json:
        found = report.as_json(facts, works.ROWS, samples)
        told.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("bench: stopped.")
        sys.exit(128 + signal.SIGINT)
