"""Stages for races: many alike in one database, for the verbs of a family to meet on.

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

from iocash import errors
from tests.support import people
from users.models import Client, Event, Key, User, events
from users.models.events import EventKind, Fact
from wallets.bank import answers
from wallets.models import BankPayment, ExternalAccount, Hold, Movement, Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.wallets import OpenWallet
from wallets.posting import group


@dataclass
class Stage:
    """Alice's wallet, Bob's, and what was made in them before the race begins."""

    alices: Wallet
    bobs: Wallet
    made: list[UUID] = field(default_factory=list)

    @property
    def hold(self) -> Hold:
        return people.seen(self.made[-1])

    @property
    def movement(self) -> Movement:
        return Movement.objects.get(id=self.made[1])


Verb = Callable[[Stage], Order]
FACTS = ("available", "required", "balance", "remaining", "requested", "left", "status")
"""What refusals tell of equal stages in equal words."""


@dataclass(frozen=True)
class Family:
    """Verbs that can meet on one thing, and what happened before they do.

    `second` is what the second of two is told after the first, where that is what the rules are
    about: it says of the sequences themselves that they are right.
    """

    before: tuple[Verb, ...]
    verbs: dict[str, Verb]
    second: dict[tuple[str, str], str]
    is_overdue: bool = False
    prepare: Callable[[Sequence[Stage]], None] | None = None
    """What is done after `before`, and is no order."""

    def stages(self, number: int) -> list[Stage]:
        """So many equal stages, on which everything of `before` has happened."""
        clients = Client.objects.bulk_create(Client(name=str(uuid4())) for _ in range(number))
        users = User.objects.bulk_create(
            User(client=client, status="ACTIVATED", **values)
            for client in clients
            for values in (people.ALICE, people.BOB)
        )
        events.record_facts(
            *(
                Fact(user.client_id, "user", user.id, EventKind.USER_CREATED, people.BY)
                for user in users
            )
        )
        opened = post_all(
            OpenWallet(client_id=user.client_id, by=people.BY, user_id=user.id) for user in users
        )
        wallets = Wallet.objects.in_bulk(opened)
        pairs = zip(opened[::2], opened[1::2], strict=True)
        stages = [Stage(wallets[one], wallets[other]) for one, other in pairs]
        for verb in self.before:
            for stage, made in zip(stages, post_all(map(verb, stages)), strict=True):
                stage.made.append(made)
        if self.prepare:
            self.prepare(stages)
        if self.is_overdue:
            people.pass_time(timedelta(days=2), *(stage.alices for stage in stages))
        return stages


def post_all(orders: Any) -> list[UUID]:
    outcomes = group.post(list(orders))
    assert all(isinstance(outcome, Outcome) for outcome in outcomes), outcomes
    return [outcome.id for outcome in outcomes if isinstance(outcome, Outcome)]


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
            f"{', in a file' if leg.bank_file_id else ''}"
        )
    for hold in Hold.objects.filter(client__in=clients):
        lines[hold.client_id].append(
            f"hold: {hold.status} {hold.remaining} of {hold.amount} until {hold.expires_at}"
        )
    for account in ExternalAccount.objects.filter(client__in=clients):
        lines[account.client_id].append(f"account: {account.iban} {account.status}")
    for payment in BankPayment.objects.filter(client__in=clients).select_related("file"):
        said = f"{payment.status} {payment.reason_code} {payment.conflict}"
        lines[payment.client_id].append(f"payment: {said} in a file {payment.file.state}")
    for key in Key.objects.filter(client__in=clients):
        name = "of the bank" if key.key.startswith(answers.KEY) else key.key
        lines[key.client_id].append(f"key: {name} {key.made} {key.status}")
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
    return f"{answer.code} {facts}" if facts else answer.code
