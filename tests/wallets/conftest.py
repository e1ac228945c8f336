"""What the tests of rows and of endpoints share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from django.contrib.auth import get_user_model

from iocash.db.pipeline import Pipeline
from tests.support import freezes, people, personal_texts, replayed
from tests.support.ibans import IBAN
from tests.support.people import Api
from wallets import posting
from wallets.models import ExternalAccount
from wallets.orders.external_accounts import AddExternalAccount


@pytest.fixture
@replayed.step
def lived(client_demo, bob):
    """All of Alice's life: her scene, without its caller; the caller's key; the files."""
    secret = people.a_key(client_demo)
    staff = get_user_model().objects.create_superuser("staff", password=None)
    for file in personal_texts.files():
        file.unlink()
    alice = people.a_user(client_demo, personal_texts.ALICE)
    scene = personal_texts.scene(Api(secret), alice, bob, staff)
    contents = {file: file.read_bytes() for file in personal_texts.files()}
    return replace(scene, api=Api(None)), secret, contents


@pytest.fixture
def scene(lived):
    """Alice has ended; all that was ever said of her is marked. No other test left documents."""
    scene, secret, contents = lived
    personal_texts.put_files(contents)
    return replace(scene, api=Api(secret))


@pytest.fixture
def wallet(alices):
    """Alice's wallet, with 100.00 EUR, by its path."""
    return f"wallets/{alices.id}"


@pytest.fixture
def path(alices):
    """The movements of Alice's wallet, which has 100.00 EUR."""
    return f"wallets/{alices.id}/movements"


@pytest.fixture
def there(alices, bobs):
    """What the paths name."""
    return {"wallet": alices.id, "movement": people.movements(alices)[0].id}


@pytest.fixture
def history(alices, bobs):
    """Alice's movements: 100.00 in, 10.00 out to Bob, 5.00 back from Bob."""
    people.transfer(alices, bobs, 10_00, key="lunch")
    people.transfer(bobs, alices, 5_00)
    return people.movements(alices)


@pytest.fixture
@replayed.step
def account(alices):
    """A bank account that Alice pays out to."""
    order = AddExternalAccount(**people.about(alices), iban=IBAN, alias="Rent")
    return ExternalAccount.objects.get(id=posting.submit(order).id)


@pytest.fixture
@replayed.step
def stage(alices, bobs):
    """Rows that the ledger wrote, by name; and ids of things of another client."""
    people.transfer(alices, bobs, 10_00, concept="Lunch", metadata={"a": "1"}, reference="1001")
    brought, out = people.movements(alices)
    (into,) = people.movements(bobs)
    hold = people.place(alices, bobs, 5_00, concept="Deposit", metadata={"a": "1"}, reference="7")
    frozen, lifted = freezes.freeze(alices, 3_00), freezes.lift(freezes.freeze(alices, 2_00))
    theirs = people.a_user(people.a_client("Another"), people.ALICE)
    return {
        "hold": hold.id,
        "frozen": frozen.id,
        "lifted": lifted.id,
        "alices": alices.id,
        "bobs": bobs.id,
        "client": alices.client_id,
        "brought": brought.id,
        "out": out.id,
        "into": into.id,
        "another": theirs.client_id,
        "their_user": theirs.id,
        "their_wallet": people.first_wallet(theirs).id,
        "dollars": people.a_wallet(people.first_wallet(theirs).user, "USD").id,
        "nobody": people.unknown_id(),
    }


@pytest.fixture
def trips(monkeypatch):
    """How often the database is waited for."""
    made: list[str] = []

    def count(kind: type[Any], name: str) -> None:
        call = getattr(kind, name)

        def noted(*args: Any, **kwargs: Any) -> Any:
            made.append(name)
            return call(*args, **kwargs)

        monkeypatch.setattr(kind, name, noted)

    count(Pipeline, "send")
    count(psycopg.Connection, "wait")
    return made
