"""What the tests of the endpoints share."""

from __future__ import annotations

import pytest

from tests import cast
from tests.wallets.doors import IBAN
from wallets import accounts, posting
from wallets.models import ExternalAccount


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
    order = accounts.AddExternalAccount(**cast.about(alices), iban=IBAN, alias="Rent")
    return ExternalAccount.objects.get(id=posting.submit(order).id)
