"""The text that Prometheus reads: families of metrics, and their samples."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from iocash.metrics.store import SUM

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Family(NamedTuple):
    """A metric: its name, its kind (gauge, counter, histogram), what it says, and its labels."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """The upper ends of the buckets of a histogram."""


class Sample(NamedTuple):
    """A value of a family. `labels` are the values of its labels; a histogram has all `values`."""

    name: str
    labels: tuple[str, ...]
    values: tuple[float, ...]


def exposition(families: Iterable[Family], samples: Iterable[Sample]) -> str:
    """Write the families that have samples, in the text format of Prometheus, version 0.0.4."""
    found = defaultdict(list)
    for sample in samples:
        found[sample.name].append(sample)
    lines = [
        line
        for family in families
        if family.name in found
        for line in family_lines(family, sorted(found[family.name]))
    ]
    return "\n".join([*lines, ""])


def family_lines(family: Family, samples: Iterable[Sample]) -> Iterator[str]:
    words = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {family.name} {words}"
    yield f"# TYPE {family.name} {family.kind}"
    for sample in samples:
        pairs = zip(family.labels, sample.labels, strict=True)
        labels = [f'{name}="{escaped(value)}"' for name, value in pairs]
        if family.kind == "histogram":
            yield from buckets(family, labels, sample.values)
        else:
            yield f"{family.name}{braced(labels)} {numeral(sample.values[0])}"


def buckets(family: Family, labels: list[str], values: tuple[float, ...]) -> Iterator[str]:
    """The lines of a histogram: each bucket contains those before it."""
    count = 0.0
    for bound, value in zip((*family.bounds, math.inf), values[:SUM], strict=False):
        count += value
        ends = [*labels, f'le="{numeral(bound)}"']
        yield f"{family.name}_bucket{braced(ends)} {numeral(count)}"
    yield f"{family.name}_sum{braced(labels)} {numeral(values[SUM])}"
    yield f"{family.name}_count{braced(labels)} {numeral(count)}"


def braced(labels: list[str]) -> str:
    return f"{{{','.join(labels)}}}" if labels else ""


def escaped(value: str) -> str:
    """The value of a label, whatever characters it has."""
    clean = value.encode("utf-8", "replace").decode()
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def numeral(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)
