"""Alice and Bob before every refusal; and that nothing has happened after it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests import cast
from tests.bad_input.refusing import USER, Door, state
from tests.cast import Api
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
    for name in {"stranger", "reader", "yen"} & set(request.fixturenames):
        request.getfixturevalue(name)
    before = state()
    yield
    said = caplog.get_records("call")
    alarms = [record for record in said if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in alarms] == []
    assert state() == before
    assert cast.balances(alices, bobs) == [100_00, 0]


@pytest.fixture
def path(alices: Wallet) -> str:
    return f"wallets/{alices.id}/movements"


@pytest.fixture
def order(bobs: Wallet) -> dict[str, Any]:
    """A transfer that would be made, if nothing in it were wrong."""
    return {"type": "TRANSFER", "targetWalletId": str(bobs.id), "amount": "10.00"}


@pytest.fixture
def doors(path: str, order: dict[str, Any], alices: Wallet) -> list[Door]:
    """Where a body is taken: the methods, the addresses, and bodies that would be taken there."""
    return [
        ("POST", path, order),
        ("POST", "users", USER),
        ("PATCH", f"users/{alices.user_id}", {"firstName": "Alicia"}),
    ]


@pytest.fixture
def reader(client_demo: Client) -> Api:
    """The Demo client, with a key that moves no money."""
    return Api(cast.a_key(client_demo, "users:read"))


@pytest.fixture
def yen(alices: Wallet) -> Wallet:
    """Alice's wallet in a currency without decimals."""
    return cast.a_wallet(alices.user, "JPY")
