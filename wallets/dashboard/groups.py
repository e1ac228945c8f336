"""What the first page says of all groups of clients: their money, and what waits in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from iocash.db import groups
from iocash.db.transactions import fetch
from users.chosen_groups import copy_members
from users.menu import MENU
from users.searched_groups import UNREACHABLE, look_in

READ_TOTALS: Final = """
    SELECT wallet.currency, sum(wallet.balance)::bigint
    FROM wallets_wallet AS wallet JOIN users_client AS client ON client.id = wallet.client_id
    WHERE client.status NOT IN ('MOVING', 'MOVED')
    GROUP BY wallet.currency ORDER BY 2 DESC, 1
"""
"""A client that moves is in two groups; it is counted where it is active."""


@dataclass(slots=True)
class GroupReport:
    """A group: its money in minor units by currency, and what waits there for the member."""

    name: str
    is_current: bool
    is_away: bool = False
    totals: list[tuple[int, str]] = field(default_factory=list)
    waiting: list[tuple[Any, str]] = field(default_factory=list)


def group_reports(member: Any) -> list[GroupReport]:
    """A report for each group; without totals if the member may not see movements."""
    member.get_all_permissions()  # those of home, kept with the object
    current = groups.current()
    return [report_of_group(name, member, is_current=name == current) for name in groups.names()]


def report_of_group(name: str, member: Any, *, is_current: bool) -> GroupReport:
    try:
        return look_in(name, lambda: present_report(name, member, is_current=is_current))
    except UNREACHABLE:
        return GroupReport(name, is_current, is_away=True)


def present_report(name: str, member: Any, *, is_current: bool) -> GroupReport:
    """The report of the group that is entered."""
    if name != groups.HOME:
        copy_members(name)
    report = GroupReport(name, is_current)
    report.waiting = [(label, number) for label, number, _ in MENU.waiting_for(member)]
    if member.has_perm("wallets.view_movement"):
        report.totals = [(minor, currency) for currency, minor in fetch(READ_TOTALS, ())]
    return report


def totals_of_groups(reports: Sequence[GroupReport]) -> list[tuple[int, str]]:
    """The money of all groups together, by currency."""
    sums: Counter[str] = Counter()
    for report in reports:
        for minor, currency in report.totals:
            sums[currency] += minor
    return [(minor, currency) for currency, minor in sums.most_common()]


def context_of_groups(member: Any) -> dict[str, Any]:
    """The part of the page; nothing without several groups."""
    if not groups.are_several():
        return {}
    reports = group_reports(member)
    return {
        "group_reports": reports,
        "group_totals": totals_of_groups(reports),
        "groups_away": ", ".join(each.name for each in reports if each.is_away),
    }
