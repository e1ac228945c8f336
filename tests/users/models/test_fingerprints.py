"""Fingerprints: the same bytes on every Python, equal for equal orders only, and not guessable."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from users.models.fingerprints import Asked, canonical, canonical_digest, new_salt, salted

NEW_IN_UNICODE_15 = "\U0001e4f0 \U00031350"
NEW_IN_UNICODE_16 = "\u1c89"
INVISIBLE = "\u00ad \u200b \u2028"

EVERYTHING = Asked(
    "Transfer",
    {
        "concept": f'Ñandú {NEW_IN_UNICODE_15} {NEW_IN_UNICODE_16} {INVISIBLE} "\\\n',
        "amount": Decimal("12.50"),
        "wallet_id": UUID(int=1),
        "metadata": {"é": "1", "a": "", "\U0001f600": "x"},
        "expires_at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2))),
        "day": date(2026, 1, 2),
        "keep_open": False,
        "count": 1,
        "items": (Asked("CashIn", {"amount": Decimal(2), "concept": None}),),
        "alias": "",
        "iban": None,
    },
)
WRITTEN = (
    '["Transfer",{"amount":{"decimal":"12.5"},"concept":"Ñandú \U0001e4f0 \U00031350 \u1c89 '
    '\u00ad \u200b \u2028 \\"\\\\\\n","count":1,"day":{"date":"2026-01-02"},'
    '"expires_at":{"time":"2026-01-02T01:04:05.000006+00:00"},'
    '"items":[["CashIn",{"amount":{"decimal":"2"}}]],"keep_open":false,'
    '"metadata":{"pairs":{"a":"","é":"1","\U0001f600":"x"}},'
    '"wallet_id":{"uuid":"00000000-0000-0000-0000-000000000001"}}]'
)


def test_canonical_bytes_equal_the_recorded_text():
    assert canonical(EVERYTHING) == WRITTEN.encode()
    assert canonical_digest(EVERYTHING) == sha256(WRITTEN.encode()).digest()


def asked(**values: object) -> bytes:
    return canonical_digest(Asked("V", values))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": "1", "b": None, "c": ""}, {"a": "1"}),
        ({"a": Decimal("1E+2")}, {"a": Decimal("100.00")}),
        ({"a": Decimal("0.10")}, {"a": Decimal("0.1")}),
        ({"a": {"x": "1", "y": "2"}}, {"a": {"y": "2", "x": "1"}}),
        ({"a": ("1", "2")}, {"a": ["1", "2"]}),
        (
            {"a": datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))},
            {"a": datetime(2026, 1, 1, tzinfo=UTC)},
        ),
    ],
)
def test_equal_orders_have_one_digest(one: dict[str, Any], other: dict[str, Any]):
    assert asked(**one) == asked(**other)


@pytest.mark.parametrize(
    "values",
    [
        {"a": 1},
        {"a": True},
        {"a": Decimal(1)},
        {"a": "2"},
        {"a": ["1"]},
        {"a": {"a": "1"}},
        {"b": "1"},
        {"a": "1", "b": "2"},
        {"a": '1","b":"2'},
        {"a": UUID(int=1)},
        {"a": str(UUID(int=1))},
        {"a": {"uuid": str(UUID(int=1))}},
        {"a": ["x", {"b": "1"}]},
        {"a": Asked("x", {"b": "1"})},
    ],
)
def test_different_orders_have_different_digests(values: dict[str, Any]):
    others: list[dict[str, Any]] = [{"a": "1"}, {"a": UUID(int=1)}, {"a": ["x", {"b": "1"}]}]
    assert asked(**values) not in [asked(**other) for other in others if other != values]


def test_digest_includes_the_verb():
    assert canonical_digest(Asked("V", {"a": "1"})) != canonical_digest(Asked("W", {"a": "1"}))


def test_value_of_an_unknown_type_has_no_canonical_form():
    with pytest.raises(TypeError, match="float has no canonical form"):
        asked(a=0.1)


def test_fingerprint_depends_on_the_salt():
    order = asked(a="1")
    one, other = new_salt(), new_salt()
    assert salted(one, order) != salted(other, order)
    assert salted(one, order) == sha256(one + order).digest()
