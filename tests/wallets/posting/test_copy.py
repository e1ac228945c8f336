"""Many new movements are copied: what is written is the same, and so is what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection
from uuid_utils.compat import uuid7

from tests.support import people
from users.models import Event
from wallets.models import Movement, Wallet
from wallets.orders.base import Order, Outcome
from wallets.orders.batch import Batch
from wallets.orders.cash_outs import CashOut
from wallets.posting import group, write

pytestmark = pytest.mark.django_db

IBAN = "ES9121000418450200051332"
BY_CHANCE = {"id", "operation_id", "salt", "details_digest", "digest", "created_at", "settled_at"}
EVENTS_OWN = {"position", "id", "created_at"}
RUNNING = {"seq", "balance_after", "received_after"}
WORDS: dict[str, Any] = {
    "concept": 'A \\ and a \\n, "quoted" 1\u20ac',
    "metadata": {"n": "2 \\ 3", "€": ""},
}


@pytest.fixture
def copying(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Copy few rows as if they were many."""
    return lambda: monkeypatch.setattr(write, "MANY", 1)


def a_batch(alices: Wallet, bobs: Wallet) -> Batch:
    about = people.about(alices)
    items: list[Any] = [
        people.a_transfer(alices, bobs, 10_00, **WORDS),
        people.a_transfer(alices, bobs, 5_00),
        CashOut(iban=IBAN, amount=people.decimal(1_00), **WORDS, **about),
    ]
    return Batch(**about, items=tuple(items))


def post(*orders: Order) -> list[Outcome]:
    outcomes = group.post(orders)
    assert all(isinstance(each, Outcome) for each in outcomes), outcomes
    return [each for each in outcomes if isinstance(each, Outcome)]


def written(batch: Batch) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the batch leaves in both tables, but what chance and the clock decide."""
    last = Event.objects.order_by("position").last()
    (outcome,) = post(batch)
    movements = Movement.objects.filter(operation_id=outcome.id).order_by("id").values()
    later = Event.objects.filter(position__gt=last.position if last else 0)
    events = later.order_by("position").values()
    ids = [each["id"] for each in movements]
    return (
        [{k: v for k, v in each.items() if k not in BY_CHANCE | RUNNING} for each in movements],
        [
            {k: v for k, v in each.items() if k not in EVENTS_OWN}
            | {"subject_id": ids.index(each["subject_id"]), "data": [*each["data"]]}
            for each in events
        ],
    )


def test_copied_rows_equal_inserted_rows(alices, bobs, copying):
    inserted = written(a_batch(alices, bobs))
    copying()
    assert written(a_batch(alices, bobs)) == inserted
    assert len(inserted[0]) == len(inserted[1]) == 5
    assert inserted[0][0]["concept"] == WORDS["concept"]
    assert inserted[0][0]["metadata"] == WORDS["metadata"]


def test_execution_is_copied_with_its_hold(alices, bobs, copying):
    copying()
    hold = people.place(alices, bobs, 10_00)
    post(people.a_hold(alices, bobs, 5_00), people.an_execution(hold))
    assert people.balances(alices, bobs) == [90_00, 10_00]
    assert Movement.objects.filter(hold=hold).count() == 2


def test_copied_rows_are_checked_by_constraints(alices, bobs, copying):
    (outcome,) = post(a_batch(alices, bobs))
    (leg, *_) = outcome.legs
    leg.id, leg.amount = uuid7(), 0
    connection.ensure_connection()
    with (
        pytest.raises(IntegrityError, match="movement_amount_is_not_zero"),
        connection.wrap_database_errors,
    ):
        write.copy(connection.connection, "wallets_movement", write.MOVEMENTS, [leg])
    connection.connection.rollback()


def test_large_batch_is_written_with_copy(alices, bobs, monkeypatch):
    copied, copy = [], write.copy

    def seen(raw: Any, table: str, *rest: Any) -> None:
        copied.append(table)
        copy(raw, table, *rest)

    monkeypatch.setattr(write, "copy", seen)
    items = tuple(people.a_transfer(alices, bobs, 1) for _ in range(write.MANY // 2))
    post(Batch(**people.about(alices), items=items[1:]))
    assert not copied
    post(Batch(**people.about(alices), items=items))
    assert copied == ["wallets_movement", "users_event"]


def test_copied_events_of_each_wallet_are_in_the_order_of_seq(alices, bobs):
    """From 300 movements on, events are written with COPY."""
    people.cash_in(bobs, 1_00)
    there, back = people.a_transfer(alices, bobs, 1), people.a_transfer(bobs, alices, 1)
    group.post([there, there, back] * 60)
    settled = Event.objects.filter(kind="movement.settled").order_by("position")
    seqs = dict(Movement.objects.values_list("id", "seq"))
    for wallet in (alices, bobs):
        found = settled.filter(wallet_id=wallet.id)
        assert len(found) > 180
        numbers = [*range(1, len(found) + 1)]
        assert [seqs[each.subject_id] for each in found] == numbers
        assert [each.data["seq"] for each in found] == numbers
