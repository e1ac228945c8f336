"""Filters without a match, and pairs with 100,000, on a client with a million movements and holds.

Takes about five minutes, and 2 GB for the database.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection

from tests.support import people
from tests.support.ibans import IBAN, OTHER_IBAN
from tests.support.statements import Asked, captured

pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.spoils_the_books]

MOST_MS = 10.0
MILLION = 1_000_000
MANY_MOVEMENTS = """
    INSERT INTO wallets_movement
    SELECT made.*
    FROM wallets_movement AS movement, generate_series(1, %s) AS number,
    LATERAL jsonb_populate_record(movement, jsonb_build_object(
        'id', gen_random_uuid(), 'operation_id', gen_random_uuid(), 'seq', 1000 + number,
        'created_at', movement.created_at + number * interval '1 second',
        'reference', CASE number %% 10 WHEN 0 THEN 'INV ' || number END,
        'metadata', jsonb_build_object('order', 'A ' || number, 'shop',
            CASE number %% 10 WHEN 0 THEN 'Madrid' ELSE 'Lima' END),
        'salt', '\\x00', 'details_digest', '\\x00'
    )) AS made
    WHERE movement.id = ANY(%s)
"""
MANY_HOLDS = """
    INSERT INTO wallets_hold
    SELECT made.*
    FROM wallets_hold AS hold, generate_series(1, %s) AS number,
    LATERAL jsonb_populate_record(hold, jsonb_build_object(
        'id', gen_random_uuid(), 'created_at', hold.created_at + number * interval '1 second'
    )) AS made
"""


@pytest.fixture
def things(alices: Any, bobs: Any) -> dict[str, Any]:
    people.transfer(alices, bobs, 1, reference="INV 0")
    people.execute(people.place(alices, bobs, 1))
    yen = people.a_wallet(alices.user, "JPY")
    legs = [people.movements(each)[-2].id for each in (alices, bobs)]
    with connection.cursor() as cursor:
        cursor.execute(MANY_MOVEMENTS, [MILLION // 2, legs])
        cursor.execute(MANY_HOLDS, [MILLION])
        cursor.execute("ANALYZE wallets_movement, wallets_hold")
    return {"alices": alices.id, "bobs": bobs.id, "alice": alices.user_id, "yen": yen.id}


NONE = people.unknown_id()
QUESTIONS = (
    "movements",
    "movements?minAmount=1000&currency=EUR",
    "movements?currency=JPY",
    f"movements?counterpartyWalletId={NONE}",
    "movements?type=TRANSFER,CASH_OUT&status=PENDING,SUCCESS&direction=IN&currency=JPY",
    "movements?userId={alice}&minAmount=1000&currency=EUR",
    "movements?walletId={alices},{bobs}&minAmount=1000&currency=JPY",
    "movements?walletId={yen}",
    "movements?metadata[order]=x",
    "movements?metadata[shop]=Madrid",
    "movements?metadata[order]=x&walletId={alices}",
    "wallets/{alices}/movements?metadata[order]=x",
    "movements?reference=x",
    "movements?reference=INV%200&walletId={yen}",
    "movements?iban=" + IBAN,
    f"movements?iban={IBAN},{OTHER_IBAN}",
    "movements?type=ADJUSTMENT",
    "movements?type=REVERSAL,ADJUSTMENT",
    "movements?status=PENDING",
    "movements?status=ERROR,CANCELLED",
    f"movements?reversalOf={NONE}",
    f"movements?operationId={NONE}",
    f"movements?holdId={NONE}",
    "wallets/{alices}/movements?status=PENDING",
    "wallets/{alices}/movements?type=REVERSAL",
    "wallets/{alices}/movements?minAmount=1000",
    f"wallets/{{alices}}/movements?counterpartyWalletId={NONE}",
    "holds",
    "holds?minAmount=1000&currency=EUR",
    "holds?targetWalletId={yen}",
    "holds?targetWalletId={bobs}&status=RELEASED",
    "holds?metadata[order]=x",
    "holds?reference=x",
    "holds?status=OPEN",
    "holds?walletId={alices}&status=RELEASED",
    "wallets/{alices}/holds?status=EXPIRED",
)


def test_filters_without_a_match_take_ten_milliseconds(api, things):
    wrong = []
    for question in QUESTIONS:
        path = question.format(**things)
        api.get(path)
        with captured() as statements:
            answer = api.get(path)
        assert answer.status == 200, answer.json
        plans = [explained(each) for each in statements if is_read(each.sql)]
        assert plans, question
        took = sum(milliseconds for milliseconds, _ in plans)
        if took > MOST_MS or any("Seq Scan on wallets_" in plan for _, plan in plans):
            wrong.append(f"{question}: {took} ms\n" + "\n".join(plan for _, plan in plans))
    assert not wrong, "\n\n".join(wrong)


def is_read(statement: str) -> bool:
    return statement.lstrip(" (").startswith("SELECT") and "created_at" in statement


def explained(asked: Asked) -> tuple[float, str]:
    """The time in the database and the plan, the second time that it is read."""
    for _ in range(2):
        plan = asked.explained("ANALYZE", "TIMING OFF", "BUFFERS OFF")
    return float(re.findall(r"Execution Time: ([0-9.]+) ms", plan)[0]), plan
