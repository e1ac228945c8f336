"""The verbs that can meet on one thing, in families, and what the second of two is told.

All of them are about Alice's wallet and Bob's, on a stage.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.model import file_races
from tests.model.race_stages import Family, Stage, Verb
from tests.support import freezes, people
from wallets.models import Wallet
from wallets.orders.bank_files import ReturnCashOut, SettleByBank
from wallets.orders.base import Order
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import (
    CancelCashOut,
    CashOut,
    CashOutOrder,
    MarkCashOutSent,
    RejectCashOut,
    SettleCashOut,
)
from wallets.orders.external_accounts import AddExternalAccount, RemoveExternalAccount
from wallets.orders.holds import ReleaseHold, RenewHold
from wallets.orders.payments import Adjust, CashIn
from wallets.orders.users import BlockUser, UnsubscribeUser
from wallets.orders.wallets import BlockWallet, ChangeWallet, OpenWallet

IBAN, OTHER_IBAN = "ES9121000418450200051332", "DE89370400440532013000"
TOMORROW = timezone.now() + timedelta(days=1)
NEXT_WEEK = TOMORROW + timedelta(days=7)


class Later(CashIn):
    """A cash-in two days later than now, for which expiring holds are overdue."""


def on_hold(verb: Any, *, as_seen: bool = False, **values: Any) -> Verb:
    def order(stage: Stage) -> Order:
        seen = {"if_match": frozenset({stage.hold.version})} if as_seen else {}
        return people.about_hold(verb, stage.hold, **seen, **values)

    return order


def on_cash_out(verb: type[CashOutOrder], **values: Any) -> Verb:
    return lambda stage: verb(**people.about(stage.alices), movement_id=stage.made[1], **values)


def cash_out(stage: Stage, amount: int = 60_00, **values: Any) -> CashOut:
    to = values if "account_id" in values else {"iban": IBAN, **values}
    return CashOut(**people.about(stage.alices), amount=people.decimal(amount), **to)


def adjust(stage: Stage) -> Order:
    return Adjust(**people.about(stage.alices), amount=people.decimal(60_00), is_debit=True)


def batch(stage: Stage, **values: Any) -> Order:
    items = (people.a_transfer(stage.alices, stage.bobs, 30_00), cash_out(stage, 30_00))
    return Batch(**people.about(stage.alices), items=items, **values)


def operation(stage: Stage, **values: Any) -> Order:
    there = people.a_transfer(stage.alices, stage.bobs, 80_00)
    back = people.a_transfer(stage.bobs, stage.alices, 30_00)
    return people.an_operation(there, back, **values)


def add(wallet: Wallet, iban: str = IBAN) -> Order:
    return AddExternalAccount(**people.about(wallet), iban=iban)


def remove(stage: Stage) -> Order:
    return RemoveExternalAccount(**people.about(stage.alices), account_id=stage.made[1])


def close(wallet: Wallet) -> Order:
    return ChangeWallet(**people.about(wallet), closing=True)


def alert(wallet: Wallet) -> Order:
    return ChangeWallet(**people.about(wallet), alert_below=people.decimal(90_00))


def block(wallet: Wallet) -> Order:
    return BlockWallet(**people.about(wallet), reason="OTHER")


def on_user(verb: Any, wallet: Wallet, **values: Any) -> Order:
    order: Order = verb(client_id=wallet.client_id, by=people.BY, user_id=wallet.user_id, **values)
    return order


def comes(amount: int) -> Verb:
    return lambda stage: people.a_cash_in(stage.alices, amount)


def pays(amount: int, **values: Any) -> Verb:
    return lambda stage: people.a_transfer(stage.alices, stage.bobs, amount, **values)


def holds(amount: int, **values: Any) -> Verb:
    return lambda stage: people.a_hold(stage.alices, stage.bobs, amount, **values)


HOLD: dict[str, Verb] = {
    "execute": lambda stage: people.an_execution(stage.hold),
    "execute part": lambda stage: people.an_execution(stage.hold, 40_00, keep_open=True),
    "release": on_hold(ReleaseHold),
    "release as seen": on_hold(ReleaseHold, as_seen=True),
    "renew": on_hold(RenewHold, expires_at=NEXT_WEEK),
    "close target": lambda stage: close(stage.bobs),
    "end target": lambda stage: on_user(UnsubscribeUser, stage.bobs),
    "block wallet": lambda stage: block(stage.alices),
    "spend": pays(70_00),
}
EXPIRE: dict[str, Verb] = {
    "expire": lambda stage: Later(**people.about(stage.alices), amount=people.decimal(1_00))
}
CASH_OUT: dict[str, Verb] = {
    "mark sent": on_cash_out(MarkCashOutSent),
    "settle": on_cash_out(SettleCashOut),
    "reject": on_cash_out(RejectCashOut, reason="Closed"),
    "cancel": on_cash_out(CancelCashOut),
    "spend": pays(70_00),
}
WALLET: dict[str, Verb] = {
    "transfer all": pays(100_00),
    "transfer back": lambda stage: people.a_transfer(stage.bobs, stage.alices, 60_00),
    "cash-in": comes(50_00),
    "cash-out": cash_out,
    "hold": holds(60_00),
    "adjust down": adjust,
    "batch": batch,
    "operation": operation,
    "reverse all": lambda stage: people.a_reversal(stage.movement),
    "reverse part": lambda stage: people.a_reversal(stage.movement.mirror, 30_00),  # type: ignore[arg-type]
    "alert": lambda stage: alert(stage.alices),
    "block wallet": lambda stage: block(stage.alices),
    "close wallet": lambda stage: close(stage.alices),
    "block user": lambda stage: on_user(BlockUser, stage.alices, reason="OTHER"),
    "unsubscribe": lambda stage: on_user(UnsubscribeUser, stage.alices),
}
FROZEN: dict[str, Verb] = {
    "freeze": lambda stage: freezes.a_freeze(stage.alices, 60_00),
    "lift": lambda stage: freezes.a_lift(stage.hold),
    "spend": pays(60_00),
    "cash-out": cash_out,
    "hold": holds(60_00),
    "release": on_hold(ReleaseHold),
    "close wallet": lambda stage: close(stage.alices),
    "block user": lambda stage: on_user(BlockUser, stage.alices, reason="OTHER"),
}
EMPTY: dict[str, Verb] = {
    "transfer to it": pays(60_00),
    "cash-in": lambda stage: people.a_cash_in(stage.bobs, 50_00),
    "hold for it": holds(60_00),
    "execute for it": lambda stage: people.an_execution(stage.hold),
    "block wallet": lambda stage: block(stage.bobs),
    "close wallet": lambda stage: close(stage.bobs),
    "block user": lambda stage: on_user(BlockUser, stage.bobs, reason="OTHER"),
    "unsubscribe": lambda stage: on_user(UnsubscribeUser, stage.bobs),
    "add account": lambda stage: add(stage.bobs),
    "open another": lambda stage: on_user(OpenWallet, stage.bobs),
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
    "operation": lambda stage: operation(stage, key="k"),
    "cash-in": lambda stage: people.a_cash_in(stage.alices, 60_00, key="k"),
    "other wallet": lambda stage: people.a_cash_in(stage.bobs, 60_00, key="k"),
    "too much": lambda stage: people.a_transfer(stage.bobs, stage.alices, 110_00, key="k"),
}
BY_HAND: dict[str, Verb] = CASH_OUT | {
    "block user": lambda stage: on_user(BlockUser, stage.alices, reason="OTHER"),
    "statement settles": on_cash_out(SettleByBank),
    "return": lambda stage: ReturnCashOut(**people.about(stage.alices), movement_id=stage.made[1]),
}
KNOWN: Verb = ACCOUNT["add again"]
HELD = (comes(100_00), holds(60_00, expires_at=TOMORROW))
PENDING = (comes(100_00), cash_out)
PAID: tuple[Verb, ...] = (
    comes(150_00),
    pays(50_00),
    lambda stage: people.a_cash_in(stage.bobs, 50_00),
)
FAMILIES: dict[str, Family] = {
    "hold": Family(
        HELD,
        HOLD | EXPIRE,
        {
            ("execute", "execute"): "hold_not_open",
            ("execute", "release"): "hold_not_open",
            ("execute", "end target"): "wallet_not_empty",
            ("execute part", "execute part"): "hold_exceeded",
            ("execute part", "release"): "200 hold",
            ("release", "execute"): "hold_not_open",
            ("release", "renew"): "hold_not_open",
            ("release", "release"): "200 hold",
            ("renew", "renew"): "200 hold",
            ("release", "spend"): "201 movement",
            ("renew", "release as seen"): "version_conflict",
            ("expire", "execute"): "hold_not_open",
            ("expire", "release"): "hold_not_open",
            ("expire", "spend"): "201 movement",
            ("renew", "spend"): "insufficient_funds",
            ("close target", "execute"): "wallet_not_ready",
            ("block wallet", "execute"): "wallet_not_ready",
            ("block wallet", "release"): "200 hold",
        },
    ),
    "overdue hold": Family(
        HELD,
        HOLD,
        {
            ("execute", "release"): "hold_not_open",
            ("renew", "execute part"): "hold_not_open",
            ("close target", "spend"): "wallet_not_ready",
            ("release", "spend"): "201 movement",
        },
        is_overdue=True,
    ),
    "cash-out": Family(
        PENDING,
        CASH_OUT,
        {
            ("mark sent", "cancel"): "cash_out_sent",
            ("mark sent", "mark sent"): "cash_out_sent",
            ("mark sent", "settle"): "200 movement",
            ("reject", "cancel"): "movement_not_pending",
            ("cancel", "mark sent"): "movement_not_pending",
            ("cancel", "cancel"): "200 movement",
            ("cancel", "spend"): "201 movement",
        },
    ),
    "sent cash-out": Family(
        (*PENDING, on_cash_out(MarkCashOutSent)),
        CASH_OUT,
        {
            ("settle", "settle"): "movement_not_pending",
            ("settle", "reject"): "movement_not_pending",
            ("reject", "settle"): "movement_not_pending",
            ("settle", "spend"): "insufficient_funds",
        },
    ),
    "wallet": Family(
        PAID,
        WALLET,
        {
            ("transfer all", "cash-out"): "insufficient_funds",
            ("transfer all", "close wallet"): "200 wallet",
            ("transfer all", "unsubscribe"): "200 user",
            ("transfer back", "reverse all"): "insufficient_funds",
            ("cash-out", "hold"): "insufficient_funds",
            ("hold", "adjust down"): "insufficient_funds",
            ("adjust down", "batch"): "batch_refused",
            ("batch", "transfer all"): "insufficient_funds",
            ("transfer all", "operation"): "batch_refused",
            ("operation", "transfer all"): "insufficient_funds",
            ("operation", "cash-out"): "insufficient_funds",
            ("block user", "operation"): "batch_refused",
            ("reverse all", "reverse all"): "reversal_exceeded",
            ("reverse part", "reverse part"): "reversal_exceeded",
            ("block wallet", "transfer back"): "wallet_not_ready",
            ("block user", "cash-in"): "user_not_active",
        },
    ),
    "freeze": Family(
        (comes(130_00), lambda stage: freezes.a_freeze(stage.alices, 60_00)),
        FROZEN,
        {
            ("freeze", "freeze"): "insufficient_funds",
            ("freeze", "spend"): "insufficient_funds",
            ("freeze", "cash-out"): "insufficient_funds",
            ("freeze", "hold"): "insufficient_funds",
            ("spend", "freeze"): "insufficient_funds",
            ("cash-out", "freeze"): "insufficient_funds",
            ("lift", "lift"): "hold_not_open",
            ("lift", "freeze"): "201 hold",
            ("lift", "spend"): "201 movement",
            ("lift", "release"): "not_found",
            ("freeze", "close wallet"): "wallet_not_empty",
            ("block user", "freeze"): "201 hold",
            ("block user", "lift"): "200 hold",
        },
    ),
    "frozen money that comes back": Family(
        (comes(60_00), lambda stage: freezes.a_freeze(stage.alices, 60_00)),
        {name: FROZEN[name] for name in ("freeze", "lift", "spend", "close wallet")},
        {
            ("lift", "freeze"): "201 hold",
            ("lift", "lift"): "hold_not_open",
            ("lift", "spend"): "201 movement",
            ("lift", "close wallet"): "wallet_not_empty",
            ("freeze", "spend"): "insufficient_funds",
        },
    ),
    "empty wallet": Family(
        (comes(100_00), holds(20_00)),
        EMPTY,
        {
            ("transfer to it", "close wallet"): "wallet_not_empty",
            ("close wallet", "transfer to it"): "wallet_not_ready",
            ("close wallet", "add account"): "wallet_not_ready",
            ("execute for it", "unsubscribe"): "wallet_not_empty",
            ("block user", "hold for it"): "user_not_active",
            ("unsubscribe", "execute for it"): "wallet_not_ready",
            ("unsubscribe", "open another"): "user_not_active",
            ("add account", "add account"): "already_exists",
        },
    ),
    "external account": Family(
        (comes(100_00), KNOWN),
        ACCOUNT,
        {
            ("add", "add"): "already_exists",
            ("remove", "add again"): "201 account",
            ("remove", "remove"): "200 account",
            ("remove", "cash-out to it"): "external_account_removed",
            ("cash-out to it", "remove"): "200 account",
        },
    ),
    "key": Family(
        PAID,
        KEY,
        {
            ("transfer", "transfer"): "201 movement, replayed",
            ("transfer", "other amount"): "idempotency_key_reused",
            ("hold", "hold"): "201 hold, replayed",
            ("batch", "batch"): "201 batch, replayed",
            ("operation", "operation"): "201 operation, replayed",
            ("cash-in", "operation"): "idempotency_key_reused",
            ("cash-in", "batch"): "idempotency_key_reused",
            ("cash-in", "other wallet"): "idempotency_key_reused",
            ("too much", "transfer"): "201 movement",
        },
    ),
    **file_races.families(PENDING, BY_HAND),
}
