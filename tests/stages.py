"""Stages for races: many alike in one database, and the verbs that meet on them.

Each stage is a client of its own with Alice, Bob and a wallet of each. What a stage looks like
afterwards is told in lines without ids, so that those of equal stages can be compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from iocash import errors
from tests import cast
from users.models import Client, Event, Key, User
from wallets import accounts, ledger, life, vault
from wallets.batch import Batch
from wallets.models import ExternalAccount, Hold, Movement, Wallet
from wallets.orders import CashOutOrder, Order, Outcome

IBAN, OTHER_IBAN = "ES9121000418450200051332", "DE89370400440532013000"
TOMORROW = timezone.now() + timedelta(days=1)
NEXT_WEEK = TOMORROW + timedelta(days=7)


@dataclass
class Stage:
    """Alice's wallet, Bob's, and what was made in them before the race begins."""

    alices: Wallet
    bobs: Wallet
    made: list[UUID] = field(default_factory=list)

    @property
    def hold(self) -> Hold:
        return cast.seen(self.made[-1])

    @property
    def movement(self) -> Movement:
        return Movement.objects.get(id=self.made[1])


Verb = Callable[[Stage], Order]
FACTS = ("available", "required", "balance", "remaining", "requested", "left", "status")
"""What refusals tell of equal stages in equal words."""


class Later(ledger.CashIn):
    """A cash-in that comes two days later than it seems: what was to expire is overdue for it."""


@dataclass(frozen=True)
class Family:
    """Verbs that can meet on one thing, and what happened before they do."""

    before: tuple[Verb, ...]
    verbs: dict[str, Verb]
    is_overdue: bool = False

    def stages(self, number: int) -> list[Stage]:
        """So many equal stages, on which everything of `before` has happened."""
        clients = Client.objects.bulk_create(Client(name=str(uuid4())) for _ in range(number))
        users = User.objects.bulk_create(
            User(client=client, status="ACTIVATED", **values)
            for client in clients
            for values in (cast.ALICE, cast.BOB)
        )
        opened = post_all(
            life.OpenWallet(client_id=user.client_id, by=cast.BY, user_id=user.id) for user in users
        )
        wallets = Wallet.objects.in_bulk(opened)
        pairs = zip(opened[::2], opened[1::2], strict=True)
        stages = [Stage(wallets[one], wallets[other]) for one, other in pairs]
        for verb in self.before:
            for stage, made in zip(stages, post_all(map(verb, stages)), strict=True):
                stage.made.append(made)
        if self.is_overdue:
            cast.pass_time(timedelta(days=2), *(stage.alices for stage in stages))
        return stages


def post_all(orders: Any) -> list[UUID]:
    outcomes = vault.post(list(orders))
    assert all(isinstance(outcome, Outcome) for outcome in outcomes), outcomes
    return [outcome.id for outcome in outcomes if isinstance(outcome, Outcome)]


# --- Who did what --------------------------------------------------------------------------------


def on_hold(verb: Any, *, as_seen: bool = False, **values: Any) -> Verb:
    def order(stage: Stage) -> Order:
        seen = {"if_match": frozenset({stage.hold.version})} if as_seen else {}
        return cast.about_hold(verb, stage.hold, **seen, **values)

    return order


def on_cash_out(verb: type[CashOutOrder], **values: Any) -> Verb:
    return lambda stage: verb(**cast.about(stage.alices), movement_id=stage.made[1], **values)


def cash_out(stage: Stage, amount: int = 60_00, **values: Any) -> ledger.CashOut:
    to = values if "account_id" in values else {"iban": IBAN, **values}
    return ledger.CashOut(**cast.about(stage.alices), amount=cast.decimal(amount), **to)


def adjust(stage: Stage) -> Order:
    return ledger.Adjust(**cast.about(stage.alices), amount=cast.decimal(60_00), is_debit=True)


def batch(stage: Stage, **values: Any) -> Order:
    items = (cast.a_transfer(stage.alices, stage.bobs, 30_00), cash_out(stage, 30_00))
    return Batch(**cast.about(stage.alices), items=items, **values)


def add(wallet: Wallet, iban: str = IBAN) -> Order:
    return accounts.AddExternalAccount(**cast.about(wallet), iban=iban)


def remove(stage: Stage) -> Order:
    return accounts.RemoveExternalAccount(**cast.about(stage.alices), account_id=stage.made[1])


def close(wallet: Wallet) -> Order:
    return life.ChangeWallet(**cast.about(wallet), closing=True)


def block(wallet: Wallet) -> Order:
    return life.BlockWallet(**cast.about(wallet), reason="OTHER")


def on_user(verb: Any, wallet: Wallet, **values: Any) -> Order:
    order: Order = verb(client_id=wallet.client_id, by=cast.BY, user_id=wallet.user_id, **values)
    return order


def comes(amount: int) -> Verb:
    return lambda stage: cast.a_cash_in(stage.alices, amount)


def pays(amount: int, **values: Any) -> Verb:
    return lambda stage: cast.a_transfer(stage.alices, stage.bobs, amount, **values)


def holds(amount: int, **values: Any) -> Verb:
    return lambda stage: cast.a_hold(stage.alices, stage.bobs, amount, **values)


HOLD: dict[str, Verb] = {
    "execute": lambda stage: cast.an_execution(stage.hold),
    "execute part": lambda stage: cast.an_execution(stage.hold, 40_00, keep_open=True),
    "release": on_hold(ledger.ReleaseHold),
    "release as seen": on_hold(ledger.ReleaseHold, as_seen=True),
    "renew": on_hold(ledger.RenewHold, expires_at=NEXT_WEEK),
    "close target": lambda stage: close(stage.bobs),
    "end target": lambda stage: on_user(life.Unsubscribe, stage.bobs),
    "block wallet": lambda stage: block(stage.alices),
    "spend": pays(70_00),
}
EXPIRE: dict[str, Verb] = {
    "expire": lambda stage: Later(**cast.about(stage.alices), amount=cast.decimal(1_00))
}
CASH_OUT: dict[str, Verb] = {
    "mark sent": on_cash_out(ledger.MarkSent),
    "settle": on_cash_out(ledger.Settle),
    "reject": on_cash_out(ledger.Reject, reason="Closed"),
    "cancel": on_cash_out(ledger.Cancel),
    "spend": pays(70_00),
}
WALLET: dict[str, Verb] = {
    "transfer all": pays(100_00),
    "transfer back": lambda stage: cast.a_transfer(stage.bobs, stage.alices, 60_00),
    "cash-in": comes(50_00),
    "cash-out": cash_out,
    "hold": holds(60_00),
    "adjust down": adjust,
    "batch": batch,
    "reverse all": lambda stage: cast.a_reversal(stage.movement),
    "reverse part": lambda stage: cast.a_reversal(stage.movement.mirror, 30_00),  # type: ignore[arg-type]
    "block wallet": lambda stage: block(stage.alices),
    "close wallet": lambda stage: close(stage.alices),
    "block user": lambda stage: on_user(life.BlockUser, stage.alices, reason="OTHER"),
    "unsubscribe": lambda stage: on_user(life.Unsubscribe, stage.alices),
}
EMPTY: dict[str, Verb] = {
    "transfer to it": pays(60_00),
    "cash-in": lambda stage: cast.a_cash_in(stage.bobs, 50_00),
    "hold for it": holds(60_00),
    "execute for it": lambda stage: cast.an_execution(stage.hold),
    "block wallet": lambda stage: block(stage.bobs),
    "close wallet": lambda stage: close(stage.bobs),
    "block user": lambda stage: on_user(life.BlockUser, stage.bobs, reason="OTHER"),
    "unsubscribe": lambda stage: on_user(life.Unsubscribe, stage.bobs),
    "add account": lambda stage: add(stage.bobs),
    "open another": lambda stage: on_user(life.OpenWallet, stage.bobs),
}
ACCOUNT: dict[str, Verb] = {
    "add": lambda stage: add(stage.alices, OTHER_IBAN),
    "add again": lambda stage: add(stage.alices),
    "remove": remove,
    "cash-out to it": lambda stage: cash_out(stage, account_id=stage.made[1]),
    "close wallet": lambda stage: close(stage.alices),
}
KEY: dict[str, Verb] = {
    "transfer": pays(60_00, key="k"),
    "other amount": pays(50_00, key="k"),
    "hold": holds(60_00, key="k"),
    "batch": lambda stage: batch(stage, key="k"),
    "cash-in": lambda stage: cast.a_cash_in(stage.alices, 60_00, key="k"),
    "other wallet": lambda stage: cast.a_cash_in(stage.bobs, 60_00, key="k"),
    "too much": lambda stage: cast.a_transfer(stage.bobs, stage.alices, 110_00, key="k"),
}
KNOWN: Verb = ACCOUNT["add again"]
HELD = (comes(100_00), holds(60_00, expires_at=TOMORROW))
PENDING = (comes(100_00), cash_out)
PAID: tuple[Verb, ...] = (
    comes(150_00),
    pays(50_00),
    lambda stage: cast.a_cash_in(stage.bobs, 50_00),
)
FAMILIES: dict[str, Family] = {
    "hold": Family(HELD, HOLD | EXPIRE),
    "overdue hold": Family(HELD, HOLD, is_overdue=True),
    "cash-out": Family(PENDING, CASH_OUT),
    "sent cash-out": Family((*PENDING, on_cash_out(ledger.MarkSent)), CASH_OUT),
    "wallet": Family(PAID, WALLET),
    "empty wallet": Family((comes(100_00), holds(20_00)), EMPTY),
    "external account": Family((comes(100_00), KNOWN), ACCOUNT),
    "key": Family(PAID, KEY),
}


# --- What became of it ---------------------------------------------------------------------------


def told(stages: Sequence[Stage]) -> list[tuple[str, ...]]:
    """All that can be seen on each stage, in lines."""
    lines: dict[UUID, list[str]] = defaultdict(list)
    clients = [stage.alices.client_id for stage in stages]
    names = {stage.alices.id: "alice's" for stage in stages}
    names |= {stage.bobs.id: "bob's" for stage in stages}
    for each in Wallet.objects.filter(client__in=clients):
        name = names.get(each.id, "another")
        lines[each.client_id].append(f"{name}: {each.status} {each.balance}, held {each.held}")
    for user in User.objects.filter(client__in=clients):
        lines[user.client_id].append(f"{user.user_name}: {user.status}")
    for leg in Movement.objects.filter(client__in=clients):
        lines[leg.client_id].append(
            f"{names[leg.wallet_id]} {leg.seq}: {leg.type} {leg.amount} {leg.status},"
            f" then {leg.balance_after}{', sent' if leg.sent_at else ''}"
        )
    for hold in Hold.objects.filter(client__in=clients):
        lines[hold.client_id].append(
            f"hold: {hold.status} {hold.remaining} of {hold.amount} until {hold.expires_at}"
        )
    for account in ExternalAccount.objects.filter(client__in=clients):
        lines[account.client_id].append(f"account: {account.iban} {account.status}")
    for key in Key.objects.filter(client__in=clients):
        lines[key.client_id].append(f"key: {key.key} {key.made} {key.status}")
    events = Event.objects.filter(client__in=clients).values_list("client_id", "kind")
    for (client_id, kind), count in Counter(events).items():
        lines[client_id].append(f"event: {kind} x {count}")
    return [tuple(sorted(lines[client])) for client in clients]


def is_expected(answer: object) -> bool:
    """Tell whether it is an answer at all, and not an error that no caller should see."""
    return isinstance(answer, Outcome | errors.Refused)


def answered(answer: object) -> str:
    """What a caller was told."""
    if isinstance(answer, Outcome):
        return f"{answer.status} {answer.made}{', replayed' if answer.replayed else ''}"
    assert isinstance(answer, errors.Refused)
    facts = {name: answer.facts[name] for name in FACTS if name in answer.facts}
    return f"{answer.code} {facts}"
