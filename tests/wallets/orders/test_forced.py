"""Refusals that callers of a sandbox ask for by the concept: each row of the guide's table."""

from __future__ import annotations

from typing import Any

import pytest

from iocash import errors
from tests.support import order_guard, people, sandbox
from tests.support.ibans import IBAN
from tests.support.schedules import make_due, scheduled
from wallets.duties.schedules import RunSchedules
from wallets.models import Movement, ScheduledRun, Wallet
from wallets.orders import forced
from wallets.orders.bank_files import ReturnCashOut
from wallets.orders.base import WordedOrder
from wallets.orders.freezes import FreezeAmount
from wallets.orders.payments import Adjust

pytestmark = pytest.mark.django_db

OF_STAFF = {Adjust, FreezeAmount, ReturnCashOut}
"""Orders with a concept that no client gives."""


@pytest.fixture
def requests(alices: Wallet, bobs: Wallet) -> dict[str, tuple[str, dict[str, Any]]]:
    """The path and the body of each request of the table; each succeeds."""
    own = f"wallets/{alices.id}"
    paid = people.transfer(alices, bobs, 5_00).id
    hold = people.place(alices, bobs, 5_00).id
    return {
        "cash-in": (f"{own}/movements", {"type": "CASH_IN", "amount": "1.00"}),
        "transfer": (f"{own}/movements", people.to(bobs, "1.00")),
        "cash-out": (f"{own}/movements", {"type": "CASH_OUT", "amount": "1.00", "iban": IBAN}),
        "hold": (f"{own}/holds", {"targetWalletId": str(bobs.id), "amount": "1.00"}),
        "execution": (f"{own}/holds/{hold}/executions", {"amount": "1.00", "keepOpen": True}),
        "reversal": (f"{own}/movements/{paid}/reversal", {"amount": "1.00"}),
    }


def test_table_has_every_request_with_a_concept():
    worded = {each for each in order_guard.concrete() if issubclass(each, WordedOrder)}
    assert worded - OF_STAFF == {*forced.REQUESTS.values()}
    assert {"insufficient_funds", "limit_exceeded", "hold_not_open", "rate_limited"} <= {
        row.code for row in forced.forced_rows()
    }


@pytest.mark.parametrize("request_name", forced.REQUESTS)
def test_each_row_of_the_table_refuses(request_name, requests, api, alices):
    sandbox.make()
    path, body = requests[request_name]
    before = [*Movement.objects.values_list("id", "status")]
    for row in forced.forced_rows():
        answer = api.post(path, body | {"concept": row.concept}, key=row.code)
        if request_name in row.requests:
            assert (answer.status, answer.code) == (row.status, row.code)
        else:
            assert (answer.status, answer.json["errors"][0]["field"]) == (400, "concept")
        assert answer.headers["X-Sandbox"] == "true"
    assert [*Movement.objects.values_list("id", "status")] == before
    assert api.post(path, body | {"concept": "Lunch"}, key=row.code).status in {201, 202}


@pytest.mark.parametrize("concept", ["sandbox:refuse:lock_timeout", "sandbox:refuse:nothing"])
def test_concept_refuses_nothing_outside_of_sandboxes(concept, requests, api):
    for path, body in requests.values():
        answer = api.post(path, body | {"concept": concept})
        assert answer.status in {201, 202}, answer.json


@pytest.mark.parametrize("concept", ["sandbox:refuse", "Sandbox:refuse:lock_timeout", "sandbox:"])
def test_other_concepts_refuse_nothing_in_a_sandbox(concept, requests, api):
    sandbox.make()
    path, body = requests["transfer"]
    assert api.post(path, body | {"concept": concept}).json["concept"] == concept


def test_item_of_a_batch_is_refused(api, alices, bobs):
    sandbox.make()
    lunch, asked = people.to(bobs, "1.00"), {"concept": "sandbox:refuse:wallet_not_ready"}
    body = {"movements": [lunch, lunch | asked]}
    answer = api.post(f"wallets/{alices.id}/movements/batch", body)
    assert (answer.status, answer.code) == (409, "batch_refused")
    items = answer.json["conflict"]["items"]
    assert [(item["index"], item["code"]) for item in items] == [(1, "wallet_not_ready")]
    body = {"transfers": [{"sourceWalletId": str(alices.id), **lunch, **asked}]}
    del body["transfers"][0]["type"]
    assert api.post("operations", body).json["conflict"]["items"][0]["code"] == "wallet_not_ready"
    assert people.balances(alices, bobs) == [100_00, 0]


def test_scheduled_execution_fails(alices, bobs):
    sandbox.make()
    concept = "sandbox:refuse:insufficient_funds"
    make_due(scheduled(alices, bobs, concept=concept))
    RunSchedules().perform()
    run = ScheduledRun.objects.get()
    assert (run.status, run.code) == ("FAILED", "insufficient_funds")


def test_sandbox_is_asked_for_only_by_such_concepts(api, alices, bobs, monkeypatch):
    asked: list[bool] = []
    monkeypatch.setattr("wallets.orders.forced.is_sandbox", lambda: asked.append(True))
    people.transfer(alices, bobs, 1_00, concept="Lunch")
    people.transfer(alices, bobs, 1_00)
    assert not asked
    people.transfer(alices, bobs, 1_00, concept="sandbox:refuse:lock_timeout")
    assert asked


def test_unavailable_refusals_carry_when_to_retry(api, alices, requests):
    sandbox.make()
    path, body = requests["transfer"]
    answer = api.post(path, body | {"concept": "sandbox:refuse:rate_limited"})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


def test_refusals_of_a_table_are_known():
    assert {row.code for row in forced.forced_rows()} <= errors.REGISTRY.keys()
