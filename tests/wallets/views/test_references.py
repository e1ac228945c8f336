"""The client's own reference of movements and holds: stored, inherited, part of the request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support import people
from tests.support.people import cash, to
from wallets.models import Movement

pytestmark = pytest.mark.django_db


def test_both_legs_of_a_transfer_have_the_reference(api, alices, bobs, path):
    answer = api.post(path, to(bobs, reference="INV 1001/a"))
    assert (answer.status, answer.json["reference"]) == (201, "INV 1001/a")
    assert api.get(answer.headers["Location"]).json == answer.json
    (received,) = people.movements(bobs)
    assert received.reference == "INV 1001/a"


@pytest.mark.parametrize("body", [cash(), {"type": "CASH_OUT", "amount": "1", "iban": None}])
def test_cash_in_and_cash_out_have_a_reference(api, path, body):
    iban = {"iban": {"accountNumber": "ES9121000418450200051332"}} if "iban" in body else {}
    answer = api.post(path, body | iban | {"reference": "1001"})
    assert answer.json["reference"] == "1001"
    assert api.get(answer.headers["Location"]).json["reference"] == "1001"


def test_items_of_a_batch_have_their_own_references(api, alices, bobs, path):
    items = [to(bobs, "1.00", reference="a"), to(bobs, "1.00"), to(bobs, "1.00", reference="c")]
    answer = api.post(f"{path}/batch", {"movements": items})
    made = answer.json["_embedded"]["movements"]
    assert [each["reference"] for each in made] == ["a", None, "c"]


def test_transfers_of_an_operation_have_their_own_references(api, alices, bobs):
    each = {"sourceWalletId": str(alices.id), "targetWalletId": str(bobs.id), "amount": "1.00"}
    body = {"transfers": [each | {"reference": "a"}, each]}
    answer = api.post("operations", body, key="all")
    made = answer.json["_embedded"]["movements"]
    assert [each["reference"] for each in made] == ["a", "a", None, None]
    assert {each["idempotencyKey"] for each in made} == {"all"}
    listed = api.get(answer.headers["Location"] + "?sort=createdAt,asc").json
    key = {(each["reference"], each["idempotencyKey"]) for each in listed["_embedded"]["movements"]}
    assert key == {("a", "all"), (None, "all")}
    assert api.post("operations", body, key="all").json == answer.json


def test_dry_runs_show_the_reference(api, alices, bobs, path, hold):
    wallet = f"wallets/{alices.id}"
    order, held = to(bobs, reference="7"), {"targetWalletId": str(bobs.id), "amount": "1.00"}
    each = {"sourceWalletId": str(alices.id), **held, "reference": "7"}
    paid = api.post(path, to(bobs, reference="1001")).headers["Location"]
    for address, body, reference in (
        (path, order, "7"),
        (f"{wallet}/holds", held | {"reference": "7"}, "7"),
        (f"{hold}/executions", {}, "deposit-7"),
        (f"{paid}/reversal", {}, "1001"),
    ):
        answer = api.post(f"{address}?dryRun=true", body)
        assert (answer.status, answer.json["reference"]) == (200, reference)
    for address, body in (
        (f"{path}/batch", {"movements": [order]}),
        ("operations", {"transfers": [each]}),
    ):
        answer = api.post(f"{address}?dryRun=true", body)
        assert {each["reference"] for each in answer.json["_embedded"]["movements"]} == {"7"}


@pytest.fixture
def hold(api, alices, bobs):
    body = {"targetWalletId": str(bobs.id), "amount": "30.00", "reference": "deposit-7"}
    answer = api.post(f"wallets/{alices.id}/holds", body)
    assert (answer.status, answer.json["reference"]) == (201, "deposit-7")
    return answer.headers["Location"]


@pytest.mark.parametrize(
    ("body", "reference"), [({}, "deposit-7"), ({"reference": "part"}, "part")]
)
def test_execution_inherits_the_reference_of_the_hold(api, bobs, hold, body, reference):
    answer = api.post(f"{hold}/executions", body)
    assert (answer.status, answer.json["reference"]) == (201, reference)
    assert [each.reference for each in people.movements(bobs)] == [reference]


@pytest.mark.parametrize(("body", "reference"), [({}, "1001"), ({"reference": "back"}, "back")])
@pytest.mark.parametrize("order", [people.cash, None])
def test_reversal_inherits_the_reference_of_the_movement(api, bobs, path, body, reference, order):
    first = (order or (lambda **values: to(bobs, **values)))(reference="1001")
    paid = api.post(path, first).headers["Location"]
    answer = api.post(f"{paid}/reversal", body)
    assert (answer.status, answer.json["reference"]) == (201, reference)


def test_movement_without_a_reference_passes_none_on(api, bobs, path):
    paid = api.post(path, to(bobs)).headers["Location"]
    assert api.post(f"{paid}/reversal", {}).json["reference"] is None


def test_another_reference_is_another_request(api, bobs, path):
    order = to(bobs, reference="1001")
    made = api.post(path, order, key="k")
    again = api.post(path, order, key="k")
    assert (again.json, again.headers["Idempotent-Replayed"]) == (made.json, "true")
    for other in (order | {"reference": "1002"}, to(bobs)):
        answer = api.post(path, other, key="k")
        assert (answer.status, answer.code) == (409, "idempotency_key_reused")


def test_null_reference_is_the_same_request_as_none(api, bobs, path):
    made = api.post(path, to(bobs), key="k")
    assert api.post(path, to(bobs, reference=None), key="k").json == made.json


def test_two_movements_can_have_the_same_reference(api, bobs, path):
    answers = [api.post(path, to(bobs, "1.00", reference="1001")) for _ in range(2)]
    assert [each.status for each in answers] == [201, 201]


# --- What the answers say beside -----------------------------------------------------------------


def test_reversed_amount_is_the_sum_of_the_reversals(api, bobs, path):
    paid = api.post(path, to(bobs, "10.00")).headers["Location"]
    for amount, total in (("2.50", "2.50"), ("4", "6.50")):
        answer = api.post(f"{paid}/reversal", {"amount": amount})
        assert answer.json["reversedAmount"] == "0.00"
        assert api.get(paid).json["reversedAmount"] == total
    (received, *_) = people.movements(bobs)
    here = f"wallets/{bobs.id}/movements"
    assert api.get(f"{here}/{received.id}").json["reversedAmount"] == "6.50"
    shown = {each["id"]: each for each in api.get(here).json["_embedded"]["movements"]}
    assert shown[str(received.id)]["reversedAmount"] == "6.50"


def test_all_movements_of_an_operation_show_its_key(api, bobs, path):
    paid = api.post(path, to(bobs), key="lunch")
    assert paid.json["idempotencyKey"] == "lunch"
    assert api.get(paid.headers["Location"]).json["idempotencyKey"] == "lunch"
    assert received_keys(api, bobs) == ["lunch"]
    items = {"movements": [to(bobs, "1.00"), to(bobs, "2.00")]}
    batch = api.post(f"{path}/batch", items, key="batch")
    made = batch.json["_embedded"]["movements"]
    assert [each["idempotencyKey"] for each in made] == ["batch"] * 2
    assert received_keys(api, bobs) == ["batch", "batch", "lunch"]
    assert api.post(f"{path}/batch", items, key="batch").json == batch.json


def received_keys(api: people.Api, wallet: Any) -> list[Any]:
    page = api.get(f"wallets/{wallet.id}/movements").json
    return [each["idempotencyKey"] for each in page["_embedded"]["movements"]]


def test_keys_of_the_back_office_are_not_shown(api, alices, path):
    people.cash_in(alices, 1_00, key="\x1fstaff-1")
    assert api.get(path).json["_embedded"]["movements"][0]["idempotencyKey"] is None


def test_cash_out_shows_its_external_account_and_its_end(api, alices, account, path):
    body = {"type": "CASH_OUT", "amount": "1.00", "externalAccountId": str(account.id)}
    answer = api.post(path, body, key="out")
    assert (answer.json["externalAccountId"], answer.json["endedAt"]) == (str(account.id), None)
    where = answer.headers["Location"]
    ended = api.patch(where, {"status": "CANCELLED"})
    assert ended.json == api.get(where).json
    assert (ended.json["settledAt"], ended.json["idempotencyKey"]) == (None, "out")
    stored = Movement.objects.get(id=ended.json["id"])
    assert stored.ended_at is not None
    assert ended.json["endedAt"] == f"{stored.ended_at.isoformat(timespec='milliseconds')[:-6]}Z"


def test_cash_out_to_an_iban_has_no_external_account(api, path):
    iban = {"accountNumber": "ES9121000418450200051332"}
    answer = api.post(path, {"type": "CASH_OUT", "amount": "1.00", "iban": iban})
    assert answer.json["externalAccountId"] is None


def test_hold_shows_what_was_executed_and_released(api, hold):
    def amounts() -> list[str]:
        shown = api.get(hold).json
        return [shown[f"{name}Amount"] for name in ("remaining", "executed", "released")]

    assert amounts() == ["30.00", "0.00", "0.00"]
    api.post(f"{hold}/executions", {"amount": "10", "keepOpen": True})
    assert amounts() == ["20.00", "10.00", "0.00"]
    api.post(f"{hold}/executions", {"amount": "5"})
    assert amounts() == ["0.00", "15.00", "15.00"]


def test_released_and_expired_holds_show_what_is_available_again(api, alices, bobs, hold):
    assert api.patch(hold, {"status": "RELEASED"}).json["releasedAmount"] == "30.00"
    body = {
        "targetWalletId": str(bobs.id),
        "amount": "30.00",
        "expiration": "2099-12-31T12:00:00Z",
    }
    overdue = api.post(f"wallets/{alices.id}/holds", body).headers["Location"]
    people.pass_time(timedelta(days=36_500))
    shown = api.get(overdue).json
    assert (shown["status"], shown["releasedAmount"]) == ("EXPIRED", "30.00")
