"""A world of wallets in plain Python: the list of all that ever happened, and what follows from it.

Nothing is counted along: a balance, what is held, what is left of a hold or of a payment are worked
out anew from that list, whenever somebody asks. Things have names here, for ids are the ledger's;
amounts are in minor units. Nothing here knows the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

DECIMALS = {"EUR": 2, "JPY": 0}
TICK = timedelta(microseconds=1)
MONTH = timedelta(days=30)
LIMITED = "alice", "EUR"
LIMITS = {"balance": 110_00, "cashIn": 112_00, "cashOut": 15_00}
"""What one user may have, bring in and take out in one currency; the others may do anything."""


class No(Exception):
    """A refusal: its code and the relevant facts."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code, facts)
        self.code, self.facts = code, facts


@dataclass(frozen=True)
class Said:
    """An order with its caller and an optional key. Orders with the same content are equal."""

    verb: str
    client: str
    values: tuple[tuple[str, Any], ...]
    key: str | None = field(default=None, compare=False)

    def __getattr__(self, name: str) -> Any:
        for key, value in object.__getattribute__(self, "values"):
            if key == name:
                return value
        raise AttributeError(name)

    def without_version(self) -> Said:
        """The order without the version that the caller has seen, which a key does not keep."""
        return replace(self, values=tuple(each for each in self.values if each[0] != "if_match"))


@dataclass(frozen=True)
class Made:
    """The result of an order; `names` are the movements of several items, or the one resource."""

    kind: str
    names: tuple[Any, ...]
    status: int
    replayed: bool = False


@dataclass
class Wallet:
    """A wallet with its state at the beginning of the game."""

    client: str
    user: str
    currency: str = "EUR"
    status: str = "READY"
    balance: int = 0
    received: int = 0
    count: int = 0
    latest: datetime | None = None
    alerts: list[tuple[int, int | None]] = field(default_factory=list)
    """The alerts that were set, each with the number of movements that had settled before."""


@dataclass
class Movement:
    """Money from a payer to a payee; the outside has no name."""

    kind: str
    payer: str | None
    payee: str | None
    amount: int
    created_at: datetime
    settled_at: datetime | None = None
    status: str = "SUCCESS"
    sent_at: datetime | None = None
    hold: int | None = None
    reverses: int | None = None

    @property
    def wallets(self) -> list[str]:
        return [name for name in (self.payer, self.payee) if name]

    def change(self, wallet: str) -> int:
        return self.amount if wallet == self.payee else -self.amount


@dataclass
class Hold:
    """Money that is held for a payee; for nobody, if it is frozen."""

    payer: str
    payee: str | None
    amount: int
    expires_at: datetime | None
    ended: str | None = None
    ended_at: datetime | None = None


@dataclass
class Account:
    wallet: str
    iban: str
    status: str = "ACTIVE"


def line_of_bank(number: int) -> tuple[str, int]:
    """The currency and the amount of a credit in a statement of the bank, by its number."""
    return "JPY" if number % 4 == 3 else "EUR", 50 + 150 * (number % 6)


@dataclass
class World:
    """The state of the model."""

    now: datetime
    users: dict[str, list[str]]
    wallets: dict[str, Wallet]
    movements: list[Movement] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    keys: dict[tuple[str, str], tuple[Said, Made]] = field(default_factory=dict)
    explained: set[int] = field(default_factory=set)
    """The lines of bank statements that are explained."""

    # What is

    def history(self, wallet: str) -> list[tuple[datetime, int, int]]:
        """Return time, change and number of each settled movement of the wallet, in order."""
        return sorted(
            (movement.settled_at, movement.change(wallet), number)
            for number, movement in enumerate(self.movements)
            if movement.settled_at and wallet in movement.wallets
        )

    def at(self, wallet: str, instant: datetime) -> tuple[int, int, int]:
        """Return count, balance and received total of the movements settled before the instant."""
        start = self.wallets[wallet]
        past = [change for moment, change, _ in self.history(wallet) if moment < instant]
        came = sum(change for change in past if change > 0)
        return start.count + len(past), start.balance + sum(past), start.received + came

    def balance(self, wallet: str) -> int:
        moved = sum(
            movement.change(wallet)
            for movement in self.movements
            if movement.settled_at and wallet in movement.wallets
        )
        return self.wallets[wallet].balance + moved

    def alert(self, wallet: str) -> int | None:
        """The alert that is set now."""
        alerts = self.wallets[wallet].alerts
        return alerts[-1][1] if alerts else None

    def falls(self, wallet: str) -> list[tuple[int, int, int]]:
        """Each fall below an alert: the alert, the balance then, and the number of the movement."""
        start, found = self.wallets[wallet], []
        balance, seq = start.balance, start.count
        for _, change, _ in self.history(wallet):
            alert = next((each for count, each in reversed(start.alerts) if count <= seq), None)
            before, balance, seq = balance, balance + change, seq + 1
            if alert and balance < alert <= before:
                found.append((alert, balance, seq))
        return found

    def held(self, wallet: str) -> int:
        waiting = sum(
            movement.amount
            for movement in self.movements
            if movement.status == "PENDING" and movement.payer == wallet
        )
        holds = enumerate(self.holds)
        return waiting + sum(self.left(number) for number, hold in holds if hold.payer == wallet)

    def available(self, wallet: str) -> int:
        return self.balance(wallet) - self.held(wallet)

    def standing(self, number: int) -> str:
        hold = self.holds[number]
        if hold.ended:
            return hold.ended
        over = hold.expires_at is not None and self.now >= hold.expires_at
        return "EXPIRED" if over else "OPEN"

    def left(self, number: int) -> int:
        """Return the amount that an open hold still holds."""
        if self.standing(number) != "OPEN":
            return 0
        paid = sum(movement.amount for movement in self.movements if movement.hold == number)
        return self.holds[number].amount - paid

    def state(self, number: int) -> tuple[str, int, datetime | None]:
        """Return everything that can change in a hold; a version identifies this state."""
        return self.standing(number), self.left(number), self.holds[number].expires_at

    def reversible(self, number: int) -> int:
        """Return the part of a movement that can still be reversed."""
        given = sum(each.amount for each in self.movements if each.reverses == number)
        return self.movements[number].amount - given

    def used(self, limit: str) -> int:
        """Return the amount that counts towards a limit of the limited user."""
        own = {name for name, each in self.wallets.items() if (each.user, each.currency) == LIMITED}
        if limit == "balance":
            return sum(map(self.balance, own))
        since = self.now - MONTH
        late = [(n, each) for n, each in enumerate(self.movements) if each.created_at > since]
        if limit == "cashOut":
            gone = [each for _, each in late if each.kind == "CASH_OUT" and each.payer in own]
            return sum(each.amount for each in gone if each.status in {"PENDING", "SUCCESS"})
        start = [self.wallets[name] for name in own]
        brought = sum(each.received for each in start if each.latest and each.latest > since)
        came = [each for _, each in late if each.kind == "CASH_IN" and each.payee in own]
        return brought + sum(each.amount for each in came)

    def is_limited(self, wallet: str) -> bool:
        there = self.wallets.get(wallet)
        return there is not None and (there.user, there.currency) == LIMITED

    def text(self, wallet: str, minor: int) -> str:
        places = DECIMALS[self.wallets[wallet].currency]
        return f"{Decimal(minor).scaleb(-places):.{places}f}"

    # What happens

    def moment(self, *wallets: str | None) -> datetime:
        """Return the current time, or the next one after the last settlement in these wallets."""
        past = [moment + TICK for name in wallets if name and (moment := self.latest(name))]
        return max([self.now, *past])

    def latest(self, wallet: str) -> datetime | None:
        history = self.history(wallet)
        return history[-1][0] if history else self.wallets[wallet].latest

    def move(
        self, kind: str, payer: str | None, payee: str | None, amount: int, **more: Any
    ) -> Movement:
        moment = self.moment(payer, payee)
        settled_at = None if more.get("status") == "PENDING" else moment
        movement = Movement(kind, payer, payee, amount, moment, settled_at, **more)
        self.movements.append(movement)
        return movement

    def moved(self, wallet: str, status: int = 201) -> Made:
        """Return the result of the newest movement, from the wallet's side."""
        return Made("movement", (("movement", len(self.movements) - 1, wallet),), status)
