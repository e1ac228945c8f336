"""How movements are read: one, and lists with their filters."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support import people
from tests.support.times import stamp

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()


# --- GET one -------------------------------------------------------------------------------------


def test_a_movement_of_another_wallet_is_not_found(api, alices, bobs):
    (movement,) = people.movements(alices)
    answer = api.get(f"wallets/{bobs.id}/movements/{movement.id}")
    assert (answer.status, answer.code) == (404, "not_found")
    assert api.get(f"wallets/{UNKNOWN}/movements/{movement.id}").status == 404
    assert api.get(f"wallets/{alices.id}/movements/{UNKNOWN}").status == 404


def test_single_movement_accepts_no_parameters(api, path, there):
    answer = api.get(f"{path}/{there['movement']}?type=CASH_IN")
    assert (answer.status, answer.wrong) == (400, {"type": "unknown_parameter"})


# --- GET the list --------------------------------------------------------------------------------


@pytest.fixture
def listed(api, path, history):
    """Which movements of the history a query finds, by their place in it, oldest first."""
    places = {str(movement.id): place for place, movement in enumerate(history)}

    def ask(query: str = "") -> list[int]:
        answer = api.get(f"{path}?sort=createdAt,asc{'&' if query else ''}{query}")
        assert answer.status == 200, answer.json
        return [places[found["id"]] for found in answer.json["_embedded"]["movements"]]

    return ask


def test_listed_movements_are_newest_first_and_equal_the_single_one(api, path, history):
    answer = api.get(path)
    shown = answer.json["_embedded"]["movements"]
    assert [movement["id"] for movement in shown] == [str(one.id) for one in reversed(history)]
    assert shown[0] == api.get(f"{path}/{history[-1].id}").json


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [0, 1, 2]),
        ("type=CASH_IN", [0]),
        ("type=TRANSFER", [1, 2]),
        ("direction=IN", [0, 2]),
        ("direction=OUT", [1]),
        ("status=SUCCESS", [0, 1, 2]),
        ("status=PENDING", []),
        ("minAmount=10", [0, 1]),
        ("minAmount=10.01", [0]),
        ("maxAmount=10.00", [1, 2]),
        ("maxAmount=4.99", []),
        ("minAmount=5&maxAmount=5", [2]),
        ("type=TRANSFER&direction=IN&maxAmount=5.00", [2]),
        ("idempotencyKey=lunch", [1]),
        ("idempotencyKey=dinner", []),
        (f"operationId={UNKNOWN}", []),
        ("startDate=2020-01-01T00:00:00Z", [0, 1, 2]),
        ("endDate=2020-01-01T00:00:00Z", []),
        ("startDate=2999-01-01T00:00:00%2B02:00", []),
    ],
)
def test_movements_are_filtered(listed, query, found):
    assert listed(query) == found


def test_movements_are_filtered_by_their_operation(listed, history):
    assert listed(f"operationId={history[1].operation_id}") == [1]


def test_movement_is_in_the_period_that_starts_at_its_displayed_time(listed, history):
    """An answer shows only the milliseconds."""
    for place, movement in enumerate(history):
        moment = stamp(movement.created_at)
        assert place in listed(f"startDate={moment}")
        assert place not in listed(f"endDate={moment}")
    late = stamp(history[-1].created_at + timedelta(milliseconds=1))
    early = stamp(history[0].created_at)
    assert listed(f"startDate={late}") == []
    assert listed(f"startDate={early}&endDate={late}") == [0, 1, 2]


def test_plus_sign_decoded_as_a_space_is_accepted_in_a_time(listed):
    assert listed("startDate=2020-01-01T00:00:00+02:00") == [0, 1, 2]


def test_the_receiver_finds_the_movement_of_the_payers_key(api, bobs, history):
    found = api.get(f"wallets/{bobs.id}/movements?idempotencyKey=lunch")
    (movement,) = found.json["_embedded"]["movements"]
    assert (movement["direction"], movement["amount"]) == ("IN", "10.00")


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("startDate=2020-02-30", {"startDate": "invalid"}),
        ("startDate=2020-13-01T00:00:00Z", {"startDate": "invalid"}),
        ("endDate=2020-01-01T00:00:00", {"endDate": "invalid"}),
        (
            "startDate=2020-01-02T00:00:00Z&endDate=2020-01-01T00:00:00Z",
            {"endDate": "invalid_range"},
        ),
        ("minAmount=2&maxAmount=1", {"maxAmount": "invalid_range"}),
        ("minAmount=-1&maxAmount=1e2", {"minAmount": "invalid", "maxAmount": "invalid"}),
        ("minAmount=0", {"minAmount": "min_value"}),
        ("minAmount=0.001", {"minAmount": "max_decimal_places"}),
        ("maxAmount=0.001", {"maxAmount": "max_decimal_places"}),
        ("direction=in", {"direction": "invalid_choice"}),
        ("type=GIFT&status=DONE", {"type": "invalid_choice", "status": "invalid_choice"}),
        ("operationId=x", {"operationId": "invalid"}),
        ("idempotencyKey=", {"idempotencyKey": "blank"}),
        ("amount=1", {"amount": "unknown_parameter"}),
        ("amount__gte=1", {"amount__gte": "unknown_parameter"}),
    ],
)
def test_invalid_parameter_is_reported(api, path, query, wrong):
    answer = api.get(f"{path}?{query}")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_parameters", wrong)


def test_pages_keep_their_filters(api, alices, bobs, path):
    for amount in range(1, 8):
        people.transfer(alices, bobs, amount)
    page = api.get(f"{path}?direction=OUT&size=3&maxAmount=0.06").json
    amounts = [movement["amount"] for movement in page["_embedded"]["movements"]]
    while "next" in page["_links"]:
        page = api.get(page["_links"]["next"]["href"]).json
        amounts += [movement["amount"] for movement in page["_embedded"]["movements"]]
    assert amounts == ["0.06", "0.05", "0.04", "0.03", "0.02", "0.01"]


def test_latest_possible_end_date_is_accepted(api, path, history):
    answer = api.get(f"{path}?endDate=9999-12-31T23:59:59.999999Z")
    assert len(answer.json["_embedded"]["movements"]) == 3
