"""Where the model is played: PostgreSQL with a clock that stands still, and two clients' wallets.

It says in the ledger's words what the model says in names, and reads what anybody can see.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from iocash import errors, money
from tests.model.history import LIMITED, Made, No, Said, Wallet, line_of_bank
from tests.model.ledger import Reference
from tests.model.ledger_rules import CEILING
from tests.support import bank_files, freezes, people
from tests.support.camt import Line, Statement
from users import demo_documents
from users.models import Event, User
from wallets import models
from wallets.bank import importing
from wallets.orders.bank_files import RejectByBank, ReturnCashOut, SettleByBank
from wallets.orders.bank_lines import ExplainLine
from wallets.orders.base import Order, Outcome
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import (
    CancelCashOut,
    CashOut,
    MarkCashOutSent,
    RejectCashOut,
    SettleCashOut,
)
from wallets.orders.external_accounts import AddExternalAccount, RemoveExternalAccount
from wallets.orders.freezes import FreezeAmount, LiftFreeze
from wallets.orders.holds import ExecuteHold, PlaceHold, ReleaseHold, RenewHold
from wallets.orders.operations import TransferOperation
from wallets.orders.payments import Adjust, CashIn, Reverse, Transfer
from wallets.orders.users import BlockUser, UnblockUser
from wallets.orders.wallets import BlockWallet, ChangeWallet, OpenWallet, UnblockWallet
from wallets.posting import group

DAWN: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
START: Final = DAWN + timedelta(days=1)
"""The stage is set at dawn, and every game starts a day later."""

LIMITED_LEVEL: Final = 1
"""The KYC level that has limits in these games: one user is approved for it."""

STAND_STILL: Final = """
    CREATE SCHEMA stage;
    CREATE FUNCTION stage.iocash_clock() RETURNS timestamptz LANGUAGE sql
        AS $$SELECT pg_catalog.current_setting('stage.now')::timestamptz$$;
    CREATE FUNCTION stage.iocash_now() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$SELECT pg_catalog.current_setting('stage.now')::timestamptz$$;
    SET LOCAL search_path = stage, pg_catalog, public;
"""
"""The database asks these functions for the time, until the test's transaction is undone."""

ORDERS: Final[dict[str, type[Order]]] = {
    "cash_in": CashIn,
    "transfer": Transfer,
    "adjust": Adjust,
    "batch": Batch,
    "operation": TransferOperation,
    "reverse": Reverse,
    "place": PlaceHold,
    "execute": ExecuteHold,
    "release": ReleaseHold,
    "renew": RenewHold,
    "freeze": FreezeAmount,
    "lift": LiftFreeze,
    "cash_out": CashOut,
    "mark_sent": MarkCashOutSent,
    "settle": SettleCashOut,
    "reject": RejectCashOut,
    "cancel": CancelCashOut,
    "settle_by_bank": SettleByBank,
    "reject_by_bank": RejectByBank,
    "give_back": ReturnCashOut,
    "explain": ExplainLine,
    "explain_return": ExplainLine,
    "add_account": AddExternalAccount,
    "remove_account": RemoveExternalAccount,
    "block_wallet": BlockWallet,
    "unblock_wallet": UnblockWallet,
    "close_wallet": ChangeWallet,
    "set_alert": ChangeWallet,
    "block_user": BlockUser,
    "unblock_user": UnblockUser,
    "open_wallet": OpenWallet,
}
MORE: Final[dict[str, dict[str, Any]]] = {
    "reject": {"reason": "No such account"},
    "reject_by_bank": {"reason": "No such account"},
    "explain_return": {"returns": True},
    "freeze": {"concept": "Court order"},
    "lift": {"reason": "Revoked"},
    "close_wallet": {"closing": True},
    "block_wallet": {"reason": "OTHER"},
    "unblock_wallet": {"reason": "RESOLVED"},
    "block_user": {"reason": "OTHER"},
    "unblock_user": {"reason": "RESOLVED"},
}
IDS: Final = {
    "wallet": "wallet",
    "target": "wallet",
    "hold": "hold",
    "freeze": "hold",
    "account": "account",
}
FIELDS: Final = {"down": "is_debit"}
BANK: Final = {"EUR": "NL85MOCK0000000001", "JPY": "NL85MOCK0000000002"}
"""The bank accounts of the institution."""
PLAYERS: Final = {"alice": "demo", "bob": "demo", "company": "another"}
OPENED: Final = (
    ("alice's", "alice", "EUR", 100_00),
    ("alice's yen", "alice", "JPY", 50_000),
    ("bob's", "bob", "EUR", 20_00),
    ("bob's yen", "bob", "JPY", 0),
    ("bob's hoard", "bob", "EUR", CEILING - 5_00),
    ("company's", "company", "EUR", 30_00),
    ("company's second", "company", "EUR", 5_00),
)


def set_clock(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('stage.now', %s, true)", [now.isoformat()])


@dataclass
class Stage:
    """The id of each name, and all versions of each hold."""

    ids: dict[tuple[Any, ...], UUID] = field(default_factory=dict)
    versions: dict[tuple[Any, ...], str] = field(default_factory=dict)
    states: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    opened: dict[str, models.Wallet] = field(default_factory=dict)
    case_id: int = 0
    """The case of all freezes."""

    @classmethod
    def build(cls) -> Stage:
        """Stop the clock and open the wallets, in the transaction of the test."""
        stage = cls()
        with connection.cursor() as cursor:
            cursor.execute(STAND_STILL)
        set_clock(DAWN)
        stage.case_id = freezes.a_request().pk
        stage.ids["wallet", "nobody's"] = stage.ids["user", "nobody"] = people.unknown_id()
        clients = {name: people.a_client(name.title()) for name in ("demo", "another")}
        users = {
            name: people.a_user(clients[client], (people.BOB if name == "bob" else people.ALICE))
            for name, client in PLAYERS.items()
        }
        stage.ids |= {("client", name): client.id for name, client in clients.items()}
        stage.ids |= {("user", name): user.id for name, user in users.items()}
        for name, owner, currency, amount in OPENED:
            first = name in {"alice's", "bob's", "company's"}
            user = users[owner]
            wallet = people.first_wallet(user) if first else people.a_wallet(user, currency)
            fill(wallet, amount)
            wallet.refresh_from_db()
            stage.opened[name] = wallet
            stage.ids["wallet", name] = wallet.id
        demo_documents.approve(users[LIMITED[0]], LIMITED_LEVEL, people.BY)
        for currency, iban in BANK.items():
            bank_files.an_account(clients["demo"], currency=currency, iban=iban)
        return stage

    @contextmanager
    def game(self) -> Iterator[tuple[Stage, Reference]]:
        """Yield a stage that is restored afterwards, and its model."""
        with transaction.atomic():
            set_clock(START)
            wallets = {
                name: Wallet(
                    *(PLAYERS[owner], owner, currency, "READY"),
                    *(there.balance, there.received, there.seq, there.settled_at),
                )
                for name, owner, currency, _ in OPENED
                if (there := self.opened[name])
            }
            users = {name: [client, "ACTIVATED"] for name, client in PLAYERS.items()}
            yield Stage(dict(self.ids), case_id=self.case_id), Reference(START, users, wallets)
            transaction.set_rollback(True)

    # Saying

    def order(self, said: Said) -> Order:
        """Translate the order of the model into one of the ledger."""
        values: dict[str, Any] = {"by": people.BY, "key": said.key} | MORE.get(said.verb, {})
        values["client_id"] = self.ids["client", said.client]
        for name, value in said.values:
            values |= self.translated(said, name, value)
        if said.verb == "execute":
            hold = models.Hold.objects.filter(id=values["hold_id"]).first()
            known = hold and hold.target_id
            values["target_id"] = known or values["wallet_id"]
        if said.verb == "freeze":
            values["case_id"] = self.case_id
        if said.verb == "reverse":
            movement = models.Movement.objects.filter(id=values["movement_id"]).first()
            if movement and (mirror := movement.mirror):
                values |= {"counterparty_id": movement.counterparty_id, "mirror_id": mirror.id}
        return ORDERS[said.verb](**values)

    def translated(self, said: Said, name: str, value: Any) -> dict[str, Any]:
        if name in IDS:
            kind = IDS[name]
            missing = None if value is None else people.unknown_id()
            return {f"{name}_id": self.ids.get((kind, value), missing)}
        if name == "line":
            currency, amount = line_of_bank(value)
            about = {"amount": people.decimal(amount, currency), "currency": currency}
            return {"line_id": self.line(value), **about}
        if name == "movement":
            legs = [each for kind, *each in self.ids if kind == "movement" and each[0] == value]
            leg = [value, said.wallet]
            named = ("movement", *(leg if leg in legs or not legs else legs[0]))
            return {"movement_id": self.ids.get(named, people.unknown_id())}
        if name == "user":
            return {"user_id": self.ids["user", value]}
        if name == "items":
            return {"items": tuple(self.order(item) for item in value)}
        if name == "if_match" and value is not None:
            known = (self.versions.get((said.hold, state), "never") for state in value)
            return {"if_match": frozenset(known)}
        return {FIELDS.get(name, name): value}

    def line(self, number: int) -> UUID:
        """The line of a statement; the statement is imported when it is first named."""
        if ("line", number) not in self.ids:
            currency, amount = line_of_bank(number)
            day = DAWN.date().isoformat()
            text = money.to_text(amount, currency)
            credit = Line(amount=text, currency=currency, reference=f"L{number}", day=day)
            about: dict[str, Any] = {
                "name": f"L{number}",
                "day": day,
                "currency": currency,
                "iban": BANK[currency],
            }
            xml = Statement(lines=(credit,), **about).xml()
            importing.store_file(xml, name="line.xml", actor="system:tests")
            self.ids["line", number] = models.BankLine.objects.get(reference=f"L{number}").id
        return self.ids["line", number]

    # Hearing

    def bind(self, name: tuple[Any, ...], found: UUID) -> None:
        """Store the id of a new name; a known name must keep its id."""
        if name not in self.ids:
            assert found not in self.ids.values(), f"{name} is something else"
            self.ids[name] = found
        assert self.ids[name] == found, f"{name} is another"

    def heard(self, made: Made, outcome: Outcome) -> None:
        """Assert that the outcome matches the model."""
        said = made.kind, made.status, made.replayed
        assert (outcome.made, outcome.status, outcome.replayed) == said
        legs = [leg.id for leg in outcome.legs]
        if made.kind in {"batch", "operation"}:
            self.bind((made.kind, made.names[0]), outcome.id)
            of_it = models.Movement.objects.filter(operation_id=outcome.id)
            there = {*of_it.values_list("id", flat=True)}
            assert {*legs} <= there
            assert made.kind == "batch" or len(there) == len(made.names)
        else:
            self.bind(made.names[0], outcome.id)
            assert legs == ([outcome.id] if made.kind == "movement" and not made.replayed else [])
        if made.kind in {"batch", "operation"} and not made.replayed:
            for name, found in zip(made.names, legs, strict=True):
                self.bind(name, found)

    def refused(self, no: No, refusal: errors.Refused) -> None:
        """Assert that the refusal and its relevant facts match the model."""
        assert refusal.code == no.code, f"{refusal.words} {refusal.facts} is not {no.code}"
        if isinstance(refusal, errors.InvalidFields):
            assert {error.field: error.code for error in refusal.errors} == no.facts
            return
        facts = dict(refusal.facts)
        items = no.facts.get("items", [])
        for expected, item in zip(items, facts.pop("items", []), strict=True):
            self.agree(expected, item)
        self.agree({name: value for name, value in no.facts.items() if name != "items"}, facts)

    def agree(self, expected: dict[str, Any], facts: dict[str, Any]) -> None:
        for name, value in expected.items():
            meant = self.meant(value) if isinstance(value, tuple) else value
            assert facts[name] == meant, f"{name} is {facts[name]}, not {meant}"

    def meant(self, name: tuple[Any, ...]) -> Any:
        if name[0] == "version":
            return f'"{self.versions[name[1:]]}"'
        return self.ids.get(name, people.unknown_id())


def fill(wallet: models.Wallet, amount: int) -> None:
    """Cash in the amount, in several orders if necessary."""
    longest = 10**15 - 1
    parts = [longest] * (amount // longest) + [amount % longest]
    outcomes = group.post([people.a_cash_in(wallet, part) for part in parts if part])
    assert not any(isinstance(outcome, errors.Refused) for outcome in outcomes)


def wallets() -> dict[UUID, tuple[Any, ...]]:
    return {
        seen.id: (
            seen.status,
            seen.balance,
            seen.held_now,
            seen.available,
            seen.received,
            seen.seq,
            seen.alert_below,
        )
        for seen in models.Wallet.objects.seen()
    }


def falls() -> dict[UUID, list[tuple[int, int, int]]]:
    """The alerts of each wallet that were recorded: the alert, the balance, and `seq`."""
    found: dict[UUID, list[tuple[int, int, int]]] = {}
    for event in Event.objects.filter(kind="wallet.balance_below").order_by("position"):
        assert event.subject_id == event.wallet_id
        data = event.data
        fall = data["alert_below"], data["balance"], data["seq"]
        found.setdefault(event.subject_id, []).append(fall)
    return found


def wallet(wallet_id: UUID) -> models.Wallet:
    return models.Wallet.objects.get(id=wallet_id)


def holds() -> dict[UUID, models.Hold]:
    return {seen.id: seen for seen in models.Hold.objects.seen()}


def movements() -> dict[UUID, models.Movement]:
    """Return the movements of the game."""
    found = models.Movement.objects.filter(created_at__gte=START).defer("metadata", "concept")
    return {seen.id: seen for seen in found}


def others() -> dict[UUID, str]:
    """The statuses of users and external accounts."""
    accounts = models.ExternalAccount.objects.values_list("id", "status")
    return dict(User.objects.values_list("id", "status").union(accounts))
