"""What the verbs of the ledger do and refuse."""

import pytest

from iocash import errors
from tests import cast

pytestmark = pytest.mark.django_db


def test_transfer_moves_money_between_two_wallets(alices, bobs):
    cast.transfer(alices, bobs, 10_00)
    assert cast.balances(alices, bobs) == [90_00, 10_00]


def test_transfer_of_more_than_available_is_refused(alices, bobs):
    with pytest.raises(errors.InsufficientFunds) as refused:
        cast.transfer(alices, bobs, 100_01)
    assert refused.value.facts["available"] == "100.00"
    assert cast.balances(alices, bobs) == [100_00, 0]
