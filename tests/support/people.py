"""The cast: Alice and Bob, their wallets, and a member of staff, on a stage that the ledger built.

Amounts are in minor units, as in the ledger: `10_00` is ten euros.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F
from django.test import Client as Browser

from iocash import errors, money
from iocash.db import clock
from tests.support import openapi
from users import users
from users.models import ApiKey, Client, User
from users.models.clients import SCOPES
from users.models.events import By
from wallets import posting
from wallets.models import Hold, Movement, Wallet
from wallets.orders.base import Outcome
from wallets.orders.holds import ExecuteHold, HoldOrder, PlaceHold
from wallets.orders.operations import TransferOperation
from wallets.orders.payments import BANK, CashIn, Reverse, Transfer
from wallets.orders.users import ActivateUser
from wallets.orders.wallets import ChangeWallet, OpenWallet

BY = By("system:tests", "test")
ALICE = {
    "kind": "NATURAL",
    "user_name": "alice",
    "first_name": "Alice",
    "last_name": "Example",
    "mobile_phone": "+34600000001",
}
BOB = ALICE | {"user_name": "bob", "first_name": "Bob", "mobile_phone": "+34600000002"}


@dataclass(frozen=True)
class Answer:
    """What the API answered: the status, the headers, and the JSON."""

    status: int
    headers: Any
    json: Any

    @property
    def code(self) -> str:
        """The stable code of an error."""
        return str(self.json["code"])

    @property
    def wrong(self) -> dict[str, str]:
        """The wrong fields of a 400, with their codes."""
        return {error["field"]: error["code"] for error in self.json["errors"]}


class Api:
    """A caller of the API with one key, or with none."""

    def __init__(self, secret: str | None) -> None:
        self.secret = secret
        self.browser = Browser(raise_request_exception=True)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        sent = dict(headers or {})
        if self.secret:
            sent.setdefault("Authorization", f"Bearer {self.secret}")
        if key is not None:
            sent["Idempotency-Key"] = key
        address = path if path.startswith(("/", "http://")) else f"/api/v1/{path}"
        data = raw if raw is not None else dump(body)
        response = self.browser.generic(
            method, address, data, content_type=content_type, headers=sent
        )
        content = response.json() if response.content else None
        if content is not None:
            openapi.check(method, address, response.status_code, response.headers, content)
        return Answer(response.status_code, response.headers, content)

    def get(self, path: str, **kwargs: Any) -> Answer:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return self.call("POST", path, body, **kwargs)

    def put(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return self.call("PUT", path, body, **kwargs)

    def patch(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return self.call("PATCH", path, body, **kwargs)


def dump(body: Any) -> bytes:
    import json

    return b"" if body is None else json.dumps(body).encode()


def a_client(name: str = "Demo") -> Client:
    return Client.objects.create(name=name)


def a_key(client: Client, *scopes: str) -> str:
    """Issue a key with these scopes, or with all of them; return the secret."""
    return ApiKey.issue(client=client, label="tests", scopes=list(scopes or SCOPES))[1]


def a_user(client: Client, values: dict[str, Any]) -> User:
    """A user, activated, with the first wallet."""
    user = users.create(client_id=client.id, values=values, by=BY).user
    posting.submit(
        ActivateUser(client_id=client.id, by=BY, user_id=user.id, phone=user.mobile_phone)
    )
    user.refresh_from_db()
    return user


def first_wallet(user: User) -> Wallet:
    return Wallet.objects.filter(user=user).earliest("created_at")


def a_wallet(user: User, currency: str = "EUR") -> Wallet:
    """One more wallet of the user."""
    order = OpenWallet(client_id=user.client_id, by=BY, user_id=user.id, currency=currency)
    return Wallet.objects.get(id=posting.submit(order).id)


def decimal(minor: int, currency: str = "EUR") -> Decimal:
    return Decimal(minor).scaleb(-money.decimals(currency))


def a_cash_in(target: Wallet, amount: int, **details: Any) -> CashIn:
    return CashIn(
        client_id=target.client_id,
        by=BY,
        wallet_id=target.id,
        amount=decimal(amount, target.currency),
        **details,
    )


def cash_in(target: Wallet, amount: int, **details: Any) -> Outcome:
    """Bring `amount` minor units into the wallet.

    If the cash-ins of its client come from the bank, it is as if that were so only since then: the
    cash-in has no bank line.
    """
    order = a_cash_in(target, amount, **details)
    try:
        return posting.submit(order)
    except errors.CashInsFromBank:
        made = cash_in_of_bank(target, amount, **details)
        Client.objects.filter(id=target.client_id).update(cash_ins_since=clock.now())
        return made


def cash_in_of_bank(target: Wallet, amount: int, **details: Any) -> Outcome:
    """Bring money into the wallet as the bank does, without a line: the audit finds it."""
    return posting.submit(replace(a_cash_in(target, amount, **details), by=BANK))


def a_transfer(source: Wallet, target: Wallet, amount: int, **details: Any) -> Transfer:
    return Transfer(
        client_id=source.client_id,
        by=BY,
        wallet_id=source.id,
        target_id=target.id,
        amount=decimal(amount, source.currency),
        **details,
    )


def an_operation(*transfers: Transfer, **details: Any) -> TransferOperation:
    """Several transfers of one client as one order."""
    return TransferOperation(client_id=transfers[0].client_id, by=BY, items=transfers, **details)


def transfer(source: Wallet, target: Wallet, amount: int, **details: Any) -> Outcome:
    """Move `amount` minor units from one wallet to the other."""
    return posting.submit(a_transfer(source, target, amount, **details))


def about(wallet: Wallet, **values: Any) -> dict[str, Any]:
    """What every order about the wallet says."""
    return {"client_id": wallet.client_id, "by": BY, "wallet_id": wallet.id, **values}


def a_hold(source: Wallet, target: Wallet, amount: int, **details: Any) -> PlaceHold:
    return PlaceHold(
        **about(source), target_id=target.id, amount=decimal(amount, source.currency), **details
    )


def place(source: Wallet, target: Wallet, amount: int, **details: Any) -> Hold:
    """Promise `amount` minor units of one wallet to the other."""
    return seen(posting.submit(a_hold(source, target, amount, **details)).id)


def seen(hold_id: UUID) -> Hold:
    """The hold as it is now."""
    return Hold.objects.seen().get(id=hold_id)


def an_execution(hold: Hold, amount: int | None = None, **details: Any) -> ExecuteHold:
    return ExecuteHold(
        client_id=hold.client_id,
        by=BY,
        wallet_id=hold.wallet_id,
        hold_id=hold.id,
        target_id=hold.payee_id,
        amount=None if amount is None else decimal(amount, hold.currency),
        **details,
    )


def execute(hold: Hold, amount: int | None = None, **details: Any) -> Movement:
    """Pay `amount` minor units of the hold, or all of it."""
    return Movement.objects.get(id=posting.submit(an_execution(hold, amount, **details)).id)


def about_hold(verb: type[HoldOrder], hold: Hold, **values: Any) -> HoldOrder:
    """An order that releases or renews the hold."""
    return verb(
        client_id=hold.client_id, by=BY, wallet_id=hold.wallet_id, hold_id=hold.id, **values
    )


def a_reversal(movement: Movement, amount: int | None = None, **details: Any) -> Reverse:
    about: dict[str, Any] = {"client_id": movement.client_id, "by": BY, **movement.reversible}
    return Reverse(
        **about,
        amount=None if amount is None else decimal(amount, movement.currency),
        **details,
    )


def reverse(movement: Movement, amount: int | None = None, **details: Any) -> Movement:
    """Give back `amount` minor units of what the movement moved, or all that is left."""
    return Movement.objects.get(id=posting.submit(a_reversal(movement, amount, **details)).id)


def pass_time(delta: timedelta, *wallets: Wallet) -> None:
    """Let so much time pass for all that expires, or in these wallets: it comes nearer by that."""
    holds, stored = Hold.objects.filter(status="OPEN"), Wallet.objects.all()
    if wallets:
        ids = [wallet.id for wallet in wallets]
        holds, stored = holds.filter(wallet__in=ids), stored.filter(id__in=ids)
    holds.update(expires_at=F("expires_at") - delta)
    stored.update(next_expiry=F("next_expiry") - delta)


def to(target: Wallet, amount: Any = "10.00", **values: Any) -> dict[str, Any]:
    """What a request says that pays `target`."""
    return {"type": "TRANSFER", "targetWalletId": str(target.id), "amount": amount, **values}


def cash(amount: Any = "10.00", **values: Any) -> dict[str, Any]:
    """What a request says that brings money."""
    return {"type": "CASH_IN", "amount": amount, **values}


def close(wallet: Wallet) -> Outcome:
    """Close the wallet for ever; it must be empty."""
    order = ChangeWallet(client_id=wallet.client_id, by=BY, wallet_id=wallet.id, closing=True)
    return posting.submit(order)


def block(thing: Wallet | User) -> None:
    """Block a wallet, or its owner, as a member of staff would."""
    type(thing).objects.filter(id=thing.id).update(status="BLOCKED")


def balances(*wallets: Wallet) -> list[int]:
    """What the database says now, in minor units."""
    stored = dict(Wallet.objects.values_list("id", "balance"))
    return [stored[wallet.id] for wallet in wallets]


def movements(wallet: Wallet) -> list[Movement]:
    """All movements of the wallet, in order of `seq`."""
    return list(Movement.objects.filter(wallet=wallet.id).order_by("seq"))


def unknown_id() -> UUID:
    return UUID("01980000-0000-7000-8000-000000000000")
