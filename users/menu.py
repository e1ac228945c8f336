"""The menu of the back office: sections of work, each with its entries.

A module of `users.admin` or `wallets.admin` adds its entries when it is imported:

    menu.add("Reviews", gettext_lazy("Documents"), "users_review_changelist",
             permission="users.view_review", waiting=users_waiting)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from django.db.models import Count, IntegerField, Min, QuerySet, TextChoices, Value
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse
from django.utils.translation import gettext_lazy as _

MOST: Final = 99
"""The highest number that is shown; above it, "99+"."""

Waiting = Callable[[Any], QuerySet[Any]]
"""From the member of staff who sees the menu to the rows that wait."""


class MenuSection(TextChoices):
    """The sections, in the order of the menu."""

    TODAY = "Today", _("Today")
    CUSTOMERS = "Customers", _("Customers")
    REVIEWS = "Reviews", _("Reviews")
    PAYMENTS_OUT = "Payments out", _("Payments out")
    LEDGER = "Ledger", _("Ledger")
    BANK = "Bank", _("Bank")
    APPROVALS = "Approvals", _("Approvals")
    ACCESS = "Access", _("Access")
    SETTINGS = "Settings", _("Settings")


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A link. `waiting` returns the rows that wait for staff; their number is shown.

    `counts_for`: the name of another entry whose number has these rows too. `since`: the column
    with the time from which on a row waits; it is needed then.
    """

    section: MenuSection
    label: Any
    url_name: str
    permission: str | None
    waiting: Waiting | None = None
    order: int = 50
    counts_for: str = ""
    since: str = ""

    @property
    def address(self) -> str:
        return menu_address(self.url_name, get_script_prefix())


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry as the menu shows it to a member of staff. `count` is empty if nothing waits."""

    label: Any
    address: str
    count: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class WaitingRows:
    """How much waits below an entry, and since when."""

    label: Any
    address: str
    count: int
    since: Any


@dataclass(slots=True)
class Menu:
    """The entries that are registered."""

    entries: list[MenuEntry] = field(default_factory=list)
    purposes: dict[str, Any] = field(default_factory=dict)

    def describe(self, purposes: dict[str, Any]) -> None:
        """Say what lists are for and how they get rows, by the names of their URLs.

        An empty list shows this text.
        """
        self.purposes |= purposes

    def label_of(self, url_name: str) -> Any:
        """The label of the entry that leads to this URL; None if there is none."""
        return next((each.label for each in self.entries if each.url_name == url_name), None)

    def add(
        self,
        section: str,
        label: Any,
        url_name: str,
        *,
        permission: str | None,
        waiting: Waiting | None = None,
        order: int = 50,
        counts_for: str = "",
        since: str = "",
    ) -> None:
        """Add an entry to a section. Entries are sorted by `order`, then in order of addition.

        `permission`: who has it sees the entry; None: all staff. `waiting`: a function
        from the member of staff to a queryset. Its rows are counted up to `MOST`, with all other
        counts, in one statement; it needs an index that finds these rows without reading others.
        `counts_for` and `since`: see `MenuEntry`.

        Raises:
            ValueError: there is no such section.
        """
        about = MenuSection(section), label, url_name, permission, waiting, order
        self.entries.append(MenuEntry(*about, counts_for, since))

    def waiting_for(self, member: Any) -> list[tuple[Any, str, str]]:
        """What waits for a member of staff: label, number and address of each entry."""
        entries = [each for each in self.entries if each.waiting and is_open(each, member)]
        numbers = counts(entries, member)
        return [
            (each.label, numbers[each.url_name], each.address)
            for each in entries
            if each.url_name in numbers
        ]

    def waiting_besides(self, url_name: str, member: Any) -> list[WaitingRows]:
        """What waits for a member of staff below other entries, and counts for this one."""
        return waiting_rows([each for each in self.entries if each.counts_for == url_name], member)

    def waiting_in_all(self, url_name: str, member: Any) -> list[WaitingRows]:
        """What waits for a member of staff below this entry, and as `waiting_besides`."""
        names = [(each, (each.url_name, each.counts_for)) for each in self.entries]
        return waiting_rows([each for each, known in names if url_name in known], member)

    def shown(self, request: HttpRequest) -> list[tuple[Any, list[ShownEntry]]]:
        """The sections with the entries that this member of staff may open."""
        open_entries = [each for each in self.entries if is_open(each, request.user)]
        numbers = counts(open_entries, request.user)
        current = current_of(open_entries, request.path)
        found: dict[MenuSection, list[ShownEntry]] = {section: [] for section in MenuSection}
        for each in sorted(open_entries, key=lambda entry: entry.order):
            count = numbers.get(each.url_name, "")
            shown = ShownEntry(each.label, each.address, count, each is current)
            found[each.section].append(shown)
        return [(section.label, entries) for section, entries in found.items() if entries]


@lru_cache(maxsize=256)
def menu_address(url_name: str, script_prefix: str) -> str:
    """The address of a page below the prefix of the server. A page shows all of them, often."""
    return reverse(f"admin:{url_name}")


def is_open(entry: MenuEntry, user: Any) -> bool:
    return entry.permission is None or user.has_perm(entry.permission)


def waiting_rows(entries: Sequence[MenuEntry], member: Any) -> list[WaitingRows]:
    """How much waits below those entries that the member may open, in one statement."""
    waiting = [
        each.waiting(member)
        .order_by()
        .values(place=Value(place, IntegerField()))
        .values_list("place", Count("pk"), Min(each.since))
        for place, each in enumerate(entries)
        if each.waiting and is_open(each, member)
    ]
    if not waiting:
        return []
    first, *others = waiting
    rows = first.union(*others, all=True) if others else first
    found = [(entries[place], count, since) for place, count, since in rows if count]
    found.sort(key=lambda row: row[0].order)
    return [WaitingRows(each.label, each.address, count, at) for each, count, at in found]


def counts(entries: Sequence[MenuEntry], member: Any) -> dict[str, str]:
    """How much waits, by the name of the URL: one statement, at most 100 rows for each entry."""
    waiting = [
        each.waiting(member)
        .order_by()
        .annotate(waits_for=Value(number, IntegerField()))
        .values_list("waits_for", flat=True)[: MOST + 1]
        for number, each in enumerate(entries)
        if each.waiting
    ]
    if not waiting:
        return {}
    first, *others = waiting
    numbers = list(first.union(*others, all=True) if others else first)
    found = Counter[str]()
    for number, each in enumerate(entries):
        for name in filter(None, (each.url_name, each.counts_for)):
            found[name] += numbers.count(number)
    return {
        name: f"{MOST}+" if number > MOST else str(number)
        for name, number in found.items()
        if number
    }


def current_of(entries: Sequence[MenuEntry], path: str) -> MenuEntry | None:
    """The entry whose page contains the path: that with the longest address."""
    index = reverse("admin:index")
    above = [
        each
        for each in entries
        if path == each.address or (each.address != index and path.startswith(each.address))
    ]
    return max(above, key=lambda entry: len(entry.address), default=None)


MENU: Final = Menu()
"""The menu of the back office."""

add = MENU.add
describe = MENU.describe
