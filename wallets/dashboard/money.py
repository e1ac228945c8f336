"""Money outstanding, and what entered and left: by currency and day, with the period before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import number_format

from iocash.db import groups, replica
from users.models.clients import HAS_NOT_MOVED
from users.templatetags.office import grouped
from wallets.dashboard.charts import Chart, chart_of_balances, chart_of_flows
from wallets.dashboard.periods import ShownPeriod

CHARTED: Final = 3
"""The currencies that have charts: those with the most money."""
READ_SUMS: Final = """
    SELECT currency, NULL::date AS day, sum(balance), 0::numeric
    FROM wallets_wallet WHERE {here} GROUP BY currency
    UNION ALL
    SELECT currency, (settled_at AT TIME ZONE %(zone)s)::date,
           coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
           coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)
    FROM wallets_movement
    WHERE counterparty_id IS NULL AND status = 'SUCCESS' AND settled_at >= %(start)s
      AND {here}
    GROUP BY 1, 2
"""
"""Both in one statement, and so of one snapshot: past totals follow from the present one."""


class DayFlows(NamedTuple):
    """What entered and left on a day, in minor units."""

    entered: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of the period beside that of the period before, in minor units."""

    now: int
    before: int

    @property
    def percent(self) -> str:
        """The change in percent, with its sign; empty if there was nothing before."""
        if not self.before:
            return ""
        change = Decimal(100 * (self.now - self.before)) / self.before
        sign = "+" if change > 0 else ""
        return f"{sign}{number_format(change, 1, force_grouping=True)} %"


class DayRow(NamedTuple):
    """A day of the table: what entered, what left, and the total at its end."""

    day: date
    entered: int
    left: int
    total: int
    currency: str

    @property
    def cells(self) -> list[str]:
        """The amounts as text, without the currency."""
        return [grouped(each, self.currency) for each in (self.entered, self.left, self.total)]


@dataclass(frozen=True, slots=True)
class CurrencyReport:
    """What the page shows of a currency; amounts are in minor units."""

    currency: str
    total: Change
    """Now, and at the start of the period."""
    entered: Change
    left: Change
    rows: Sequence[DayRow]
    balances: Chart
    flows: Chart
    entered_address: str
    left_address: str

    @property
    def net(self) -> int:
        return self.entered.now - self.left.now


def currency_reports(period: ShownPeriod) -> tuple[list[CurrencyReport], list[tuple[str, int]]]:
    """The reports of the currencies with the most money, and the totals of the others."""
    totals, flows = read_sums(period)
    ordered = sorted(totals, key=lambda currency: (-totals[currency], currency))
    charted = [
        report_of(currency, totals[currency], flows[currency], period)
        for currency in ordered[:CHARTED]
    ]
    return charted, [(currency, totals[currency]) for currency in ordered[CHARTED:]]


def read_sums(period: ShownPeriod) -> tuple[dict[str, int], dict[str, dict[date, DayFlows]]]:
    """The totals now, and the flows of this period and of that before, by day."""
    totals: dict[str, int] = {}
    flows: dict[str, dict[date, DayFlows]] = defaultdict(dict)
    with replica.connection().cursor() as cursor:
        query = READ_SUMS.format(here=HAS_NOT_MOVED if groups.are_several() else "true")
        cursor.execute(query, {"zone": period.zone, "start": period.start_before})
        for currency, day, one, other in cursor.fetchall():
            if day is None:
                totals[currency] = int(one)
            else:
                flows[currency][day] = DayFlows(int(one), int(other))
    return totals, flows


def report_of(
    currency: str, total: int, flows: Mapping[date, DayFlows], period: ShownPeriod
) -> CurrencyReport:
    days = [(day, flows.get(day, DayFlows())) for day in period.every_day]
    before = [each for day, each in flows.items() if day < period.first]
    rows = list(rows_of_days(currency, total, days))
    return CurrencyReport(
        currency=currency,
        total=Change(total, rows[0].total - rows[0].entered + rows[0].left),
        entered=Change(sum(row.entered for row in rows), sum(each.entered for each in before)),
        left=Change(sum(row.left for row in rows), sum(each.left for each in before)),
        rows=rows,
        balances=chart_of_balances(currency, [(row.day, row.total) for row in rows]),
        flows=chart_of_flows(currency, [(row.day, row.entered, row.left) for row in rows]),
        entered_address=list_of_sum(period, currency, amount__gt=0),
        left_address=list_of_sum(period, currency, amount__lt=0),
    )


def rows_of_days(
    currency: str, total: int, days: Sequence[tuple[date, DayFlows]]
) -> Iterator[DayRow]:
    """The days with the totals at their ends, which follow from the total now."""
    after = sum(each.entered - each.left for _, each in days)
    for day, each in days:
        after -= each.entered - each.left
        yield DayRow(day, each.entered, each.left, total - after, currency)


def list_of_sum(period: ShownPeriod, currency: str, **conditions: Any) -> str:
    """The address of the list of movements that a sum consists of."""
    query = {
        "counterparty__isnull": True,
        "currency": currency,
        "settled_at__gte": period.start.isoformat(),
        **conditions,
    }
    return f"{reverse('admin:wallets_movement_changelist')}?{urlencode(query)}"
