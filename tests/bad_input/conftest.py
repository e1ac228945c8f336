"""Alice and Bob before every refusal; and that nothing has happened after it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import people, replayed
from tests.support.people import Api
from tests.support.refusals import Door, state
from tests.support.resources import ENDPOINTS, things
from users.models import Client
from wallets.models import Wallet


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
@replayed.step
def there(alices: Wallet, bobs: Wallet) -> dict[str, Any]:
    """What the addresses name."""
    return things(alices, bobs)


@pytest.fixture
def doors(there: dict[str, Any]) -> list[Door]:
    """Where a body is taken: the methods, the addresses, and bodies that would be taken there."""
    return [
        (each.method, each.at(there), each.body_for(there, "1.00"))
        for each in ENDPOINTS
        if each.body is not None
    ]


@pytest.fixture
def reader(client_demo: Client) -> Api:
    """The Demo client, with a key that moves no money."""
    return Api(people.a_key(client_demo, "users:read"))


@pytest.fixture
def yen(alices: Wallet) -> Wallet:
    """Alice's wallet in a currency without decimals."""
    return people.a_wallet(alices.user, "JPY")
