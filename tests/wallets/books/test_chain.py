"""The digests: what Python writes is what the audit computes once more, in SQL."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support import people
from users.models.ids import new_id
from wallets.audit import canonical
from wallets.books import chain
from wallets.books.rows import Leg

SALT = bytes(range(16))
ODD = [
    "'; DROP TABLE wallets_movement; --",
    'quotes " and \\ backslashes \\u0041 %s {}',
    "señor, Ωmega, 中文, עברית, 🪙, e\u0301 and é",
    "\u2028\u00a0\ufeff\U0010ffff",
    " ",
]

TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20)
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
PAIRS = st.dictionaries(TEXT.filter(len), TEXT, max_size=20)


def in_sql(
    concept: str | None,
    iban: str | None,
    metadata: Mapping[str, str] | None,
    holder_name: str | None = None,
    *,
    reference: str | None = None,
) -> bytes:
    """The audit's digest of the same texts, read from columns as they are stored."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT sha256(%s::bytea || convert_to({canonical.DETAILS}, 'UTF8'))"
            " FROM (SELECT %s::varchar, %s::varchar, %s::jsonb, %s::varchar, %s::varchar)"
            " AS texts (concept, iban, metadata, holder_name, reference)",
            [
                SALT,
                concept,
                iban,
                json.dumps(metadata) if metadata else None,
                holder_name,
                reference,
            ],
        )
        return bytes(cursor.fetchall()[0][0])


@pytest.mark.django_db
@settings(max_examples=200)
@given(
    st.none() | TEXT,
    st.none() | TEXT,
    st.none() | PAIRS,
    st.none() | TEXT,
    st.none() | TEXT.filter(len),
)
@example("Lunch", "ES9121", {"b": "", "a": "1", "B": "2", "ä": "3", "aa": "4"}, "Alice", "7")
@example("a", None, {"b": "c"}, None, None)
@example(None, None, {f"key {n}": "" for n in range(20)}, "", "1001")
@example(None, "ES9121", None, "Alice", None)
def test_sql_digests_the_same_details(concept, iban, metadata, holder_name, reference):
    texts = concept, iban, metadata, holder_name
    digest = chain.digest_details(SALT, *texts, reference=reference)
    assert digest == in_sql(*texts, reference=reference)


def test_digest_without_holder_and_reference_is_that_of_the_first_release():
    """Movements of the first release have neither, and their digests stay valid."""
    pairs = {"b": "2", "a": "1"}
    line = "\x1f".join(["Rent", "ES9121", "a", "1", "b", "2"])
    before = hashlib.sha256(SALT + line.encode()).digest()
    for holder_name in (None, ""):
        for reference in (None, ""):
            texts = "Rent", "ES9121", pairs, holder_name
            assert chain.digest_details(SALT, *texts, reference=reference) == before


def test_digest_with_holder_and_without_reference_is_that_of_before_references():
    line = "\x1f".join(["Rent", "ES9121", "a", "1", "Alice"])
    before = hashlib.sha256(SALT + line.encode()).digest()
    assert chain.digest_details(SALT, "Rent", "ES9121", {"a": "1"}, "Alice") == before


def digest(metadata: Any, holder_name: str | None, reference: str | None) -> bytes:
    texts = "Rent", "ES9121", metadata, holder_name
    return chain.digest_details(SALT, *texts, reference=reference)


def test_holder_and_reference_are_never_taken_for_other_texts():
    known = digest({"a": "1"}, "Alice", "7")
    others = [
        ({"a": "1", "Alice": ""}, None, "7"),
        ({"a": "1"}, "Bob", "7"),
        ({}, "Alice", "7"),
        ({"a": "1"}, None, "7"),
        ({"a": "1"}, "Alice", None),
        ({"a": "1"}, "Alice", "8"),
        ({"a": "1"}, "7", "Alice"),
    ]
    assert all(digest(*each) != known for each in others)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ODD)
def test_sql_digests_special_texts_equally(text):
    metadata = {text: text, f"{text}b": "", "a": text}
    expected = chain.digest_details(SALT, text, text, metadata)
    assert expected == in_sql(text, text, metadata)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ODD)
def test_audit_accepts_special_texts_of_the_ledger(bobs, text):
    people.cash_in(bobs, 1_00, concept=text, metadata={text: text, "empty": "", "Ä": "ß"})
    (movement,) = people.movements(bobs)
    assert movement.concept == text
    assert movement.metadata == {text: text, "empty": "", "Ä": "ß"}


@pytest.mark.parametrize(
    "texts",
    [
        ("ab", None, None),
        ("a", "b", None),
        (None, "ab", None),
        ("a", None, {"b": ""}),
        (None, None, {"a": "b"}),
        (None, None, {"ab": ""}),
        (None, None, {"a": "", "b": ""}),
        (None, None, None, "a"),
        ("a", None, None, "b"),
        ("a", None, {"b": "c"}, "d"),
    ],
)
def test_different_texts_have_different_digests(texts):
    assert chain.digest_details(SALT, *texts) != chain.digest_details(SALT, "a", None, None)
    others = {chain.digest_details(SALT, *texts), chain.digest_details(bytes(16), *texts)}
    assert len(others) == 2


def test_salt_of_the_details_is_random():
    (salt, digest), (another_salt, another_digest) = (
        chain.seal("Lunch", None, None) for _ in range(2)
    )
    assert salt != another_salt
    assert digest != another_digest
    assert salt is not None
    assert len(salt) == 16


@pytest.mark.parametrize("metadata", [None, {}])
def test_movement_without_texts_has_no_salt_and_no_details(metadata):
    assert chain.seal(None, None, metadata) == (None, None)


def a_leg(**values: Any) -> Leg:
    moment = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    leg: dict[str, Any] = {
        "id": new_id(),
        "client_id": new_id(),
        "wallet_id": new_id(),
        "operation_id": new_id(),
        "type": "TRANSFER",
        "status": "SUCCESS",
        "amount": -10_00,
        "currency": "EUR",
        "counterparty_id": new_id(),
        "created_at": moment,
        "concept": None,
        "metadata": None,
        "salt": SALT,
        "details_digest": hashlib.sha256(b"details").digest(),
        "seq": 1,
        "balance_after": 90_00,
        "received_after": 100_00,
        "settled_at": moment,
    }
    return Leg(**leg | values)


@pytest.mark.parametrize(
    "change",
    [
        {"id": new_id()},
        {"client_id": new_id()},
        {"wallet_id": new_id()},
        {"operation_id": new_id()},
        {"type": "CASH_IN"},
        {"amount": 10_00},
        {"currency": "USD"},
        {"counterparty_id": None},
        {"seq": 2},
        {"balance_after": 90_01},
        {"received_after": 100_01},
        {"hold_id": new_id()},
        {"reversal_of_id": new_id()},
        {"created_at": datetime(2026, 1, 31, 12, 0, 0, 123455, tzinfo=UTC)},
        {"settled_at": datetime(2026, 1, 31, 12, 0, 0, 123457, tzinfo=UTC)},
        {"details_digest": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_digest_depends_on_every_field_of_a_movement(change):
    leg = a_leg()
    assert chain.digest(b"", leg) != chain.digest(b"", dataclasses.replace(leg, **change))


def test_digest_depends_on_the_previous_digest():
    leg = a_leg()
    assert chain.digest(b"", leg) != chain.digest(b"\0" * 32, leg)


def test_digest_is_unchanged_when_texts_are_erased():
    leg = a_leg(concept="Lunch")
    erased = dataclasses.replace(leg, concept=None, metadata=None, salt=None)
    assert chain.digest(b"", leg) == chain.digest(b"", erased)


@given(MOMENTS)
def test_times_are_counted_to_the_microsecond(moment):
    assert chain.EPOCH + timedelta(microseconds=chain.micros(moment)) == moment


@pytest.mark.django_db
@settings(max_examples=100)
@given(
    amount=st.integers(-(10**17), 10**17),
    seq=st.integers(1, 2**62),
    counterparty_id=st.none() | st.uuids(),
    hold_id=st.none() | st.uuids(),
    reversal_of_id=st.none() | st.uuids(),
    received_after=st.integers(0, 2**62),
    created_at=MOMENTS,
    settled_at=MOMENTS,
    details_digest=st.none() | st.binary(min_size=32, max_size=32),
    previous=st.sampled_from([b"", b"\xff" * 32]),
)
def test_sql_digests_the_same_movement(previous, **values):
    leg = a_leg(**values)
    stored = {
        item.name: getattr(leg, item.name)
        for item in dataclasses.fields(leg)
        if item.name not in {"metadata", "digest", "details_digest"}
    }
    columns = ", ".join(f"%s::{SQL_TYPES[type(value)]} AS {name}" for name, value in stored.items())
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT sha256(%s::bytea || convert_to({canonical.CANONICAL}, 'UTF8') || %s::bytea)"
            f" FROM (SELECT {columns}) AS movement",
            [previous, leg.details_digest or b"", *stored.values()],
        )
        assert bytes(cursor.fetchall()[0][0]) == chain.digest(previous, leg)


SQL_TYPES = {
    type(SALT): "bytea",
    type(new_id()): "uuid",
    str: "text",
    int: "bigint",
    datetime: "timestamptz",
    type(None): "uuid",
}
