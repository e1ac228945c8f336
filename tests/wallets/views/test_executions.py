"""How holds end over the API: executed, or expired; and their versions: ETag and If-Match."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support import people
from tests.support.cash_outs import money_of
from tests.support.holds import RELEASE, at
from tests.support.movement_json import HOST, shown_transfer
from tests.support.times import in_an_hour
from users.models import Event
from wallets.models import Hold, Movement, holds

pytestmark = pytest.mark.django_db


@pytest.fixture
def hold(alices, bobs):
    """Alice has promised Bob 30.00, for an hour."""
    return people.place(alices, bobs, 30_00, expires_at=in_an_hour())


@pytest.fixture
def executions(hold):
    return f"{at(hold)}/executions"


# --- POST an execution ---------------------------------------------------------------------------


@pytest.mark.parametrize("body", [None, {}, {"concept": None}, {"amount": "30"}])
def test_execution_without_an_amount_pays_the_whole_hold(api, alices, bobs, hold, executions, body):
    answer = api.post(executions, body)
    assert (answer.status, answer.json["amount"]) == (201, "30.00")
    shown = api.get(at(hold)).json
    assert (shown["status"], shown["remainingAmount"]) == ("EXECUTED", "0.00")
    assert money_of(alices) == (70_00, 0)
    assert people.balances(bobs) == [30_00]


def test_an_execution_is_the_payers_movement(api, alices, bobs, hold, executions):
    answer = api.post(executions, {"amount": "10", "concept": "Stay", "metadata": {"room": "7"}})
    assert answer.json == api.get(answer.headers["Location"]).json
    movement = Movement.objects.get(hold=hold, wallet=alices)
    times = {answer.json.pop(name) for name in ("createdAt", "updatedAt", "settledAt", "endedAt")}
    assert answer.json == shown_transfer(
        movement,
        alices,
        bobs,
        amount="10.00",
        concept="Stay",
        holdId=str(hold.id),
        balanceAfter="90.00",
        metadata={"room": "7"},
        links={"hold": {"href": f"{HOST}/{at(hold)}"}},
    )
    assert len(times) == 1


def test_rest_of_an_execution_is_available_again(api, alices, bobs, hold, executions):
    api.post(executions, {"amount": "10.00"})
    assert api.get(at(hold)).json["status"] == "EXECUTED"
    assert money_of(alices) == (90_00, 0)
    assert people.balances(bobs) == [10_00]


def test_rest_of_an_execution_stays_held_when_keep_open_is_set(api, alices, bobs, hold, executions):
    part = {"amount": "10.00", "keepOpen": True}
    assert api.post(executions, part).status == 201
    shown = api.get(at(hold)).json
    assert (shown["status"], shown["amount"], shown["remainingAmount"]) == (
        "OPEN",
        "30.00",
        "20.00",
    )
    assert money_of(alices) == (90_00, 20_00)
    for _ in range(2):
        assert api.post(executions, part).status == 201
    assert api.get(at(hold)).json["status"] == "EXECUTED", "nothing was left to keep"
    assert money_of(alices) == (70_00, 0)


def test_the_movements_of_a_hold_are_found_in_both_wallets(api, alices, bobs, hold, executions):
    for _ in range(2):
        api.post(executions, {"amount": "1.00", "keepOpen": True})
    people.transfer(alices, bobs, 5_00)
    links = api.get(at(hold)).json["_links"]
    for address in (links["movements"]["href"], f"wallets/{bobs.id}/movements?holdId={hold.id}"):
        found = api.get(address).json["_embedded"]["movements"]
        assert [movement["amount"] for movement in found] == ["1.00", "1.00"]


def test_execution_above_the_remaining_amount_gets_409(api, alices, hold, executions):
    api.post(executions, {"amount": "10.00", "keepOpen": True})
    answer = api.post(executions, {"amount": "20.01"})
    assert (answer.status, answer.code) == (409, "hold_exceeded")
    assert answer.json["conflict"] == {
        "holdId": str(hold.id),
        "remaining": "20.00",
        "requested": "20.01",
        "currency": "EUR",
    }
    assert money_of(alices) == (90_00, 20_00)


@pytest.mark.parametrize("who", ["alices", "bobs"])
def test_blocked_wallet_neither_pays_nor_receives(api, request, hold, executions, who):
    blocked = request.getfixturevalue(who)
    people.block(blocked)
    answer = api.post(executions)
    assert (answer.status, answer.code) == (409, "wallet_not_ready")
    assert answer.json["conflict"] == {"walletId": str(blocked.id), "status": "BLOCKED"}
    assert api.patch(at(hold), RELEASE).status == 200, "a promise can be taken back"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (
            {"amount": "-1", "keepOpen": "yes", "concept": " ", "holdId": "x"},
            {
                "amount": "invalid",
                "keepOpen": "invalid",
                "concept": "blank",
                "holdId": "unknown_field",
            },
        ),
        ({"keepOpen": None, "amount": None}, {"keepOpen": "null", "amount": "null"}),
        ({"amount": "0.001"}, {"amount": "max_decimal_places"}),
    ],
)
def test_all_invalid_fields_are_reported(api, alices, executions, body, wrong):
    answer = api.post(executions, body, key="k")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    assert money_of(alices) == (100_00, 30_00)


def test_same_key_replays_after_the_hold_was_executed(api, alices, executions):
    first, again = (api.post(executions, key="k") for _ in range(2))
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert api.post(executions, {"keepOpen": True}, key="k").code == "idempotency_key_reused"
    assert money_of(alices) == (70_00, 0)


# --- Expiry is true at the instant ---------------------------------------------------------------


@pytest.fixture
def late(alices, bobs):
    """Alice promised Bob 30.00, until an hour ago; nobody has looked since."""
    hold = people.place(alices, bobs, 30_00, expires_at=in_an_hour())
    people.pass_time(timedelta(hours=2))
    return hold


def test_expired_hold_is_returned_as_expired_without_a_worker(api, late):
    answer = api.get(at(late))
    assert (answer.json["status"], answer.json["remainingAmount"]) == ("EXPIRED", "0.00")
    assert answer.json["expiration"] == answer.json["endedAt"]
    assert Hold.objects.get().status == "OPEN", "no worker ran"


def test_money_of_an_expired_hold_is_available(api, bobs, wallet, late):
    wallets = api.get("wallets").json["_embedded"]["wallets"]
    (listed,) = [each for each in wallets if each["id"] == str(late.wallet_id)]
    for shown in (api.get(wallet).json, listed):
        assert (shown["heldBalance"], shown["availableBalance"]) == ("0.00", "100.00")
    assert api.post(f"{wallet}/movements", people.to(bobs, "100.00")).status == 201
    assert Hold.objects.get().status == "EXPIRED"


def test_stored_expiry_does_not_change_the_response(api, alices, late):
    before = api.get(at(late))
    people.cash_in(alices, 1_00)
    after = api.get(at(late))
    assert Hold.objects.get().status == "EXPIRED"
    assert (after.json, after.headers["ETag"]) == (before.json, before.headers["ETag"])
    event = Event.objects.get(kind="hold.expired")
    assert (event.subject_id, event.actor) == (late.id, "system:clock")
    assert not Movement.objects.filter(hold=late).exists()


# --- ETag and If-Match ---------------------------------------------------------------------------


def tag(api: people.Api, hold: Hold) -> str:
    return str(api.get(at(hold)).headers["ETag"])


def release_if(api: people.Api, hold: Hold, versions: str) -> people.Answer:
    return api.patch(at(hold), RELEASE, headers={"If-Match": versions})


def test_etag_is_strong_and_stable(api, hold):
    assert tag(api, hold) == tag(api, hold)
    assert tag(api, hold).startswith('"')
    assert tag(api, hold).endswith('"')


def test_every_change_changes_the_etag(api, hold, executions):
    renewals = ({"expiration": "2999-01-01T00:00:00Z"}, {"expiration": None})
    seen = [tag(api, hold)]
    seen += [str(api.patch(at(hold), change).headers["ETag"]) for change in renewals]
    api.post(executions, {"amount": "1", "keepOpen": True})
    seen.append(tag(api, hold))
    seen.append(str(api.patch(at(hold), RELEASE).headers["ETag"]))
    assert len(set(seen)) == 5
    assert seen[-1] == tag(api, hold)


def test_expiry_changes_the_etag(api, hold):
    people.pass_time(timedelta(hours=2))
    over = tag(api, hold)
    hold.refresh_from_db()
    open_tag = f'"{holds.version_of(hold.id, "OPEN", hold.remaining, hold.expires_at)}"'
    assert over != open_tag, "though nothing else has changed"
    answer = release_if(api, hold, open_tag)
    assert (answer.status, answer.code) == (409, "version_conflict")
    assert answer.json["conflict"] == {"holdId": str(hold.id), "current": over}
    assert release_if(api, hold, over).code == "hold_not_open"


@pytest.mark.parametrize("form", ["{tag}", "*", ' "x", {tag}', 'W/"x",{tag}', " {tag} "])
def test_change_with_the_current_etag_is_accepted(api, alices, hold, form):
    answer = release_if(api, hold, form.format(tag=tag(api, hold)))
    assert (answer.status, answer.json["status"]) == (200, "RELEASED")
    assert money_of(alices) == (100_00, 0)


@pytest.mark.parametrize("form", ['"x"', "W/{tag}", 'W/{tag}, "x"', '""'])
@pytest.mark.parametrize("change", [RELEASE, {"expiration": None}])
def test_change_with_a_stale_etag_gets_409_with_the_current_one(api, alices, hold, form, change):
    current = tag(api, hold)
    answer = api.patch(at(hold), change, headers={"If-Match": form.format(tag=current)})
    assert (answer.status, answer.code) == (409, "version_conflict")
    assert answer.json["conflict"] == {"holdId": str(hold.id), "current": current}
    assert money_of(alices) == (100_00, 30_00)
    assert tag(api, hold) == current


@pytest.mark.parametrize("form", ["", " ", "x", '"x', 'x"', '"x" "y"', '"x",', "*, *", 'w/"x"'])
def test_malformed_etag_gets_400(api, alices, hold, form):
    answer = release_if(api, hold, form)
    assert (answer.status, answer.code) == (400, "invalid_header")
    assert "If-Match" in answer.json["detail"]
    assert money_of(alices) == (100_00, 30_00)


def test_second_change_with_one_etag_gets_409(api, hold):
    seen = tag(api, hold)
    renewed = api.patch(at(hold), {"expiration": None}, headers={"If-Match": seen})
    answer = release_if(api, hold, seen)
    assert (renewed.status, answer.status) == (200, 409)
    assert answer.json["conflict"]["current"] == renewed.headers["ETag"]
    assert release_if(api, hold, str(renewed.headers["ETag"])).status == 200


def test_change_of_another_clients_hold_gets_404(stranger, hold):
    assert release_if(stranger, hold, "*").status == 404
