"""Reversals over the API: what was moved is given back, at once or in parts, never more."""

from __future__ import annotations

import pytest

from tests.support import people
from tests.support.cash_outs import a_cash_out, end, money_of
from tests.support.people import Api
from wallets import posting
from wallets.models import Movement
from wallets.orders.cash_outs import MarkCashOutSent, SettleCashOut
from wallets.orders.payments import Adjust

pytestmark = pytest.mark.django_db

HOST = "http://testserver/api/v1"


@pytest.fixture
def paid(alices, bobs):
    """Alice has paid Bob 20.00: her movement."""
    return Movement.objects.get(id=people.transfer(alices, bobs, 20_00, concept="Lunch").id)


@pytest.fixture
def got(paid):
    """The same payment: Bob's movement."""
    return paid.mirror


@pytest.fixture
def brought(alices):
    """The cash-in that brought Alice her 100.00."""
    return people.movements(alices)[0]


def back(movement: Movement) -> str:
    return f"wallets/{movement.wallet_id}/movements/{movement.id}/reversal"


# --- By either leg -------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"amount": "20"}, {"concept": None, "metadata": None}])
def test_reversal_returns_the_full_amount_to_the_payer(api, alices, bobs, paid, body):
    answer = api.post(back(paid), body)
    assert (answer.status, answer.json["amount"]) == (201, "20.00")
    assert people.balances(alices, bobs) == [100_00, 0]


@pytest.mark.parametrize(("leg", "direction"), [("paid", "IN"), ("got", "OUT")])
def test_response_is_the_movement_of_the_wallet_in_the_url(api, request, leg, direction):
    movement = request.getfixturevalue(leg)
    answer = api.post(back(movement), {})
    assert (answer.status, answer.json["direction"]) == (201, direction)
    assert answer.json["walletId"] == str(movement.wallet_id)
    assert answer.json["reversalOf"] == str(movement.id)
    assert api.get(answer.headers["Location"]).json == answer.json


def test_reversal_has_all_fields_and_links(api, alices, bobs, paid):
    answer = api.post(back(paid), {"amount": "5", "concept": "Sorry", "metadata": {"why": "cold"}})
    reversal = Movement.objects.get(reversal_of=paid)
    times = {answer.json.pop(name) for name in ("createdAt", "updatedAt", "settledAt", "endedAt")}
    assert len(times) == 1
    here = f"{HOST}/wallets/{alices.id}"
    assert answer.json == {
        "id": str(reversal.id),
        "walletId": str(alices.id),
        "operationId": str(reversal.operation_id),
        "type": "REVERSAL",
        "direction": "IN",
        "status": "SUCCESS",
        "amount": "5.00",
        "currency": "EUR",
        "concept": "Sorry",
        "counterpartyWalletId": str(bobs.id),
        "counterparty": None,
        "holdId": None,
        "reversalOf": str(paid.id),
        "balanceAfter": "85.00",
        "iban": None,
        "holderName": None,
        "reason": None,
        "sentAt": None,
        "reversedAmount": "0.00",
        "reference": None,
        "externalAccountId": None,
        "idempotencyKey": None,
        "metadata": {"why": "cold"},
        "_links": {
            "self": {"href": f"{here}/movements/{reversal.id}"},
            "wallet": {"href": here},
            "counterpartyWallet": {"href": f"{HOST}/wallets/{bobs.id}"},
            "reversalOf": {"href": f"{here}/movements/{paid.id}"},
        },
    }


def test_each_wallet_has_its_own_movement_of_one_operation(api, bobs, paid, got):
    made = api.post(back(paid), {}).json
    theirs = f"wallets/{bobs.id}/movements?type=REVERSAL&operationId={made['operationId']}"
    (movement,) = api.get(theirs).json["_embedded"]["movements"]
    assert (movement["direction"], movement["reversalOf"]) == ("OUT", str(got.id))
    assert movement["concept"] is None, "the words of the payment are not repeated"


# --- In parts, and never more --------------------------------------------------------------------


def test_partial_reversals_by_either_leg_end_at_the_full_amount(api, alices, bobs, paid, got):
    amounts = [api.post(back(leg), {"amount": "7.50"}).json["amount"] for leg in (paid, got)]
    amounts.append(api.post(back(paid), {}).json["amount"])
    assert amounts == ["7.50", "7.50", "5.00"]
    assert people.balances(alices, bobs) == [100_00, 0]
    for leg in (paid, got):
        answer = api.post(back(leg), {})
        assert (answer.status, answer.code) == (409, "reversal_exceeded")
        assert answer.json["conflict"]["left"] == "0.00"


def test_reversal_above_the_remaining_amount_gets_409(api, alices, bobs, paid):
    api.post(back(paid), {"amount": "15.00"})
    answer = api.post(back(paid), {"amount": "5.01"})
    assert (answer.status, answer.code) == (409, "reversal_exceeded")
    assert answer.json["conflict"] == {
        "movementId": str(paid.id),
        "amount": "20.00",
        "reversed": "15.00",
        "left": "5.00",
        "requested": "5.01",
        "currency": "EUR",
    }
    assert people.balances(alices, bobs) == [95_00, 5_00]


def test_reversal_gets_409_when_the_payee_lacks_funds(api, alices, bobs, paid):
    people.transfer(bobs, alices, 12_00)
    answer = api.post(back(paid), {}, key="k")
    assert (answer.status, answer.code) == (409, "insufficient_funds")
    assert answer.json["conflict"] == {
        "walletId": str(bobs.id),
        "available": "8.00",
        "required": "20.00",
        "currency": "EUR",
    }
    assert api.post(back(paid), {"amount": "8.00"}, key="k").status == 201
    assert people.balances(alices, bobs) == [100_00, 0]


def test_reversal_does_not_take_the_payees_held_money(api, alices, bobs, paid):
    people.place(bobs, alices, 15_00)
    answer = api.post(back(paid), {})
    assert answer.json["conflict"]["available"] == "5.00"


@pytest.mark.parametrize("who", ["alices", "bobs"])
def test_reversal_gets_409_when_a_wallet_is_blocked(api, request, paid, who):
    blocked = request.getfixturevalue(who)
    people.block(blocked)
    answer = api.post(back(paid), {})
    assert (answer.status, answer.code) == (409, "wallet_not_ready")
    assert answer.json["conflict"] == {"walletId": str(blocked.id), "status": "BLOCKED"}


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (
            {"amount": "1e2", "concept": "a" * 141, "metadata": [], "type": "REVERSAL"},
            {
                "amount": "invalid",
                "concept": "max_length",
                "metadata": "invalid",
                "type": "unknown_field",
            },
        ),
        ({"amount": None, "keepOpen": True}, {"amount": "null", "keepOpen": "unknown_field"}),
        ({"amount": "0.001"}, {"amount": "max_decimal_places"}),
    ],
)
def test_all_invalid_fields_are_reported(api, alices, bobs, paid, body, wrong):
    answer = api.post(back(paid), body, key="k")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    assert people.balances(alices, bobs) == [80_00, 20_00]


def test_reversal_without_a_body_returns_the_remaining_amount(api, paid):
    answer = api.post(back(paid))
    assert (answer.status, answer.json["amount"]) == (201, api.get(back(paid)[:-9]).json["amount"])


# --- What can be reversed ------------------------------------------------------------------------


def test_cash_in_is_reversed_without_a_counterparty(api, alices, brought):
    answer = api.post(back(brought), {"amount": "40.00"})
    assert (answer.status, answer.json["direction"], answer.json["amount"]) == (201, "OUT", "40.00")
    assert answer.json["counterpartyWalletId"] is None
    assert people.balances(alices) == [60_00]


def test_reversal_of_a_spent_cash_in_gets_409(api, alices, brought, paid):
    answer = api.post(back(brought), {})
    assert (answer.status, answer.code) == (409, "insufficient_funds")
    assert answer.json["conflict"]["walletId"] == str(alices.id)
    assert money_of(alices) == (80_00, 0)


def test_reversal_of_a_cash_in_requires_its_scope(client_demo, alices, brought, paid):
    api = Api(people.a_key(client_demo, "movements:write"))
    assert api.post(back(paid), {}).status == 201
    answer = api.post(back(brought), {}, key="k")
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert "cash-in:write" in answer.json["detail"]
    assert people.balances(alices) == [100_00]
    alone = Api(people.a_key(client_demo, "cash-in:write"))
    assert "movements:write" in alone.post(back(brought), {}).json["detail"]
    both = Api(people.a_key(client_demo, "movements:write", "cash-in:write"))
    assert both.post(back(brought), {}, key="k").status == 201
    assert api.post(back(brought), {}, key="k").status == 403, "not even as a replay"


def test_invalid_fields_are_reported_before_the_movement_is_read(client_demo, stranger, brought):
    api = Api(people.a_key(client_demo, "movements:write"))
    assert api.post(back(brought), {"amount": 0}).wrong == {"amount": "min_value"}
    assert stranger.post(back(brought), {"amount": 0}).wrong == {"amount": "min_value"}


def test_execution_is_reversed_like_a_transfer(api, alices, bobs):
    hold = people.place(alices, bobs, 30_00)
    movement = people.execute(hold, 10_00, keep_open=True)
    answer = api.post(back(movement), {})
    assert (answer.status, answer.json["amount"]) == (201, "10.00")
    assert answer.json["holdId"] is None
    assert money_of(alices) == (100_00, 20_00), "the hold is as it was"


def refused(answer: people.Answer, movement: Movement, type_: str) -> None:
    assert (answer.status, answer.code) == (409, "movement_not_reversible")
    assert answer.json["conflict"] == {"movementId": str(movement.id), "type": type_}


def test_cash_out_is_not_reversed_in_any_status(api, alices):
    waiting = a_cash_out(alices, 10_00)
    settled = end(SettleCashOut, end(MarkCashOutSent, a_cash_out(alices, 20_00)))
    for movement in (waiting, settled):
        refused(api.post(back(movement), {}), movement, "CASH_OUT")


def test_a_reversal_is_not_reversed(api, alices, bobs, paid):
    reversal = people.reverse(paid, 5_00)
    for leg in Movement.objects.filter(operation_id=reversal.operation_id):
        refused(api.post(back(leg), {}), leg, "REVERSAL")
    assert people.balances(alices, bobs) == [85_00, 15_00]


def test_an_adjustment_is_not_reversed(api, alices):
    order = Adjust(**people.about(alices), amount=people.decimal(1_00), is_debit=True)
    adjustment = Movement.objects.get(id=posting.submit(order).id)
    refused(api.post(back(adjustment), {}), adjustment, "ADJUSTMENT")


def test_same_key_reverses_once(api, alices, bobs, paid, got):
    first = api.post(back(paid), {"amount": "5"}, key="k")
    people.transfer(bobs, alices, 15_00)
    again = api.post(back(paid), {"amount": "5.00"}, key="k")
    assert (again.status, again.json) == (201, first.json)
    for where, body in ((paid, {}), (paid, {"amount": "6"}), (got, {"amount": "5"})):
        answer = api.post(back(where), body, key="k")
        assert (answer.status, answer.code) == (409, "idempotency_key_reused")
        assert answer.json["conflict"]["id"] == first.json["id"]
    assert people.balances(alices, bobs) == [100_00, 0]
