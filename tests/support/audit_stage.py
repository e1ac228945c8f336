"""Rows of every kind for the tests of the audit, and changes that only their owner can make."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from tests.support import freezes, limits, people, replayed
from tests.support.corruptions import NEW_ID
from wallets import posting
from wallets.models import Movement
from wallets.orders.cash_outs import CancelCashOut, CashOut, MarkCashOutSent, RejectCashOut


@pytest.fixture
@replayed.step
def stage(alices, bobs, account):
    """Money in, money over, with words and a key: the rows that the spoilers name."""
    out = people.transfer(alices, bobs, 10_00, concept="Lunch", metadata={"a": "1"}, key="k")
    moved = Movement.objects.get(id=out.id)
    into = Movement.objects.exclude(id=out.id).get(operation_id=moved.operation_id)
    expired = people.place(alices, bobs, 1_00, expires_at=datetime(2999, 1, 1, tzinfo=UTC))
    people.pass_time(timedelta(days=366 * 1000))
    words: dict[str, Any] = {"concept": "Deposit", "metadata": {"a": "1"}}
    hold = people.place(alices, bobs, 20_00, expires_at=datetime(2999, 1, 1, tzinfo=UTC), **words)
    execution = people.execute(hold, 5_00, keep_open=True)
    twin = people.transfer(alices, bobs, 10_00)
    reversal = people.reverse(moved, 2_00)
    waiting, rejected, cancelled = (
        posting.submit(limits.a_cash_out(alices, 1_00, concept="Rent")).id for _ in range(3)
    )
    posting.submit(MarkCashOutSent(**people.about(alices), movement_id=rejected))
    posting.submit(RejectCashOut(**people.about(alices), movement_id=rejected, reason="Closed"))
    posting.submit(CancelCashOut(**people.about(alices), movement_id=cancelled))
    to_account = people.about(alices, amount=people.decimal(1_00), account_id=account.id)
    stored = posting.submit(CashOut(**to_account)).id
    brought = people.cash_in(bobs, 5_00)
    frozen, lifted = freezes.freeze(alices, 3_00), freezes.lift(freezes.freeze(alices, 2_00))
    return {
        "frozen": frozen.id,
        "lifted": lifted.id,
        "alice": alices.user_id,
        "bob": bobs.user_id,
        "twin": twin.id,
        "waiting": waiting,
        "stored": stored,
        "rejected": rejected,
        "cancelled": cancelled,
        "expired": expired.id,
        "new": UUID(NEW_ID.strip("'")),
        "hold": hold.id,
        "execution": execution.id,
        "reversal": reversal.id,
        "executed": Movement.objects.get(wallet=bobs.id, hold=hold.id).id,
        "alices": alices.id,
        "bobs": bobs.id,
        "out": moved.id,
        "into": into.id,
        "cash_in": brought.id,
        "account": account.id,
        "client": alices.client_id,
    }


NULLABLE = [
    (
        "ALTER TABLE wallets_wallet ALTER head DROP NOT NULL, ALTER balance DROP NOT NULL,"
        " ALTER held DROP NOT NULL"
    ),
    "ALTER TABLE wallets_movement ALTER digest DROP NOT NULL",
]


def spoil(statement: str, rows: dict[str, Any]) -> None:
    """Do what only the owner can do, with every guard of the tables taken down."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE wallets_movement DISABLE TRIGGER movement_is_written_once")
        cursor.execute("ALTER TABLE wallets_hold DISABLE TRIGGER hold_is_placed_once")
        cursor.execute(
            "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)"
            " FROM pg_constraint"
            " WHERE contype IN ('c', 'f') AND conrelid::regclass::text LIKE 'wallets_%'"
        )
        drops = [drop for (drop,) in cursor.fetchall()]
        cursor.execute(";".join([*drops, *NULLABLE]))
        cursor.execute(statement, rows)
        assert cursor.rowcount == 1
