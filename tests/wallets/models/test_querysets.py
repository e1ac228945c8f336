"""The questions that querysets ask, and what a row tells of itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support import people
from users.models.ids import new_id
from wallets.models import Movement, MovementQuerySet, Wallet

pytestmark = pytest.mark.django_db


def ids(movements: MovementQuerySet) -> list[Any]:
    return [movement.id for movement in movements.order_by("created_at")]


def test_period_of_movements_includes_its_start_and_not_its_end(alices, history):
    found = Movement.objects.filter(wallet=alices)
    first, second, third = history
    at = second.created_at
    assert ids(found.within(None, None)) == [first.id, second.id, third.id]
    assert ids(found.within(at, None)) == [second.id, third.id]
    assert ids(found.within(None, at)) == [first.id]
    assert ids(found.within(at, at + timedelta(microseconds=1))) == [second.id]
    assert ids(found.within(first.created_at, third.created_at)) == [first.id, second.id]


def test_movements_are_filtered_by_direction_and_amount(alices, history):
    found = Movement.objects.filter(wallet=alices)
    first, second, third = (movement.id for movement in history)
    assert ids(found.directed(is_outgoing=False)) == [first, third]
    assert ids(found.directed(is_outgoing=True)) == [second]
    assert ids(found.at_least(10_00)) == [first, second]
    assert ids(found.at_most(10_00)) == [second, third]
    assert ids(found.at_least(10_01).at_most(99_99)) == []


def test_movements_are_filtered_by_their_key(alices, bobs, history):
    found = Movement.objects.made_with(alices.client_id, "lunch")
    assert {movement.wallet_id for movement in found} == {alices.id, bobs.id}
    assert not Movement.objects.made_with(alices.client_id, "dinner").exists()
    assert not Movement.objects.made_with(new_id(), "lunch").exists()


def test_owned_by_filters_by_client_and_none_selects_all(alices, history):
    for manager in (Movement.objects, Wallet.objects):
        assert manager.owned_by(alices.client_id).count() == manager.count()
        assert manager.owned_by(None).count() == manager.count()
        assert not manager.owned_by(new_id()).exists()


def test_a_movement_has_a_direction_and_a_magnitude(history):
    assert [(movement.direction, movement.magnitude) for movement in history] == [
        ("IN", 100_00),
        ("OUT", 10_00),
        ("IN", 5_00),
    ]


def test_rows_are_named_by_their_ids(alices, history):
    assert str(alices) == str(alices.id)
    assert str(history[0]) == str(history[0].id)


def test_available_is_balance_minus_held(alices, bobs):
    people.place(alices, bobs, 3_00)
    assert Wallet.objects.seen().get(id=alices.id).available == 97_00
