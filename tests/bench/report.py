"""What was found: one table, for people; every figure of every round, for programs."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate
from typing import Any

from tests.bench.measure import Sample
from tests.bench.server import OURS
from tests.bench.works import Row

Line = tuple[str, ...]
Table = list[Line]


def by_name(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.name, []).append(sample)
    return found


def ratio(row: Row, found: dict[str, list[Sample]]) -> float | None:
    """The median of the one over the median of the other; None when one was not measured."""
    if row.over not in found or row.under not in found:
        return None
    over, under = (
        statistics.median(getattr(sample, row.figure) for sample in found[name])
        for name in (row.over, row.under)
    )
    return float(over / under)


def targets(rows: Iterable[Row], samples: Iterable[Sample], missing: Collection[str] = ()) -> Table:
    """Each ratio, what it was to reach, and whether it has; `missing` are not installed."""
    found = by_name(samples)
    table: Table = [("work", "ratio", "to reach", "stretch", "")]
    for row in rows:
        sign = "≥" if row.figure == "rate" else "≤"
        bounds = f"{sign} {row.target:g}", f"{sign} {row.stretch:g}"
        if row.under in missing:
            table.append((row.title, "", *bounds, "not installed"))
        value = ratio(row, found)
        if value is None:
            continue
        if not row.target:
            table.append((row.title, f"{value:.2f}", "", "", ""))
            continue
        verdict = "reached" if row.reached(value, row.target) else "NOT reached"
        if row.reached(value, row.stretch):
            verdict = "stretch"
        table.append((row.title, f"{value:.2f}", *bounds, verdict))
    return table


def figures(samples: Iterable[Sample]) -> Table:
    """Each measurement: medians of the rounds, and what was acknowledged and found in all."""
    table: Table = [
        (
            *("measured", "per second", "least", "most", "p50 ms", "p95", "p99"),
            *("µs of CPU each: server", "database", "load"),
            *("errors", "acknowledged", "in the books"),
        )
    ]
    for name, some in by_name(samples).items():
        rates = [sample.rate for sample in some]
        table.append(
            (
                name,
                f"{statistics.median(rates):,.0f}",
                f"{min(rates):,.0f}",
                f"{max(rates):,.0f}",
                *(middle(some, field) for field in ("p50", "p95", "p99")),
                *(processor(some, part) for part in ("server", "database", "load")),
                f"{sum(sample.errors for sample in some):,}",
                f"{sum(sample.acknowledged for sample in some):,}",
                f"{sum(sample.found for sample in some):,}",
            )
        )
    return table


def middle(samples: Sequence[Sample], field: str) -> str:
    values = [getattr(sample, field) for sample in samples]
    return "" if None in values else f"{statistics.median(values):.1f}"


def processor(samples: Sequence[Sample], part: str) -> str:
    """What each transfer cost a part: this changes less than rates when others are at work."""
    return f"{statistics.median(sample.each(part) for sample in samples):,.0f}"


GROWTH = 1.05
"""By how much the most memory of the later half may pass that of the earlier one: it is flat."""
ENOUGH = 500_000
"""After how many transfers that can be said: at first there is always more and more."""


def memory(samples: Sequence[Sample]) -> str:
    """What all processes of the product's server had: at first, at most, and whether it grew."""
    found = series(samples)
    if not found:
        return "not measured"
    most = max(found, key=lambda each: each[1])
    parts = {"": found[0], " at most": most, " in the end": found[-1]}
    words = ",".join(
        f"{title} {size / 2**20:.0f} MiB after {moved:,} transfers"
        for title, (moved, size) in parts.items()
    )
    verdict = {None: "too few to tell", True: "flat", False: "GROWING"}[is_flat(samples)]
    return f"{words.strip()}; {verdict}"


def series(samples: Iterable[Sample]) -> list[tuple[int, int]]:
    """After how many transfers the product's own server had how many bytes."""
    ours = [sample for sample in samples if sample.served == OURS.name and sample.memory]
    moved = accumulate(sample.moved for sample in ours)
    return [(count, sample.memory or 0) for count, sample in zip(moved, ours, strict=True)]


def is_flat(samples: Sequence[Sample]) -> bool | None:
    """Tell whether memory has stopped to grow by the time that half was done; None: too few."""
    found = series(samples)
    if not found or found[-1][0] < ENOUGH:
        return None
    half = found[-1][0] / 2
    earlier = max((size for moved, size in found if moved <= half), default=0)
    return max(size for moved, size in found if moved > half) <= GROWTH * earlier


def written(table: Sequence[Line], *, markdown: bool) -> str:
    """Align a table, its first column to the left; as Markdown, with its bars."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        [
            cell.ljust(width) if not index else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in table
    ]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines)
    rule = [
        "-" * width if not index else "-" * (width - 1) + ":" for index, width in enumerate(widths)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def as_json(
    facts: dict[str, str], rows: Iterable[Row], samples: Sequence[Sample]
) -> dict[str, Any]:
    found = by_name(samples)
    return {
        "facts": facts,
        "ratios": [
            {
                "work": row.title,
                "over": row.over,
                "under": row.under,
                "figure": row.figure,
                "ratio": value,
                "target": row.target or None,
                "stretch": row.stretch or None,
                "reached": row.reached(value, row.target),
            }
            for row in rows
            if (value := ratio(row, found)) is not None
        ],
        "samples": [sample.facts() for sample in samples],
    }
