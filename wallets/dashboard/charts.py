"""Charts as the numbers of an SVG: axes with labels, a curve, and bars. No JavaScript.

Amounts are in minor units; coordinates are those of the view box, from its upper left corner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from django.utils.formats import date_format
from django.utils.translation import gettext

from iocash import money
from users.templatetags.office import grouped

WIDTH, HEIGHT = 600, 230
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 14, 34
ROOM: Final = WIDTH - LEFT - RIGHT
LABELS: Final = 5
"""About so many labels has the axis of days, and about as many lines that of amounts."""
SHORT: Final = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))


class ChartLabel(NamedTuple):
    x: float
    y: float
    text: str
    anchor: str = "middle"


class ChartBar(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


class CurvePoint(NamedTuple):
    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws."""

    title: str
    lines: Sequence[ChartLabel]
    """The lines of the axis of amounts, with what they stand for."""
    days: Sequence[ChartLabel]
    zero: float
    """The place of zero."""
    points: Sequence[CurvePoint] = ()
    bars: Sequence[ChartBar] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT

    @property
    def curve(self) -> str:
        return " ".join(f"{point.x},{point.y}" for point in self.points)

    @property
    def area(self) -> str:
        ends = self.points[0].x, self.points[-1].x
        return f"{ends[0]},{self.zero} {self.curve} {ends[1]},{self.zero}"


@dataclass(frozen=True, slots=True)
class Scale:
    """The axis of amounts: from the lowest line to the highest."""

    lowest: int
    highest: int
    step: int

    @classmethod
    def of(cls, lowest: int, highest: int, unit: int) -> Scale:
        """Lines at round amounts of the currency, whose unit is so many minor ones."""
        step = round_step(max(highest - lowest, unit), unit)
        return cls(
            -(-lowest // -step) * -step if lowest < 0 else 0, -(-highest // step) * step, step
        )

    def y(self, amount: int) -> float:
        share = (amount - self.lowest) / max(self.highest - self.lowest, 1)
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - share), 1)

    def lines(self, currency: str) -> list[ChartLabel]:
        amounts = range(self.lowest, self.highest + 1, self.step)
        return [
            ChartLabel(LEFT - 8, self.y(each), short(each, currency), "end") for each in amounts
        ]


def round_step(span: int, unit: int) -> int:
    """The distance of the lines: 1, 2 or 5 and zeros, in whole units of the currency."""
    step = unit
    while True:
        for factor in (1, 2, 5):
            if span <= step * factor * (LABELS - 1):
                return step * factor
        step *= 10


def short(amount: int, currency: str) -> str:
    """An amount of an axis: 250, 5k, 1.2M."""
    value = abs(amount) / 10 ** money.decimals(currency)
    for size, letter in SHORT:
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def chart_of_balances(currency: str, totals: Sequence[tuple[date, int]]) -> Chart:
    """The total at the end of each day."""
    unit = 10 ** money.decimals(currency)
    scale = Scale.of(0, max(total for _, total in totals), unit)
    step = ROOM / max(len(totals) - 1, 1)
    points = [
        CurvePoint(round(LEFT + number * step, 1), scale.y(total), titled(day, total, currency))
        for number, (day, total) in enumerate(totals)
    ]
    return Chart(
        title=gettext("Money outstanding in %(currency)s at the end of each day")
        % {"currency": currency},
        lines=scale.lines(currency),
        days=day_labels([day for day, _ in totals], lambda number: LEFT + number * step),
        zero=scale.y(0),
        points=points,
    )


def chart_of_flows(currency: str, flows: Sequence[tuple[date, int, int]]) -> Chart:
    """For each day a bar up, of what entered, and a bar down, of what left."""
    unit = 10 ** money.decimals(currency)
    scale = Scale.of(
        -max(left for _, _, left in flows), max(entered for _, entered, _ in flows), unit
    )
    slot = ROOM / len(flows)
    return Chart(
        title=gettext("Money in and out in %(currency)s on each day") % {"currency": currency},
        lines=scale.lines(currency),
        days=day_labels([day for day, _, _ in flows], lambda number: LEFT + (number + 0.5) * slot),
        zero=scale.y(0),
        bars=list(bars_of_flows(currency, flows, scale, slot)),
    )


def bars_of_flows(
    currency: str, flows: Sequence[tuple[date, int, int]], scale: Scale, slot: float
) -> Iterator[ChartBar]:
    zero = scale.y(0)
    for number, (day, entered, left) in enumerate(flows):
        x, width = round(LEFT + slot * (number + 0.15), 1), round(slot * 0.7, 1)
        if entered:
            height = max(round(zero - scale.y(entered), 1), 1)
            words = gettext("%(day)s: %(amount)s in")
            yield ChartBar(
                x,
                round(zero - height, 1),
                width,
                height,
                "in",
                words % values_of(day, entered, currency),
            )
        if left:
            height = max(round(scale.y(-left) - zero, 1), 1)
            words = gettext("%(day)s: %(amount)s out")
            yield ChartBar(x, zero, width, height, "out", words % values_of(day, left, currency))


def values_of(day: date, amount: int, currency: str) -> dict[str, Any]:
    day_in_words = f"{date_format(day, 'MONTH_DAY_FORMAT')} {day.year}"
    return {"day": day_in_words, "amount": f"{grouped(amount, currency)} {currency}"}


def titled(day: date, amount: int, currency: str) -> str:
    return gettext("%(day)s: %(amount)s") % values_of(day, amount, currency)


def day_labels(days: Sequence[date], x: Callable[[int], float]) -> list[ChartLabel]:
    """Labels of some days, the first and the last among them."""
    last = len(days) - 1
    count = min(LABELS, len(days))
    chosen = sorted({round(last * number / max(count - 1, 1)) for number in range(count)})
    anchors = {0: "start", last: "end"}
    return [
        ChartLabel(
            LEFT if number == 0 else WIDTH - RIGHT if number == last else round(x(number), 1),
            HEIGHT - BOTTOM + 22,
            date_format(days[number], "MONTH_DAY_FORMAT"),
            anchors.get(number, "middle"),
        )
        for number in chosen
    ]
