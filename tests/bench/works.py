"""What is measured, and what the figures are held against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tests.bench import load
from tests.bench.load import Work
from tests.bench.server import (
    AT_5_MILLION,
    AT_100_THOUSAND,
    HORDAK,
    OURS,
    READING,
    UNGROUPED,
    USUAL,
    Contender,
)

THREADS, SPARE = 32, 16
HALF = 50
"""How many percent of the hot mix go to one wallet."""


@dataclass(frozen=True)
class Asked:
    """Something asked over HTTP: of the `large` client, of `ten` others in turn, or of the one
    with a `long` history.
    """

    name: str
    contender: Contender
    work: Work
    connections: int | None = None
    who: Literal["large", "ten", "long"] = "large"
    times: int = 1
    """How many times as long it is measured: what takes long must be seen a few times."""


@dataclass(frozen=True)
class Stated:
    """Transfers that pgbench asks of PostgreSQL itself."""

    name: str
    script: str
    hot: int = 0


Measurement = Asked | Stated


def is_installed(measurement: Measurement) -> bool:
    return not isinstance(measurement, Asked) or measurement.contender.is_installed


def room(measurements: Iterable[Measurement]) -> int:
    """How many connections the database must let in: each thread of each server keeps one.

    A thread that has ended may keep its own for a while.
    """
    served = {each.contender.name for each in measurements if isinstance(each, Asked)}
    return len(served) * (THREADS + SPARE) + SPARE


@dataclass(frozen=True)
class Row:
    """A line of the table: one figure over another, and what it is to reach.

    The target is a lower bound of a ratio of rates, or an upper bound where times are compared.
    """

    title: str
    over: str
    under: str
    target: float
    stretch: float
    figure: Literal["rate", "p50"] = "rate"

    def reached(self, ratio: float, bound: float) -> bool:
        return ratio >= bound if self.figure == "rate" else ratio <= bound


TRANSFER = Work("transfer", load.TRANSFER)
HOT = Work("transfer", load.TRANSFER, hot=HALF)

MEASUREMENTS: tuple[Measurement, ...] = (
    Asked("transfer", OURS, TRANSFER),
    Stated("L1", "l1"),
    Stated("L2", "l2"),
    Asked("usual", USUAL, TRANSFER),
    Asked("hot", OURS, HOT),
    Stated("L1-hot", "l1", HALF),
    Stated("L2-hot", "l2", HALF),
    Asked("four-grouped", OURS, TRANSFER, 4),
    Asked("four-alone", UNGROUPED, TRANSFER, 4),
    Asked("ten-clients", OURS, TRANSFER, who="ten"),
    Asked("batch-100", OURS, Work("batch", load.BATCH, items=100), 4),
    Asked("batch-1000", OURS, Work("batch", load.BATCH, items=1000), 4, times=3),
    Asked("alone", OURS, TRANSFER, 1),
    Asked("usual-alone", USUAL, TRANSFER, 1),
    Asked("hordak", HORDAK, TRANSFER),
    Asked("first-page", READING, Work("read", "first", fixed=True), who="long"),
    Asked("usual-page", USUAL, Work("read", "first", fixed=True), who="long"),
    Asked("last-page", READING, Work("read", "last", fixed=True), who="long"),
    Asked("wallet", READING, Work("read", load.WALLET)),
    Asked("trip", READING, Work("read", "/api/v1/trips/%s%012d")),
    Asked("constant", READING, Work("read", "/api/v1/constant", fixed=True)),
)

LARGE: tuple[Measurement, ...] = (
    Asked("at-100-thousand", AT_100_THOUSAND, TRANSFER),
    Asked("at-5-million", AT_5_MILLION, TRANSFER),
)
"""What takes long to prepare."""

MEMORY: tuple[Asked, ...] = (
    Asked("memory-1", OURS, TRANSFER),
    Asked("memory-100", OURS, Work("batch", load.BATCH, items=100), 4, times=3),
    Asked("memory-1000", OURS, Work("batch", load.BATCH, items=1000), 2, times=3),
)
"""What fills the server's memory, if anything does: in turn, again and again."""

ROWS: tuple[Row, ...] = (
    Row("transfer ÷ L1 (one function in SQL)", "transfer", "L1", 0.35, 0.45),
    Row("transfer ÷ L2 (statement by statement)", "transfer", "L2", 0.80, 1.0),
    Row("the usual way ÷ L1", "usual", "L1", 0.0, 0.0),
    Row("transfer ÷ the usual way", "transfer", "usual", 0.0, 0.0),
    Row("transfer ÷ hordak with a lock and a check", "transfer", "hordak", 6.0, 10.0),
    Row("half of all into one hot wallet ÷ uniform", "hot", "transfer", 0.80, 0.95),
    Row("the same ÷ L2 on the same mix", "hot", "L2-hot", 1.2, 1.7),
    Row("the same ÷ L1 on the same mix", "hot", "L1-hot", 0.0, 0.0),
    Row("four connections, group commit on ÷ off", "four-grouped", "four-alone", 0.95, 1.1),
    Row("ten clients at once ÷ one", "ten-clients", "transfer", 0.85, 0.95),
    Row("transfers in batches of 100 ÷ L1", "batch-100", "L1", 1.5, 3.0),
    Row("transfers in batches of 1,000 ÷ L1", "batch-1000", "L1", 2.5, 5.0),
    Row("one connection: p50 ÷ the usual way's", "alone", "usual-alone", 0.35, 0.25, "p50"),
    Row("a page of movements ÷ the usual way", "first-page", "usual-page", 6.0, 8.0),
    Row("last page of a long wallet ÷ first", "last-page", "first-page", 0.8, 0.95),
    Row(
        "posting at 5 million movements ÷ at 100,000", "at-5-million", "at-100-thousand", 0.9, 0.95
    ),
    Row("GET wallet ÷ a constant view", "wallet", "constant", 0.5, 0.7),
    Row("GET wallet ÷ a view that only asks the database", "wallet", "trip", 0.0, 0.0),
    Row("a view that only asks the database ÷ a constant view", "trip", "constant", 0.0, 0.0),
)
"""A target of zero: no target, but good to know."""
