"""Holds over the API: placed, read, listed, released and renewed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from iocash.db import outcome
from tests.support import people
from tests.support.cash_outs import money_of
from tests.support.holds import RELEASE, at
from tests.support.refusals import state
from tests.support.times import in_an_hour, stamp
from wallets import posting
from wallets.models import Hold
from wallets.orders.holds import ReleaseHold
from wallets.posting import group
from wallets.views.holds import HoldListView

pytestmark = pytest.mark.django_db

HOST = "http://testserver/api/v1"
UNKNOWN = people.unknown_id()
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def holds(wallet):
    return f"{wallet}/holds"


@pytest.fixture
def hold(alices, bobs):
    """Alice has promised Bob 30.00, for ever."""
    return people.place(alices, bobs, 30_00)


def promise(target: Any, amount: Any = "30.00", **values: Any) -> dict[str, Any]:
    return {"targetWalletId": str(target.id), "amount": amount, **values}


# --- POST ----------------------------------------------------------------------------------------


def test_placed_hold_reduces_the_available_balance(api, alices, bobs, wallet, holds):
    answer = api.post(holds, promise(bobs))
    assert (answer.status, answer.headers["Location"]) == (
        201,
        f"{HOST}/{holds}/{answer.json['id']}",
    )
    shown = api.get(wallet).json
    assert (shown["balance"], shown["heldBalance"], shown["availableBalance"]) == (
        "100.00",
        "30.00",
        "70.00",
    )
    assert people.balances(alices, bobs) == [100_00, 0]


def test_hold_has_all_fields_and_links(api, alices, bobs, wallet, holds):
    expiration = in_an_hour()
    order = promise(bobs, concept="Deposit", metadata={"room": "7"}, expiration=stamp(expiration))
    answer = api.post(holds, order)
    followed = api.get(answer.headers["Location"])
    assert followed.json == answer.json
    assert followed.headers["ETag"] == answer.headers["ETag"]
    hold = Hold.objects.get()
    assert answer.json == {
        "id": str(hold.id),
        "walletId": str(alices.id),
        "targetWalletId": str(bobs.id),
        "status": "OPEN",
        "amount": "30.00",
        "remainingAmount": "30.00",
        "executedAmount": "0.00",
        "releasedAmount": "0.00",
        "reference": None,
        "currency": "EUR",
        "concept": "Deposit",
        "metadata": {"room": "7"},
        "expiration": stamp(expiration),
        "createdAt": stamp(hold.created_at),
        "updatedAt": stamp(hold.created_at),
        "endedAt": None,
        "_links": {
            "self": {"href": f"{HOST}/{holds}/{hold.id}"},
            "wallet": {"href": f"{HOST}/{wallet}"},
            "targetWallet": {"href": f"{HOST}/wallets/{bobs.id}"},
            "movements": {"href": f"{HOST}/{wallet}/movements?holdId={hold.id}"},
        },
    }


@pytest.mark.parametrize("given", [{}, {"expiration": None, "concept": None, "metadata": {}}])
def test_omitted_fields_of_a_hold_are_null(api, bobs, holds, given):
    shown = api.post(holds, promise(bobs, **given)).json
    assert (shown["expiration"], shown["concept"], shown["metadata"]) == (None, None, None)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, {"targetWalletId": "required", "amount": "required"}),
        (
            {
                "targetWalletId": "x",
                "amount": 0,
                "concept": "a" * 141,
                "metadata": {"a": 1},
                "expiration": "tomorrow",
                "status": "OPEN",
                "remainingAmount": "1",
                "color": "red",
            },
            {
                "targetWalletId": "invalid",
                "amount": "min_value",
                "concept": "max_length",
                "metadata.a": "not_a_string",
                "expiration": "invalid",
                "status": "unknown_field",
                "remainingAmount": "unknown_field",
                "color": "unknown_field",
            },
        ),
    ],
)
def test_all_invalid_fields_are_reported(api, alices, holds, values, wrong):
    answer = api.post(holds, values, key="k")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    assert money_of(alices) == (100_00, 0)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"amount": "0.001"}, {"amount": "max_decimal_places"}),
        ({"expiration": LONG_AGO}, {"expiration": "not_in_the_future"}),
        ({"expiration": "0001-01-01T00:00:00+23:59"}, {"expiration": "invalid"}),
    ],
)
def test_fields_that_need_the_wallet_or_the_clock_are_reported(api, bobs, holds, change, wrong):
    answer = api.post(holds, promise(bobs) | change)
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)


def test_hold_for_the_same_wallet_gets_400(api, alices, holds):
    assert api.post(holds, promise(alices)).wrong == {"targetWalletId": "same_wallet"}


def test_hold_above_the_available_balance_gets_409(api, alices, bobs, holds):
    api.post(holds, promise(bobs, "80.00"))
    answer = api.post(holds, promise(bobs, "20.01"))
    assert (answer.status, answer.code) == (409, "insufficient_funds")
    assert answer.json["conflict"] == {
        "walletId": str(alices.id),
        "available": "20.00",
        "required": "20.01",
        "currency": "EUR",
    }


def test_target_must_be_ready_and_of_the_same_client_and_currency(api, alices, bob, bobs, holds):
    theirs = people.first_wallet(people.a_user(people.a_client("Another"), people.ALICE))
    assert api.post(holds, promise(theirs)).code == "target_wallet_not_found"
    dollars = people.a_wallet(bob, "USD")
    assert api.post(holds, promise(dollars)).json["conflict"] == {
        "walletId": str(dollars.id),
        "currency": "USD",
        "orderCurrency": "EUR",
    }
    people.block(bobs)
    answer = api.post(holds, promise(bobs))
    assert (answer.status, answer.code) == (409, "wallet_not_ready")
    assert answer.json["conflict"] == {"walletId": str(bobs.id), "status": "BLOCKED"}
    people.block(bob)
    assert money_of(alices) == (100_00, 0)


def test_a_hold_of_a_blocked_user_is_refused(api, alice, bobs, holds):
    people.block(alice)
    answer = api.post(holds, promise(bobs))
    assert (answer.status, answer.code) == (409, "user_not_active")
    assert answer.json["conflict"] == {"userId": str(alice.id), "status": "BLOCKED"}


def test_replay_returns_the_current_state_of_the_hold(api, alices, bobs, holds):
    soon = promise(bobs, expiration=stamp(in_an_hour()))
    first = api.post(holds, soon, key="k")
    people.pass_time(timedelta(hours=2))
    again = api.post(holds, soon, key="k")
    assert (again.status, again.json["status"]) == (201, "EXPIRED")
    assert again.json["id"] == first.json["id"]
    assert again.headers["ETag"] == api.get(again.headers["Location"]).headers["ETag"]
    assert money_of(alices) == (100_00, 0)


# --- GET the list --------------------------------------------------------------------------------


@pytest.fixture
def many(alices, bobs):
    """Holds by how they stand: open for ever, open for a day, executed, released, expired."""
    made = {name: people.place(alices, bobs, 1_00, key=name) for name in ("ever", "paid", "freed")}
    made["day"] = people.place(alices, bobs, 1_00, expires_at=in_an_hour() + timedelta(days=1))
    made["late"] = people.place(alices, bobs, 1_00, expires_at=in_an_hour())
    people.execute(made["paid"])
    posting.submit(people.about_hold(ReleaseHold, made["freed"]))
    people.pass_time(timedelta(hours=2))
    return {str(hold.id): name for name, hold in made.items()}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["late", "day", "freed", "paid", "ever"]),
        ("sort=createdAt,asc", ["ever", "paid", "freed", "day", "late"]),
        ("status=OPEN", ["day", "ever"]),
        ("status=EXPIRED", ["late"]),
        ("status=EXECUTED", ["paid"]),
        ("status=RELEASED", ["freed"]),
        ("idempotencyKey=ever", ["ever"]),
        ("idempotencyKey=never", []),
        ("idempotencyKey=ever&status=EXPIRED", []),
        ("endDate=2020-01-01T00:00:00Z", []),
        ("startDate=2020-01-01T00:00:00Z&size=2", ["late", "day"]),
    ],
)
def test_holds_are_filtered(api, holds, many, query, names):
    found = api.get(f"{holds}?{query}").json["_embedded"]["holds"]
    assert [many[hold["id"]] for hold in found] == names


def test_hold_in_a_list_equals_the_single_hold(api, holds, many):
    for hold in api.get(holds).json["_embedded"]["holds"]:
        assert hold == api.get(hold["_links"]["self"]["href"]).json


def test_holds_of_a_payee_are_not_listed(api, bobs, hold):
    assert api.get(f"wallets/{bobs.id}/holds").json["_embedded"] == {"holds": []}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("status=DONE&size=0", {"status": "invalid_choice", "size": "min_value"}),
        (
            "startDate=2020-01-02T00:00:00Z&endDate=2020-01-01T00:00:00Z",
            {"endDate": "invalid_range"},
        ),
        ("idempotencyKey=&holdId=x", {"idempotencyKey": "blank", "holdId": "unknown_parameter"}),
    ],
)
def test_invalid_parameter_is_reported(api, holds, query, wrong):
    answer = api.get(f"{holds}?{query}")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_parameters", wrong)


# --- PATCH: release and renew --------------------------------------------------------------------


def test_released_hold_frees_the_money(api, alices, hold):
    answer = api.patch(at(hold), RELEASE)
    assert (answer.status, answer.json["status"], answer.json["remainingAmount"]) == (
        200,
        "RELEASED",
        "0.00",
    )
    assert answer.json["endedAt"]
    assert (answer.json, answer.headers["ETag"]) == (
        api.get(at(hold)).json,
        api.get(at(hold)).headers["ETag"],
    )
    assert money_of(alices) == (100_00, 0)


def test_hold_can_be_renewed_with_and_without_an_expiration(api, alices, bobs):
    hold = people.place(alices, bobs, 30_00, expires_at=in_an_hour())
    later = stamp(in_an_hour() + timedelta(days=1))
    assert api.patch(at(hold), {"expiration": later}).json["expiration"] == later
    assert api.patch(at(hold), {"expiration": None}).json["expiration"] is None
    people.pass_time(timedelta(days=9))
    assert api.get(at(hold)).json["status"] == "OPEN"
    assert money_of(alices) == (100_00, 30_00)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, {"status": "required"}),
        ({"status": "EXECUTED"}, {"status": "invalid_choice"}),
        ({"status": None}, {"status": "null"}),
        ({"expiration": "soon"}, {"expiration": "invalid"}),
        ({"expiration": LONG_AGO}, {"expiration": "not_in_the_future"}),
        ({"status": "RELEASED", "expiration": None}, {"expiration": "one_only"}),
        (
            {"status": "OPEN", "expiration": None, "amount": "1"},
            {"status": "invalid_choice", "expiration": "one_only", "amount": "unknown_field"},
        ),
    ],
)
def test_all_invalid_fields_of_a_change_are_reported(api, hold, change, wrong):
    answer = api.patch(at(hold), change)
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    assert people.seen(hold.id).status == "OPEN"


@pytest.mark.parametrize("change", [RELEASE, {"expiration": None}])
@pytest.mark.parametrize("status", ["EXECUTED", "RELEASED", "EXPIRED"])
def test_closed_hold_cannot_be_changed_or_executed(api, alices, bobs, status, change):
    hold = people.place(alices, bobs, 30_00, expires_at=in_an_hour())
    if status == "EXECUTED":
        people.execute(hold)
    elif status == "RELEASED":
        api.patch(at(hold), RELEASE)
    else:
        people.pass_time(timedelta(hours=2))
    answers = [api.patch(at(hold), change), api.post(f"{at(hold)}/executions")]
    if (status, change) == ("RELEASED", RELEASE):  # is 200, see below
        del answers[0]
    for answer in answers:
        assert (answer.status, answer.code) == (409, "hold_not_open")
        assert answer.json["conflict"] == {"holdId": str(hold.id), "status": status}


def test_second_release_gets_200_and_changes_nothing(api, hold):
    first = api.patch(at(hold), RELEASE)
    before = state()
    again = api.patch(at(hold), RELEASE)
    assert (again.status, again.json, again.headers["ETag"]) == (
        200,
        first.json,
        first.headers["ETag"],
    )
    assert state() == before


def test_present_expiration_gets_200_and_changes_nothing(api, alices, bobs):
    for expires_at in (in_an_hour(), None):
        hold = people.place(alices, bobs, 30_00, expires_at=expires_at)
        seen, before = api.get(at(hold)).json, state()
        again = api.patch(at(hold), {"expiration": seen["expiration"]})
        assert (again.status, again.json) == (200, seen)
        assert state() == before


def test_stale_etag_is_refused_before_the_status_is_compared(api, hold):
    stale = api.get(at(hold)).headers["ETag"]
    api.patch(at(hold), RELEASE)
    answer = api.patch(at(hold), RELEASE, headers={"If-Match": stale})
    assert (answer.status, answer.code) == (409, "version_conflict")


@pytest.mark.django_db(transaction=True)
def test_placed_hold_is_read_again_when_the_connection_breaks(api, bobs, holds, monkeypatch):
    """After COMMIT, before what was made is read."""
    read = HoldListView.hold
    broken: list[Any] = []

    def breaks_once(*args: Any) -> Hold:
        if not broken:
            broken.append(args)
            raise OperationalError("the connection is lost")
        return read(*args)

    monkeypatch.setattr(HoldListView, "hold", breaks_once)
    assert api.post(holds, promise(bobs)).status == 201
    assert broken
    assert Hold.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_placed_hold_gets_outcome_unknown_when_it_cannot_be_read(api, bobs, holds, monkeypatch):
    def breaks(*args: Any) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(HoldListView, "hold", breaks)
    monkeypatch.setattr(outcome, "LONGEST", 0)
    assert api.post(holds, promise(bobs)).code == "outcome_unknown"
    assert Hold.objects.count() == 1


def test_hold_gets_database_unavailable_when_it_was_not_placed(api, bobs, holds, monkeypatch):
    def breaks(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(group, "post", breaks)
    assert api.post(holds, promise(bobs)).code == "database_unavailable"
