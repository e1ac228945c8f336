"""Every kind of change meets a connection that breaks at COMMIT, or as soon as that is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from django.db import connection

from tests.faults.commit_faults import DONE, READY, SURE
from tests.faults.relay import Fault, Relay, cut, end, lose_the_answer, relayed, say
from tests.support import people
from tests.support.embedded_postgres import eventually
from tests.support.people import Answer, Api
from tests.support.server import at_rest
from users.models import User
from wallets.models import Hold, Movement, Wallet

pytestmark = pytest.mark.django_db(transaction=True)

OTHER_ALICE = {
    "kind": "NATURAL",
    "userName": "alice2",
    "firstName": "Alice",
    "lastName": "Example",
    "mobilePhone": "+34600000009",
}

FAULTS = [
    Fault("app:Sync", say("FATAL", "08P01"), is_after=True),
    Fault(READY, cut, is_after=True, name="everything is answered and the connection ends"),
]
MORE_FAULTS = [
    Fault("app:Parse", end("25P03")),
    Fault("app:Execute", cut),
    Fault("app:Sync", lose_the_answer, is_after=True),
    Fault(DONE, cut, is_after=True, name="COMMIT is answered and nothing more"),
]


class Scene(NamedTuple):
    """Whom and what the changes are about."""

    api: Api
    alice: User
    alices: Wallet
    bobs: Wallet
    code: str

    @property
    def newcomer(self) -> User:
        return User.objects.get(user_name="bob2")

    def post(self, below: str, body: Any, key: str | None = None) -> Answer:
        return self.api.post(f"wallets/{self.alices.id}/{below}", body, key=key)


class Change(NamedTuple):
    """A request, and how often the books say that it was done."""

    ask: Callable[[Scene], Answer]
    times: Callable[[Scene], float]


def movements(scene: Scene) -> int:
    return Movement.objects.filter(wallet=scene.alices).count() - 1


def transfer(scene: Scene) -> dict[str, Any]:
    ids = {"sourceWalletId": str(scene.alices.id), "targetWalletId": str(scene.bobs.id)}
    return {"amount": "1.00", **ids}


CHANGES = {
    "cash-in": Change(lambda on: on.post("movements", people.cash("1.00")), movements),
    "transfer with a key": Change(
        lambda on: on.post("movements", people.to(on.bobs, "1.00"), key="k"), movements
    ),
    "hold": Change(
        lambda on: on.post("holds", {"targetWalletId": str(on.bobs.id), "amount": "1.00"}),
        lambda on: Hold.objects.count(),
    ),
    "batch": Change(
        lambda on: on.post("movements/batch", {"movements": [people.to(on.bobs, "1.00")] * 2}),
        lambda on: movements(on) / 2,
    ),
    "large batch": Change(
        lambda on: on.post("movements/batch", {"movements": [people.to(on.bobs, "0.01")] * 300}),
        lambda on: movements(on) / 300,
    ),
    "operation": Change(
        lambda on: on.api.post("operations", {"transfers": [transfer(on), transfer(on)]}),
        lambda on: movements(on) / 2,
    ),
    "new wallet": Change(
        lambda on: on.api.post("wallets", {"userId": str(on.alice.id), "currency": "EUR"}),
        lambda on: Wallet.objects.filter(user=on.alice).count() - 1,
    ),
    "new user": Change(
        lambda on: on.api.post("users", OTHER_ALICE),
        lambda on: User.objects.filter(user_name="alice2").count(),
    ),
    "new user with a key": Change(
        lambda on: on.api.post("users", OTHER_ALICE, key="k"),
        lambda on: User.objects.filter(user_name="alice2").count(),
    ),
    "changed name": Change(
        lambda on: on.api.patch(f"users/{on.alice.id}", {"firstName": "Alicia"}),
        lambda on: User.objects.filter(first_name="Alicia").count(),
    ),
    "validated phone": Change(
        lambda on: on.api.post(f"users/{on.newcomer.id}/validate-otp", {"otp": on.code}),
        lambda on: Wallet.objects.filter(user=on.newcomer).count(),
    ),
    "closed user": Change(
        lambda on: on.api.patch(f"users/{on.newcomer.id}", {"status": "UNSUBSCRIBED"}),
        lambda on: int(on.newcomer.status == "UNSUBSCRIBED"),
    ),
}


@pytest.fixture
def scene(api, alice, alices, bobs, capsys) -> Scene:
    body = OTHER_ALICE | {"userName": "bob2", "mobilePhone": "+34600000008"}
    assert api.post("users", body).status == 202
    (code,) = re.findall(r"OTP (\d{6})", capsys.readouterr().out)[-1:]
    return Scene(api, alice, alices, bobs, code)


@pytest.fixture
def relay(scene) -> Iterator[Relay]:
    with relayed() as relay:
        yield relay


@pytest.mark.ci
@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("name", CHANGES)
def test_change_is_made_once_and_answered_correctly(scene, relay, name, fault):
    """Takes half a minute."""
    check(scene, relay, CHANGES[name], fault)


@pytest.mark.ci
@pytest.mark.parametrize("fault", MORE_FAULTS, ids=str)
@pytest.mark.parametrize("name", CHANGES)
def test_change_is_made_once_for_any_fault(scene, relay, name, fault):
    """Takes minutes."""
    check(scene, relay, CHANGES[name], fault)


def check(scene: Scene, relay: Relay, change: Change, fault: Fault) -> None:
    relay.plan(fault)
    answer = change.ask(scene)
    connection.close()  # the fault may have left it broken
    eventually(at_rest)
    assert relay.met == [fault]
    done = change.times(scene)
    if answer.status == 503:
        assert (answer.code in SURE, done) == (True, 0), answer.json
    else:
        assert (answer.status < 300, done) == (True, 1), answer.json
