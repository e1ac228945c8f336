"""Callers who live: they move money at random, with every verb, and know what they were told."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from iocash import errors
from tests.support import people
from wallets import posting
from wallets.models import Hold, Movement, Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import (
    CancelCashOut,
    CashOut,
    MarkCashOutSent,
    RejectCashOut,
    SettleCashOut,
)
from wallets.orders.holds import ExecuteHold, PlaceHold, ReleaseHold, RenewHold
from wallets.orders.payments import Adjust, CashIn, Transfer

IBAN = "ES9121000418450200051332"
ENDS = (MarkCashOutSent, MarkCashOutSent, SettleCashOut, SettleCashOut, CancelCashOut)


@dataclass
class Answered:
    """An order, what its caller was told, and when it was sent and answered."""

    order: Order
    outcome: Outcome
    sent_at: float
    answered_at: float


@dataclass
class World:
    """The wallets, hot one first, and what all callers know together."""

    wallets: list[Wallet]
    answers: list[Answered] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    unknown: list[Order] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)
    holds: list[UUID] = field(default_factory=list)
    cash_outs: list[tuple[Wallet, UUID]] = field(default_factory=list)
    paid: list[UUID] = field(default_factory=list)
    keyed: list[Order] = field(default_factory=list)
    news: threading.Event = field(default_factory=threading.Event)

    def submit(self, order: Order) -> None:
        sent_at = time.monotonic()
        try:
            outcome = posting.submit(order)
        except errors.OutcomeUnknown:
            self.unknown.append(order)
        except errors.Refused as refusal:
            self.refusals.append(refusal.code)
        except Exception as error:  # noqa: BLE001
            self.unexpected.append(f"{type(order).__name__}: {error!r}")
        else:
            self.answers.append(Answered(order, outcome, sent_at, time.monotonic()))
            self.news.set()
            if not outcome.replayed:
                self.remember(order, outcome)

    def remember(self, order: Order, outcome: Outcome) -> None:
        """Store resources that later orders can refer to."""
        if order.key is not None:
            self.keyed.append(order)
        if isinstance(order, PlaceHold):
            self.holds.append(outcome.id)
        if isinstance(order, CashOut):
            self.cash_outs.append((self.wallet(order.wallet_id), outcome.id))
        if isinstance(order, CashIn | Transfer | ExecuteHold):
            self.paid.append(outcome.id)

    def wallet(self, wallet_id: UUID) -> Wallet:
        return next(wallet for wallet in self.wallets if wallet.id == wallet_id)

    def notice(self, error: Exception) -> None:
        """Record a failed attempt to post, which may be retried."""
        self.retries.append(type(error.__cause__ or error).__name__)


class Caller:
    """A caller that sends one request after another, mostly for the hot wallet."""

    def __init__(self, world: World, seed: str) -> None:
        self.world, self.random = world, random.Random(seed)
        self.verbs: dict[Callable[[], Order | None], int] = {
            self.cash_in: 3,
            self.transfer: 10,
            self.place: 5,
            self.execute: 4,
            self.release: 1,
            self.renew: 1,
            self.cash_out: 3,
            self.end_cash_out: 5,
            self.reverse: 3,
            self.adjust: 2,
            self.batch: 2,
            self.operate: 2,
            self.again: 1,
        }

    def live(self, until: float) -> None:
        while time.monotonic() < until:
            (verb,) = self.random.choices([*self.verbs], [*self.verbs.values()])
            if order := verb():
                self.world.submit(order)

    def two(self) -> tuple[Wallet, Wallet]:
        """Choose two wallets in any order; one of them is mostly the hot wallet."""
        hot, *cold = self.world.wallets
        one, other = self.random.sample(cold, 2)
        pairs = [(hot, one), (one, hot), (hot, other), (one, other)]
        return self.random.choice(pairs)

    def amount(self) -> int:
        return self.random.randint(1, 20_00)

    def words(self) -> dict[str, Any]:
        """Return a concept and mostly a key, which sometimes collides with another caller's."""
        keys = [None, f"{self.random.getrandbits(64):x}", f"at {time.monotonic():.2f}"]
        (key,) = self.random.choices(keys, [20, 75, 5])
        return {"key": key, "concept": "Lunch"}

    def recent(self, things: list[Any]) -> Any:
        """Choose one of the newest, which other callers probably use at the same time."""
        return self.random.choice(things[-20:]) if things else None

    def cash_in(self) -> Order:
        return people.a_cash_in(self.two()[0], self.amount(), **self.words())

    def transfer(self) -> Order:
        return people.a_transfer(*self.two(), self.amount(), **self.words())

    def expiry(self) -> datetime | None:
        soon = timezone.now() + timedelta(milliseconds=self.random.randint(5, 500))
        return self.random.choice([None, soon])

    def place(self) -> Order:
        return people.a_hold(*self.two(), self.amount(), expires_at=self.expiry(), **self.words())

    def hold(self) -> Hold | None:
        hold_id = self.recent(self.world.holds)
        return people.seen(hold_id) if hold_id else None

    def execute(self) -> Order | None:
        if not (hold := self.hold()):
            return None
        part = self.random.choice([None, max(hold.amount // 3, 1)])
        keep_open = self.random.random() < 0.7
        return people.an_execution(hold, part, keep_open=keep_open, **self.words())

    def release(self) -> Order | None:
        hold = self.hold()
        return people.about_hold(ReleaseHold, hold) if hold else None

    def renew(self) -> Order | None:
        if not (hold := self.hold()):
            return None
        return people.about_hold(RenewHold, hold, expires_at=self.expiry())

    def cash_out(self) -> Order:
        return self.out(self.two()[0], **self.words())

    def out(self, wallet: Wallet, **words: Any) -> CashOut:
        return CashOut(
            **people.about(wallet), amount=people.decimal(self.amount()), iban=IBAN, **words
        )

    def end_cash_out(self) -> Order | None:
        if not self.world.cash_outs:
            return None
        wallet, movement_id = self.recent(self.world.cash_outs)
        about: dict[str, Any] = people.about(wallet, movement_id=movement_id)
        if self.random.random() < 0.2:
            return RejectCashOut(**about, reason="Closed")
        return self.random.choice(ENDS)(**about)

    def reverse(self) -> Order | None:
        if not self.world.paid:
            return None
        movement = Movement.objects.get(id=self.recent(self.world.paid))
        sides = [movement, movement.mirror or movement]
        part = self.random.choice([None, max(abs(movement.amount) // 2, 1)])
        return people.a_reversal(self.random.choice(sides), part, **self.words())

    def adjust(self) -> Order:
        about = people.about(self.two()[0], amount=people.decimal(self.amount()), concept="Counted")
        return Adjust(**about, is_debit=self.random.random() < 0.5)

    def batch(self) -> Order:
        wallet, target = self.two()
        items = (
            people.a_transfer(wallet, target, self.amount()),
            self.out(wallet),
            people.a_cash_in(wallet, self.amount()),
        )
        return Batch(**people.about(wallet), items=items, key=self.words()["key"])

    def operate(self) -> Order:
        pairs = [self.two() for _ in range(self.random.randint(1, 4))]
        transfers = (people.a_transfer(*pair, self.amount()) for pair in pairs)
        return people.an_operation(*transfers, key=self.words()["key"])

    def again(self) -> Order | None:
        """Repeat an earlier request with its key."""
        order: Order | None = self.recent(self.world.keyed)
        return order
