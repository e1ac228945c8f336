"""What the tests of rows and of endpoints share."""

from __future__ import annotations

import pytest

from tests import cast
from tests.wallets import marked
from tests.wallets.doors import IBAN
from wallets import posting
from wallets.models import ExternalAccount
from wallets.orders import AddExternalAccount


@pytest.fixture
def scene(api, client_demo, bob, staff):
    """Alice has ended; all that was ever said of her is marked. No other test left documents."""
    for file in marked.files():
        file.unlink()
    return marked.scene(api, cast.a_user(client_demo, marked.ALICE), bob, staff)


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
    return {"wallet": alices.id, "movement": cast.movements(alices)[0].id}


@pytest.fixture
def history(alices, bobs):
    """Alice's movements: 100.00 in, 10.00 out to Bob, 5.00 back from Bob."""
    cast.transfer(alices, bobs, 10_00, key="lunch")
    cast.transfer(bobs, alices, 5_00)
    return cast.movements(alices)


@pytest.fixture
def account(alices):
    """A bank account that Alice pays out to."""
    order = AddExternalAccount(**cast.about(alices), iban=IBAN, alias="Rent")
    return ExternalAccount.objects.get(id=posting.submit(order).id)


@pytest.fixture
def stage(alices, bobs):
    """Rows that the ledger wrote, by name; and ids of things of another client."""
    cast.transfer(alices, bobs, 10_00, concept="Lunch", metadata={"a": "1"})
    brought, out = cast.movements(alices)
    (into,) = cast.movements(bobs)
    hold = cast.place(alices, bobs, 5_00, concept="Deposit", metadata={"a": "1"})
    theirs = cast.a_user(cast.a_client("Another"), cast.ALICE)
    return {
        "hold": hold.id,
        "alices": alices.id,
        "bobs": bobs.id,
        "client": alices.client_id,
        "brought": brought.id,
        "out": out.id,
        "into": into.id,
        "another": theirs.client_id,
        "their_user": theirs.id,
        "their_wallet": cast.first_wallet(theirs).id,
        "dollars": cast.a_wallet(cast.first_wallet(theirs).user, "USD").id,
        "nobody": cast.unknown_id(),
    }
