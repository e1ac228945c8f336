"""The first page of the back office: a few cheap queries, and charts as SVG.

Its cost does not depend on the number of movements: totals are sums over wallets, and the charts
read the last thirty days from an index.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Case, Count, F, Min, Q, Sum, When
from django.db.models.functions import TruncDate
from django.http import HttpRequest

from iocash import money
from iocash.db import clock
from users.backoffice import Site
from users.models import KycDocument, User
from wallets.models import Audit, Movement, Wallet

DAYS = 30
WAITING = 10
WIDTH, HEIGHT = 600, 150
LEFT, RIGHT, TOP, BOTTOM = 6, 6, 12, 20


@dataclass(frozen=True, slots=True)
class FlowsOfDay:
    """The cash-ins and cash-outs of one day, in minor units."""

    day: date
    came_in: int
    went_out: int


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Outstanding:
    """The total balance in one currency, and its changes over thirty days."""

    currency: str
    total: str
    curve: str
    area: str
    bars: Sequence[Bar]
    base: float
    first_day: date
    came_in: str
    went_out: str


def context(request: HttpRequest) -> dict[str, Any]:
    """The data of the first page that this member of staff has permission to see."""
    data: dict[str, Any] = {"last_audit": Audit.objects.order_by("-id").first()}
    if request.user.has_perm("wallets.view_movement"):
        data["outstanding"] = outstanding(clock.now())
        data["waiting"] = waiting()
    if request.user.has_perm("users.view_review"):
        data["reviews"] = reviews()
    if request.user.has_perm("users.view_user"):
        counts = User.objects.values_list("status").annotate(Count("id")).order_by("status")
        data["users"] = list(counts)
    return data


def outstanding(now: datetime) -> list[Outstanding]:
    """The balances per currency, largest first, each with its last thirty days."""
    totals = Wallet.objects.values_list("currency").annotate(total=Sum("balance"))
    crossings = days_of(now)
    return [
        describe(currency, int(total), crossings[currency], now.date())
        for currency, total in totals.order_by("-total")
    ]


def days_of(now: datetime) -> dict[str, dict[date, FlowsOfDay]]:
    """The flows from and to the outside, by currency and day."""
    since = now - timedelta(days=DAYS)
    rows = (
        Movement.objects.filter(settled_at__gte=since, counterparty=None, status="SUCCESS")
        .annotate(day=TruncDate("settled_at"))
        .values_list("currency", "day")
        .annotate(
            came_in=Sum(Case(When(amount__gt=0, then=F("amount")), default=0)),
            went_out=Sum(Case(When(amount__lt=0, then=-F("amount")), default=0)),
        )
    )
    found: dict[str, dict[date, FlowsOfDay]] = defaultdict(dict)
    for currency, day, came_in, went_out in rows:
        found[currency][day] = FlowsOfDay(day, int(came_in), int(went_out))
    return found


def describe(currency: str, total: int, days: dict[date, FlowsOfDay], today: date) -> Outstanding:
    every_day = [today - timedelta(days=DAYS - 1 - index) for index in range(DAYS)]
    series = [days.get(day, FlowsOfDay(day, 0, 0)) for day in every_day]
    points = curve_points(balances(total, series))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    base = HEIGHT - BOTTOM
    return Outstanding(
        currency=currency,
        total=money.to_text(total, currency),
        curve=line,
        area=f"{points[0][0]:.1f},{base} {line} {points[-1][0]:.1f},{base}",
        bars=list(bars(series, currency)),
        base=base,
        first_day=every_day[0],
        came_in=money.to_text(sum(day.came_in for day in series), currency),
        went_out=money.to_text(sum(day.went_out for day in series), currency),
    )


def balances(total: int, series: Sequence[FlowsOfDay]) -> list[int]:
    """The total at the end of each day, calculated back from today's total."""
    found = [total]
    for day in reversed(series[1:]):
        found.append(found[-1] - day.came_in + day.went_out)
    return found[::-1]


def curve_points(values: Sequence[int]) -> list[tuple[float, float]]:
    highest = max(*values, 1)
    step = (WIDTH - LEFT - RIGHT) / (len(values) - 1)
    room = HEIGHT - TOP - BOTTOM
    return [
        (LEFT + index * step, TOP + room * (1 - max(value, 0) / highest))
        for index, value in enumerate(values)
    ]


def bars(series: Sequence[FlowsOfDay], currency: str) -> Iterable[Bar]:
    """Two bars for each day: in and out."""
    highest = max(1, *(max(day.came_in, day.went_out) for day in series))
    slot = (WIDTH - LEFT - RIGHT) / len(series)
    room = HEIGHT - TOP - BOTTOM
    for index, day in enumerate(series):
        for offset, kind, amount in ((0, "in", day.came_in), (1, "out", day.went_out)):
            if not amount:
                continue
            height = max(1.0, room * amount / highest)
            yield Bar(
                x=round(LEFT + slot * (index + 0.1 + 0.4 * offset), 1),
                y=round(HEIGHT - BOTTOM - height, 1),
                width=round(slot * 0.38, 1),
                height=round(height, 1),
                kind=kind,
                title=f"{day.day}: {money.to_text(amount, currency)} {currency} {kind}",
            )


def reviews() -> dict[str, Any]:
    """The number of users whose KYC documents are pending, and the time of the oldest one."""
    pending = KycDocument.objects.waiting().exclude(user__status=User.Status.UNSUBSCRIBED)
    return pending.aggregate(count=Count("user", distinct=True), since=Min("created_at"))


def waiting() -> dict[str, Any]:
    """The pending cash-outs, oldest first."""
    pending = Movement.objects.filter(status=Movement.Status.PENDING)
    counts = pending.aggregate(unsent=Count("id", filter=Q(sent_at=None)), all=Count("id"))
    rows = [
        (movement, money.to_text(-movement.amount, movement.currency))
        for movement in pending.order_by("created_at", "id")[:WAITING]
    ]
    return {"rows": rows, "unsent": counts["unsent"], "all": counts["all"]}


class BackOffice(Site):
    """The back office, with its first page."""

    index_template = "admin/dashboard.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().index(request, context(request) | (extra_context or {}))
