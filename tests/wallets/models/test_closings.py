"""What the database itself refuses about closings."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.support.constraints import refused_by
from users.models.ids import new_id
from wallets.models import Closing, ClosingPayment, Wallet

pytestmark = pytest.mark.django_db

CONSTRAINTS = """
    SELECT conname FROM pg_constraint
    WHERE contype = 'c' AND conrelid::regclass::text ~ '^wallets_closing'
    UNION SELECT indexrelid::regclass::text FROM pg_index
    WHERE indisunique AND NOT indisprimary AND indrelid::regclass::text ~ '^wallets_closing'
"""
AGAIN = """
    INSERT INTO wallets_closing (id, client_id, user_id, iban, holder_name, state, actor, ended_by)
    SELECT gen_random_uuid(), client_id, user_id, '', '', state, actor, '' FROM wallets_closing
"""
SAME_ATTEMPT = """
    INSERT INTO wallets_closingpayment (closing_id, wallet_id, attempt, amount, currency, actor)
    SELECT closing_id, wallet_id, attempt, 1, currency, actor FROM wallets_closingpayment
"""
BROKEN = {
    "closing_is_under_way_once": AGAIN,
    "closing_has_ended_at_a_time": "UPDATE wallets_closing SET state = 'DONE'",
    "closing_pays_each_attempt_once": SAME_ATTEMPT,
    "closing_payment_is_positive": "UPDATE wallets_closingpayment SET amount = 0",
    "wallets_closingpayment_attempt_check": "UPDATE wallets_closingpayment SET attempt = -1",
}


@pytest.fixture
def payment(alices: Wallet) -> ClosingPayment:
    closing = Closing.objects.create(client=alices.client, user=alices.user, actor="staff:1")
    return ClosingPayment.objects.create(
        closing=closing, wallet=alices, attempt=1, amount=1, currency="EUR", actor="staff:1"
    )


@pytest.mark.parametrize("name", BROKEN)
def test_row_that_violates_a_constraint_is_refused(name, payment):
    assert refused_by(BROKEN[name]) == name


def test_every_constraint_of_closings_is_violated_by_a_test():
    with connection.cursor() as cursor:
        cursor.execute(CONSTRAINTS)
        assert {name for (name,) in cursor.fetchall()} == {*BROKEN}


def test_closing_is_of_the_users_client(payment):
    moved = "UPDATE wallets_closing SET client_id = %s"
    assert refused_by(moved, [new_id()]) in {
        "closing_is_of_the_users_client",
        "wallets_closing_client_id_5dd6d5ca_fk_users_client_id",
    }
