"""Writers who add to every list at the same time, and readers who follow `next` meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from tests.support import people
from tests.support.ibans import an_iban
from users.models import Client, Event, User
from wallets import posting
from wallets.models import ExternalAccount, Hold, Movement, Wallet
from wallets.orders.external_accounts import AddExternalAccount, RemoveExternalAccount

SIZE: Final = 40
"""Rows on a page: so many that a reader is faster than the writers, and reads at the end."""
PATIENCE: Final = 120.0
"""Seconds until the last rows are released: other tests may be writing in the same cluster."""

ACROSS: Final = ("all-movements", "all-holds", "all-external-accounts")
"""The lists across wallets."""

Get = Callable[[str], Any]
"""Gets a path or an address of the API; returns the JSON."""


@dataclass
class Written:
    """The ids of the rows that were committed, by list; each list has the same order."""

    client: Client
    payer: Wallet
    payee: Wallet
    ids: dict[str, list[str]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    pairs: list[tuple[Wallet, Wallet]] = field(default_factory=list)
    """The wallets of each writer."""

    def note(self, name: str, made: UUID) -> None:
        self.ids.setdefault(name, []).append(str(made))

    def create_users(self, writer: int) -> None:
        """Create some users with their wallets, in one transaction.

        Transactions of different lengths commit in another order than they begin.
        """
        with transaction.atomic():
            made = [self.a_user(next(self.numbers)) for _ in range(1 + writer % 4)]
        for user in made:
            self.note("users", user.id)
            self.note("wallets", people.first_wallet(user).id)

    def use_wallet(self, writer: int) -> None:
        """Add a movement, a hold and an account, which is removed again, to one wallet."""
        self.note("movements", people.transfer(self.payer, self.payee, 1).id)
        self.note("holds", people.place(self.payer, self.payee, 1).id)
        about = people.about(self.payer)
        account = posting.submit(AddExternalAccount(**about, iban=an_iban(writer))).id
        self.note("external-accounts", account)
        posting.submit(RemoveExternalAccount(**about, account_id=account))

    def use_wallets(self, writer: int) -> None:
        """Add some movements, holds and accounts to the writer's own wallets, in one transaction.

        Transactions of different lengths commit in another order than they begin.
        """
        payer, payee = self.pairs[writer]
        made: dict[str, list[UUID]] = {name: [] for name in ACROSS}
        with transaction.atomic():
            for _ in range(1 + writer % 4):
                paid = Movement.objects.get(id=people.transfer(payer, payee, 1).id)
                assert paid.mirror
                made["all-movements"] += [paid.id, paid.mirror.id]
                made["all-holds"].append(people.place(payer, payee, 1).id)
                order = AddExternalAccount(**people.about(payer), iban=an_iban(next(self.numbers)))
                made["all-external-accounts"].append(posting.submit(order).id)
        for name, ids in made.items():
            for each in ids:
                self.note(name, each)

    def a_pair(self) -> None:
        """Give one more writer two wallets, the first with money."""
        payer, payee = (people.first_wallet(self.a_user(next(self.numbers))) for _ in range(2))
        people.cash_in(payer, 1_000_00)
        self.pairs.append((payer, payee))

    def a_user(self, number: int) -> User:
        names = {"user_name": f"user{number}", "mobile_phone": f"+3461{number:07d}"}
        return people.a_user(self.client, people.ALICE | names)

    def rows(self, name: str) -> list[str]:
        """All rows of a list, from old to new."""
        if name == "events":
            events = Event.objects.filter(client=self.client).order_by("position")
            return [str(event_id) for event_id in events.values_list("id", flat=True)]
        rows: Any = {
            "users": User.objects.filter(client=self.client),
            "wallets": Wallet.objects.filter(client=self.client),
            "movements": Movement.objects.filter(wallet=self.payer),
            "holds": Hold.objects.filter(wallet=self.payer),
            "external-accounts": ExternalAccount.objects.filter(wallet=self.payer),
            "all-movements": Movement.objects.filter(client=self.client),
            "all-holds": Hold.objects.filter(client=self.client),
            "all-external-accounts": ExternalAccount.objects.filter(client=self.client),
        }[name]
        return [str(row) for row in rows.order_by("created_at", "id").values_list("id", flat=True)]


def read_page(get: Get, address: str) -> tuple[list[str], str | None]:
    """The ids on a page, and the address of the next."""
    page = get(address)
    ((_, rows),) = page["_embedded"].items()
    return [row["id"] for row in rows], page["_links"].get("next", {}).get("href")


@dataclass
class Upwards:
    """Reads a list from old to new; at its end it reads the last page again until it grows."""

    get: Get
    address: str
    passed: list[str] = field(default_factory=list)
    """The rows of the pages before this one."""
    here: list[str] = field(default_factory=list)
    """The rows of this page when it was last read."""
    skipped: set[str] = field(default_factory=set)
    """Rows that appeared on this page before one that was there already."""

    def read(self) -> None:
        rows, following = read_page(self.get, self.address)
        if self.here:
            last = self.here[-1]  # unless others have pushed it to the next page
            known = rows.index(last) if last in rows else len(rows)
            self.skipped |= {*rows[:known]} - {*self.here}
        self.here = rows
        if following:
            self.passed += rows
            self.address, self.here = following, []

    @property
    def seen(self) -> list[str]:
        return self.passed + self.here

    def read_until(self, is_over: Callable[[], bool], expected: Callable[[], list[str]]) -> None:
        while not is_over():
            self.read()
        until, last = time.monotonic() + PATIENCE, expected()[-1]
        while last not in self.here + self.passed[-SIZE:] and time.monotonic() < until:
            self.read()

    def faults(self, expected: list[str]) -> tuple[int, int]:
        """How many rows were skipped, and how many were read twice."""
        skipped = self.skipped | ({*expected} - {*self.seen})
        return len(skipped), len(self.seen) - len({*self.seen})


@dataclass
class Downwards:
    """Reads a list from new to old, again and again."""

    get: Get
    path: str
    skipped: int = 0
    doubled: int = 0
    passes: int = 0

    def read(self, committed: list[str]) -> None:
        """Read the whole list once; what is committed before must be in it."""
        before, seen = {*committed}, []
        address: str | None = self.path
        while address:
            rows, address = read_page(self.get, address)
            seen += rows
        self.skipped += len(before - {*seen})
        self.doubled += len(seen) - len({*seen})
        self.passes += 1
