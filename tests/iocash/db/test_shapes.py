"""Querysets are compiled once for each shape of their values, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import Q, QuerySet

from iocash.db import shapes
from iocash.db.shapes import compiled, example_of, scalars, value_shape
from iocash.db.transactions import fetch_each
from users.models import User
from wallets.models import Movement, Wallet

pytestmark = pytest.mark.django_db

EUR, JPY = {"currency": "EUR"}, {"currency": "JPY"}


def of_currency(plan: Any, value: Any) -> QuerySet[Any]:
    return Wallet.objects.filter(currency=value["currency"]).order_by("id")


def read(ask: shapes.Ask, value: Any) -> list[Any]:
    statement = compiled(ask, None, value)
    assert statement is not None
    (rows,) = fetch_each(statement.about(value))
    return [*statement.reader.all(rows)]


@pytest.mark.parametrize("value", [EUR, JPY])
def test_compiled_queryset_returns_the_same_rows(alices, bobs, value):
    assert read(of_currency, value) == [*of_currency(None, value)]


def test_values_of_one_shape_are_compiled_once():
    assert compiled(of_currency, None, EUR) is compiled(of_currency, None, JPY)
    assert compiled(of_currency, "other", EUR) is not compiled(of_currency, None, EUR)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": [1]}, {"a": [1, 2]}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {"a": 1}),
        ({"a": True}, {"a": False}),
        ({"a": Movement.Type.CASH_IN}, {"a": Movement.Type.CASH_OUT}),
    ],
)
def test_different_shapes_are_told_apart(one, other):
    assert value_shape(one) != value_shape(other)


def test_example_has_the_shape_and_other_scalars():
    value = {"a": [uuid4(), "x"], "b": {"c": 5, "at": datetime(2026, 1, 1, tzinfo=UTC)}, "d": None}
    example = example_of(value_shape(value))
    assert value_shape(example) == value_shape(value)
    assert len([*scalars(value)]) == 4
    assert not {*scalars(example)} & {*scalars(value)}


def test_negative_number_is_filled_in(alices, bobs):
    def within(plan: Any, value: Any) -> QuerySet[Any]:
        least = value["least"]
        either = Q(amount__gte=least) | Q(amount__lte=-least)
        return Movement.objects.filter(either).order_by("id")

    assert read(within, {"least": 10_00}) == [*within(None, {"least": 10_00})] != []
    assert read(within, {"least": 10_000_00}) == []


def test_flag_in_a_case_keeps_its_type(alices):
    wallet = Wallet.objects.seen().get(id=alices.id)
    (found,) = read(lambda plan, value: Wallet.objects.seen().filter(id=value), alices.id)
    assert (found.overdue, type(found.overdue)) == (wallet.overdue, int)


@pytest.mark.parametrize(
    "ask",
    [
        lambda plan, value: User.objects.filter(user_name__startswith=value),
        lambda plan, value: User.objects.filter(user_name=f"{value}!"),
        lambda plan, value: User.objects.filter(kind="NATURAL" if value == "Alice" else "OTHER"),
        lambda plan, value: User.objects.filter(id__in=[]),
        lambda plan, value: User.objects.extra(where=[f"'{value}' <> ''"]),
    ],
    ids=["changed", "joined", "compared", "empty", "written"],
)
def test_queryset_that_depends_on_values_otherwise_is_not_compiled(ask):
    assert compiled(ask, None, "Alice") is None
