"""Limits over the API: a refusal says whose limit it is, what is used, and when there is room."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from iocash.times import moment
from tests.support import people
from tests.support.ibans import IBAN
from tests.support.limits import LEVELS, adjust
from tests.support.people import Answer, Api, cash, to
from users.models import Key, User
from wallets.models import Movement

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(alices, settings):
    """The movements of Alice's wallet: 100.00 EUR came in before there were limits."""
    settings.KYC_LIMITS = LEVELS
    return f"wallets/{alices.id}/movements"


def out(amount: str) -> dict[str, Any]:
    return {"type": "CASH_OUT", "amount": amount, "iban": {"accountNumber": IBAN}}


def facts(user: User, name: str, *amounts: str, resets_at: str | None = None) -> dict[str, Any]:
    """What a refusal tells: the limit, what is used of it, and what was asked for."""
    told = dict(zip(("limit", "used", "requested"), amounts, strict=True))
    return {
        "userId": str(user.id),
        "limitType": name,
        **told,
        "currency": "EUR",
        "resetsAt": resets_at,
    }


def conflict(answer: Answer) -> Any:
    assert (answer.status, answer.code) == (409, "limit_exceeded"), answer.json
    return answer.json["conflict"]


def resets(movement: Movement) -> str:
    """When the movement counts no more, as it is told."""
    return moment(movement.created_at + timedelta(days=30, microseconds=999))


def test_a_cash_in_above_the_limit_is_refused(api, alice, alices, path):
    (brought,) = people.movements(alices)
    told = facts(alice, "cashIn", "200.00", "100.00", "100.01", resets_at=resets(brought))
    assert conflict(api.post(path, cash("100.01"))) == told
    assert people.balances(alices) == [100_00]


def test_balance_refusal_has_no_reset_time(api, alice, path):
    told = facts(alice, "balance", "150.00", "100.00", "50.01")
    assert conflict(api.post(path, cash("50.01"))) == told
    assert api.post(path, cash("50.00")).status == 201


def test_cash_in_above_the_whole_limit_has_no_reset_time(api, alice, path):
    told = facts(alice, "cashIn", "200.00", "100.00", "200.01")
    assert conflict(api.post(path, cash("200.01"))) == told


def test_a_transfer_above_the_payees_limit_is_refused(api, bob, bobs, path):
    adjust(bobs, 100_00)
    told = facts(bob, "balance", "150.00", "100.00", "50.01")
    assert conflict(api.post(path, to(bobs, "50.01"))) == told
    assert api.post(path, to(bobs, "50.00")).status == 201


def test_an_execution_above_the_payees_limit_is_refused(api, bob, alices, bobs, path):
    adjust(bobs, 100_00)
    hold = people.place(alices, bobs, 60_00)
    executions = f"wallets/{alices.id}/holds/{hold.id}/executions"
    told = facts(bob, "balance", "150.00", "100.00", "60.00")
    assert conflict(api.post(executions, {})) == told
    assert people.seen(hold.id).standing == "OPEN"
    assert api.post(executions, {"amount": "50.00"}).status == 201


def test_a_cash_out_above_the_limit_is_refused(api, alice, path):
    first = api.post(path, out("60.00"))
    assert first.status == 202
    resets_at = resets(Movement.objects.get(id=first.json["id"]))
    told = facts(alice, "cashOut", "90.00", "60.00", "30.01", resets_at=resets_at)
    assert conflict(api.post(path, out("30.01"))) == told
    assert api.post(path, out("30.00")).status == 202


def test_batch_lists_each_item_above_a_limit(api, alice, bob, alices, bobs, path):
    adjust(bobs, 140_00)
    (brought,) = people.movements(alices)
    items = [cash("50.00"), cash("60.00"), to(bobs, "10.01"), out("90.01"), to(bobs, "10.00")]
    answer = api.post(f"{path}/batch", {"movements": items})
    assert (answer.status, answer.code) == (409, "batch_refused")
    refused = answer.json["conflict"]["items"]
    for item in refused:
        assert item.pop("code") == "limit_exceeded"
        assert " limit exceeded: " in item.pop("detail")
    resets_at = resets(brought)
    assert refused == [
        {"index": 1} | facts(alice, "cashIn", "200.00", "150.00", "60.00", resets_at=resets_at),
        {"index": 2} | facts(bob, "balance", "150.00", "140.00", "10.01"),
        {"index": 3} | facts(alice, "cashOut", "90.00", "0.00", "90.01"),
    ]
    assert people.balances(alices, bobs) == [100_00, 140_00]


def test_reset_time_is_in_utc_with_milliseconds(api, path):
    told = conflict(api.post(path, cash("100.01")))["resetsAt"]
    assert (len(told), told[10], told[19], told[-1]) == (24, "T", ".", "Z")


def test_replay_ignores_the_limit(api, path):
    first = api.post(path, cash("50.00"), key="k")
    again = api.post(path, cash("50.00"), key="k")
    assert (again.status, again.json["id"]) == (201, first.json["id"])
    assert again.headers["Idempotent-Replayed"] == "true"


def test_key_of_a_refused_cash_in_can_be_used_after_the_limit_is_raised(
    api, alices, path, settings
):
    assert conflict(api.post(path, cash("60.00"), key="k"))
    assert not Key.objects.filter(key="k").exists()
    settings.KYC_LIMITS = {}
    assert conflict(api.post(path, cash("60.00"), key="k"))["limit"] == "0.00"
    settings.KYC_LIMITS = {"EUR": {"0": {}}}
    assert api.post(path, cash("60.00"), key="k").status == 201


def test_reversal_ignores_the_payers_limit(api: Api, alices, bobs, path):
    paid = api.post(path, to(bobs, "100.00")).json["id"]
    assert api.post(path, cash("100.00")).status == 201
    assert api.post(f"{path}/{paid}/reversal", {}).status == 201
    assert people.balances(alices, bobs) == [200_00, 0]
