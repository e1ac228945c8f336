"""Alice and Bob before every refusal; and that nothing has happened after it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.support import people
from tests.support.ibans import IBAN, OTHER_IBAN
from tests.support.people import Api
from tests.support.refusals import USER, Door, state
from users.models import Client
from wallets import posting
from wallets.models import Wallet
from wallets.orders.external_accounts import AddExternalAccount


@pytest.fixture(autouse=True)
def nothing_happens(
    api: Api,
    alices: Wallet,
    bobs: Wallet,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    """After every refusal all tables are as they were, and nobody was alarmed."""
    for name in {"stranger", "reader", "there", "yen"} & set(request.fixturenames):
        request.getfixturevalue(name)
    before = state()
    yield
    said = caplog.get_records("call")
    alarms = [record for record in said if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in alarms] == []
    assert state() == before
    assert people.balances(alices, bobs) == [100_00, 0]


@pytest.fixture
def path(alices: Wallet) -> str:
    return f"wallets/{alices.id}/movements"


@pytest.fixture
def order(bobs: Wallet) -> dict[str, Any]:
    """A transfer that would be made, if nothing in it were wrong."""
    return {"type": "TRANSFER", "targetWalletId": str(bobs.id), "amount": "10.00"}


@pytest.fixture
def there(alices: Wallet, bobs: Wallet) -> dict[str, UUID]:
    """What the addresses name: Alice, her wallet, its cash-in, a hold, and a bank account."""
    (movement,) = people.movements(alices)
    account = AddExternalAccount(**people.about(alices), iban=IBAN)
    return {
        "user": alices.user_id,
        "wallet": alices.id,
        "movement": movement.id,
        "hold": people.place(alices, bobs, 5_00).id,
        "account": posting.submit(account).id,
    }


@pytest.fixture
def doors(there: dict[str, UUID], order: dict[str, Any]) -> list[Door]:
    """Where a body is taken: the methods, the addresses, and bodies that would be taken there."""
    user, wallet = f"users/{there['user']}", f"wallets/{there['wallet']}"
    promise = {"targetWalletId": order["targetWalletId"], "amount": "1.00"}
    return [
        ("POST", f"{wallet}/movements", order),
        ("POST", "users", USER),
        ("PATCH", user, {"firstName": "Alicia"}),
        ("POST", "wallets", {"userId": str(there["user"])}),
        ("PATCH", wallet, {"alias": "Trips"}),
        ("POST", f"{wallet}/movements/batch", {"movements": [order]}),
        ("POST", f"{wallet}/movements/{there['movement']}/reversal", {"amount": "1.00"}),
        ("POST", f"{wallet}/holds", promise),
        ("PATCH", f"{wallet}/holds/{there['hold']}", {"expiration": None}),
        ("POST", f"{wallet}/holds/{there['hold']}/executions", {"amount": "1.00"}),
        ("POST", f"{wallet}/external-accounts", {"externalIban": {"accountNumber": OTHER_IBAN}}),
        ("PATCH", f"{wallet}/external-accounts/{there['account']}", {"status": "REMOVED"}),
    ]


@pytest.fixture
def reader(client_demo: Client) -> Api:
    """The Demo client, with a key that moves no money."""
    return Api(people.a_key(client_demo, "users:read"))


@pytest.fixture
def yen(alices: Wallet) -> Wallet:
    """Alice's wallet in a currency without decimals."""
    return people.a_wallet(alices.user, "JPY")
