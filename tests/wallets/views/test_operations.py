"""Operations over the API: several transfers at once, and the movements of one operation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from iocash.db.pipeline import Pipeline
from tests.support import people
from tests.support.people import Api, to
from users.models import Event, Key
from users.models.clients import SCOPES
from wallets.models import Movement, Wallet

pytestmark = pytest.mark.django_db

HOST = "http://testserver/api/v1"
UNKNOWN = people.unknown_id()
MALFORMED = ["1", "x", f"{UNKNOWN}0", f"{UNKNOWN}".replace("-", ""), f"{UNKNOWN}".upper() + "/"]


@pytest.fixture
def company(client_demo):
    """A wallet with 10.00 EUR of another user."""
    names = {"user_name": "company", "mobile_phone": "+34600000003"}
    wallet = people.first_wallet(people.a_user(client_demo, people.BOB | names))
    people.cash_in(wallet, 10_00)
    return wallet


def pay(source: Wallet | UUID, target: Wallet | UUID, amount: str, **values: Any) -> dict[str, Any]:
    ids = [str(getattr(each, "id", each)) for each in (source, target)]
    return {"sourceWalletId": ids[0], "targetWalletId": ids[1], "amount": amount, **values}


def of(*transfers: dict[str, Any]) -> dict[str, Any]:
    return {"transfers": list(transfers)}


def made(answer: people.Answer) -> list[dict[str, Any]]:
    assert answer.status == 201, answer.json
    found: list[dict[str, Any]] = answer.json["_embedded"]["movements"]
    return found


def is_untouched(*wallets: Wallet) -> bool:
    return people.balances(*wallets) == [100_00, 0] and not Key.objects.exists()


# --- All of them ---------------------------------------------------------------------------------


def test_operation_has_several_payers_and_payees(api, alices, bobs, company):
    body = of(
        pay(alices, bobs, "30.00", concept="Rent", metadata={"n": "1"}),
        pay(company, bobs, "10"),
        pay(bobs, alices, "5.5"),
    )
    answer = api.post("operations", body)
    operation_id = answer.json["operationId"]
    where = f"{HOST}/operations/{operation_id}"
    assert (answer.status, answer.headers["Location"]) == (201, where)
    assert people.balances(alices, bobs, company) == [75_50, 34_50, 0]
    assert answer.json == {
        "operationId": operation_id,
        "_links": {"self": {"href": where}},
        "_embedded": {"movements": made(answer)},
    }
    seen = [(each["walletId"], each["direction"], each["amount"]) for each in made(answer)]
    a, b, c = (str(wallet.id) for wallet in (alices, bobs, company))
    assert seen == [
        *((a, "OUT", "30.00"), (b, "IN", "30.00")),
        *((c, "OUT", "10.00"), (b, "IN", "10.00")),
        *((b, "OUT", "5.50"), (a, "IN", "5.50")),
    ]
    assert {each["operationId"] for each in made(answer)} == {operation_id}
    texts = [(each["concept"], each["metadata"]) for each in made(answer)]
    assert texts == [*[("Rent", {"n": "1"})] * 2, *[(None, None)] * 4]


def test_location_lists_exactly_its_movements(api, alices, bobs, company):
    people.transfer(alices, bobs, 1_00)
    answer = api.post("operations", of(pay(alices, bobs, "2"), pay(bobs, company, "3")))
    page = api.get(f"{answer.headers['Location']}?sort=createdAt,asc").json
    listed = page["_embedded"]["movements"]
    assert sorted(listed, key=str) == sorted(made(answer), key=str)
    assert api.get(listed[0]["_links"]["self"]["href"]).json == listed[0]


def test_movements_of_an_operation_are_paginated(api, alices, bobs):
    answer = api.post("operations", of(*[pay(alices, bobs, "1")] * 3))
    seen, address = [], f"{answer.headers['Location']}?size=4"
    for count in (4, 2):
        page = api.get(address).json
        assert len(page["_embedded"]["movements"]) == count
        seen += page["_embedded"]["movements"]
        address = page["_links"].get("next", {}).get("href", "")
    assert not address
    assert sorted(seen, key=str) == sorted(made(answer), key=str)


def test_every_kind_of_operation_can_be_read(api, alices, bobs, path):
    batch = api.post(f"{path}/batch", {"movements": [to(bobs, "1"), people.cash("2")]})
    moved = api.post(path, to(bobs, "1"))
    for operation_id, count in ((batch.json["operationId"], 3), (moved.json["operationId"], 2)):
        page = api.get(f"operations/{operation_id}").json
        assert len(page["_embedded"]["movements"]) == count


def test_payee_finds_its_movements_by_operation_and_key(api, alices, bobs, company):
    body = of(pay(alices, bobs, "1"), pay(alices, company, "2"), pay(company, bobs, "3"))
    operation_id = api.post("operations", body, key="pay").json["operationId"]
    for query in (f"operationId={operation_id}", "idempotencyKey=pay"):
        address = f"wallets/{bobs.id}/movements?{query}&sort=createdAt,asc"
        found = api.get(address).json["_embedded"]["movements"]
        assert [each["amount"] for each in found] == ["1.00", "3.00"]


def test_transfers_between_wallets_of_several_currencies(api, alices, alice, bob, bobs):
    dollars, bobs_dollars = (people.a_wallet(user, "USD") for user in (alice, bob))
    people.cash_in(dollars, 5_00)
    currencies = [
        each["currency"]
        for each in made(
            api.post("operations", of(pay(alices, bobs, "1"), pay(dollars, bobs_dollars, "2")))
        )
    ]
    assert currencies == ["EUR", "EUR", "USD", "USD"]


def test_equal_payments_of_an_operation_are_reversed_one_by_one(api, alices, bobs):
    """Each reversal finds the other leg of its own payment, also that in the other direction."""
    body = of(pay(alices, bobs, "5"), pay(alices, bobs, "5"), pay(bobs, alices, "5"))
    payments = made(api.post("operations", body))[::2]
    for payment in reversed(payments):  # the last one first, so that Bob has the money
        address = payment["_links"]["self"]["href"]
        for amount, status in (("2.00", 201), ("3.00", 201), ("0.01", 409)):
            answer = api.post(f"{address}/reversal", {"amount": amount})
            assert answer.status == status
    assert people.balances(alices, bobs) == [100_00, 0]


# --- Or none -------------------------------------------------------------------------------------


def test_refused_operation_lists_every_refusal_and_changes_nothing(api, alices, bobs, company):
    people.block(company)
    theirs = people.first_wallet(people.a_user(people.a_client("Another"), people.ALICE))
    body = of(
        pay(alices, bobs, "60"),
        pay(alices, bobs, "40.01"),
        pay(bobs, company, "1"),
        pay(theirs, bobs, "1"),
        pay(alices, theirs, "1"),
        pay(UNKNOWN, bobs, "1"),
        pay(bobs, alices, "60"),
    )
    answer = api.post("operations", body, key="k")
    assert (answer.status, answer.code) == (409, "batch_refused")
    assert answer.json["detail"] == "5 of 7 movements were refused; none was executed."
    conflict = answer.json["conflict"]
    assert (conflict["refused"], conflict["count"]) == (5, 7)
    assert all(item.pop("detail") for item in conflict["items"])
    facts = {"available": "40.00", "required": "40.01", "currency": "EUR"}
    assert conflict["items"] == [
        {"index": 1, "code": "insufficient_funds", "walletId": str(alices.id), **facts},
        {
            "index": 2,
            "code": "wallet_not_ready",
            "walletId": str(company.id),
            "status": "BLOCKED",
        },
        {"index": 3, "code": "source_wallet_not_found", "sourceWalletId": str(theirs.id)},
        {"index": 4, "code": "target_wallet_not_found", "targetWalletId": str(theirs.id)},
        {"index": 5, "code": "source_wallet_not_found", "sourceWalletId": str(UNKNOWN)},
    ]
    assert is_untouched(alices, bobs)


def test_refused_operation_does_not_use_its_key(api, alices, bobs):
    body = of(pay(alices, bobs, "60"), pay(alices, bobs, "60"))
    assert api.post("operations", body, key="k").code == "batch_refused"
    people.cash_in(alices, 20_00)
    answer = api.post("operations", body, key="k")
    assert (answer.status, "Idempotent-Replayed" in answer.headers) == (201, False)


# --- Shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"transfers": "required"}),
        ({"transfers": None}, {"transfers": "null"}),
        (
            {"transfers": {}, "concept": "x"},
            {"transfers": "not_a_list", "concept": "unknown_field"},
        ),
        ({"transfers": []}, {"transfers": "empty"}),
        (of(*[pay(UNKNOWN, UNKNOWN, "1")] * 101), {"transfers": "max_length"}),
        (
            of({}, pay(UNKNOWN, UNKNOWN, "0", type="TRANSFER"), pay(UNKNOWN, UNKNOWN, "x")),
            {
                "transfers[0].sourceWalletId": "required",
                "transfers[0].targetWalletId": "required",
                "transfers[0].amount": "required",
                "transfers[1].amount": "min_value",
                "transfers[1].type": "unknown_field",
                "transfers[2].amount": "invalid",
            },
        ),
        ({"transfers": [1, None]}, {"transfers[0]": "invalid", "transfers[1]": "null"}),
        (
            of(pay(UNKNOWN, UNKNOWN, "1") | {"sourceWalletId": "1", "concept": ""}),
            {"transfers[0].sourceWalletId": "invalid", "transfers[0].concept": "blank"},
        ),
    ],
)
def test_all_wrong_fields_are_named(api, alices, bobs, body, wrong):
    answer = api.post("operations", body, key="k")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    assert is_untouched(alices, bobs)


def test_fields_that_need_the_wallets_are_named_with_their_transfer(api, alices, bobs):
    body = of(
        pay(alices, bobs, "1"),
        pay(alices, bobs, "0.001"),
        pay(bobs, bobs, "1"),
        pay(UNKNOWN, UNKNOWN, "1"),
    )
    answer = api.post("operations", body)
    assert answer.wrong == {
        "transfers[1].amount": "max_decimal_places",
        "transfers[2].targetWalletId": "same_wallet",
        "transfers[3].targetWalletId": "same_wallet",
    }
    assert is_untouched(alices, bobs)


# --- One key for all -----------------------------------------------------------------------------


def test_key_replays_all_movements_in_the_order_of_the_transfers(api, alices, bob, bobs, company):
    """Their times have another order: the third payment between two wallets is 2 µs later."""
    savings = people.a_wallet(bob)
    body = of(*[pay(alices, bobs, "1")] * 3, pay(company, savings, "2"), pay(bobs, company, "3"))
    first, again = (api.post("operations", body, key="k") for _ in range(2))
    amounts = [each["amount"] for each in made(first)]
    assert amounts == [*["1.00"] * 6, *["2.00"] * 2, *["3.00"] * 2]
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Movement.objects.filter(operation_id=first.json["operationId"]).count() == 10


def test_key_replays_equivalent_spellings(api, alices, bobs):
    first = api.post("operations", of(pay(alices, bobs, "10.00")), key="k")
    spelled = of(pay(alices, bobs, "10.0", concept=None, metadata=None))
    again = api.post("operations", spelled, key='"k"')
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")


def test_reused_key_gets_409_for_another_operation(api, alices, bobs, path):
    items = [pay(alices, bobs, "1"), pay(bobs, alices, "1")]
    operation_id = api.post("operations", of(*items), key="k").json["operationId"]
    others = [of(*items[::-1]), of(items[0]), of(*items, items[0])]
    batch = {"movements": [to(bobs, "1")]}
    for where, body in (
        *(("operations", other) for other in others),
        (f"{path}/batch", batch),
        (path, to(bobs, "1")),
    ):
        answer = api.post(where, body, key="k")
        assert (answer.status, answer.code) == (409, "idempotency_key_reused")
        used = {"idempotencyKey": "k", "resource": "operation", "id": operation_id}
        assert answer.json["conflict"] == used


def test_invalid_key_gets_400(api, alices, bobs):
    answer = api.post("operations", of(pay(alices, bobs, "1")), key="")
    assert (answer.status, answer.code) == (400, "invalid_header")
    assert is_untouched(alices, bobs)


# --- Who, and where ------------------------------------------------------------------------------


@pytest.fixture
def operation_id(alices, bobs):
    return Movement.objects.get(id=people.transfer(alices, bobs, 1_00).id).operation_id


def test_request_without_a_key_gets_401(nobody, alices, bobs, operation_id):
    for answer in (
        nobody.post("operations", of(pay(alices, bobs, "1"))),
        nobody.get(f"operations/{operation_id}"),
    ):
        assert (answer.status, answer.code) == (401, "not_authenticated")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_key_needs_exactly_the_scope_of_movements(client_demo, alices, bobs, operation_id, method):
    scope = "movements:read" if method == "GET" else "movements:write"
    path = f"operations/{operation_id}" if method == "GET" else "operations"
    body = None if method == "GET" else of(pay(alices, bobs, "1"))
    others = Api(people.a_key(client_demo, *set(SCOPES) - {scope}))
    refused = others.call(method, path, body)
    assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert scope in refused.json["detail"]
    assert Api(people.a_key(client_demo, scope)).call(method, path, body).status in {200, 201}


def test_operation_of_another_client_gets_404(stranger, operation_id):
    for address in (operation_id, UNKNOWN):
        answer = stranger.get(f"operations/{address}")
        assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize("malformed", MALFORMED)
def test_malformed_id_gets_404(api, malformed):
    assert api.get(f"operations/{malformed}").code == "not_found"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("operations", ["POST", "OPTIONS"]), (f"operations/{UNKNOWN}", ["GET", "HEAD", "OPTIONS"])],
)
def test_wrong_method_gets_400(api, path, allowed):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {*allowed}:
        answer = api.call(method, path, {})
        assert (answer.status, answer.code) == (400, "method_not_allowed")
        assert answer.headers["Allow"].split(", ") == allowed


def test_unknown_parameter_gets_400(api, alices, bobs, operation_id):
    body, before = of(pay(alices, bobs, "1")), Event.objects.count()
    for answer in (
        api.post("operations?color=red", body),
        api.get(f"operations/{operation_id}?color=red"),
    ):
        assert (answer.code, answer.wrong) == ("invalid_parameters", {"color": "unknown_parameter"})
    assert Event.objects.count() == before


def test_staff_read_operations_and_create_none(staff, alices, bobs, operation_id):
    desk = Api(None)
    desk.browser.force_login(staff)
    assert len(desk.get(f"operations/{operation_id}").json["_embedded"]["movements"]) == 2
    answer = desk.post("operations", of(pay(alices, bobs, "1")))
    assert (answer.status, answer.code) == (403, "permission_denied")
    desk.browser.force_login(get_user_model().objects.create_user("clerk", is_staff=True))
    assert desk.get(f"operations/{operation_id}").code == "permission_denied"


def test_events_name_the_key_of_the_caller(api, alices, bobs):
    before = {*Event.objects.values_list("id", flat=True)}
    api.post("operations", of(pay(alices, bobs, "1"), pay(bobs, alices, "1")))
    done = Event.objects.exclude(id__in=before)
    assert [event.kind for event in done] == ["movement.settled"] * 4
    assert {event.actor[:4] for event in done} == {"key:"}


def test_hundred_transfers_take_as_many_queries_as_one(api, alices, bobs, monkeypatch):
    asked: list[str] = []
    real = Pipeline.ask

    def ask(pipeline: Pipeline, statement: str, values: Any = ()) -> Any:
        asked.append(statement)
        return real(pipeline, statement, values)

    monkeypatch.setattr(Pipeline, "ask", ask)
    counts = []
    for number in (1, 1, 100):  # the first makes the key known
        asked.clear()
        with CaptureQueriesContext(connection) as others:
            made(api.post("operations", of(*[pay(alices, bobs, "0.01")] * number)))
        counts.append(len(asked) + len(others))
    assert counts[2] <= counts[1] <= 30
    assert people.balances(alices, bobs) == [98_98, 1_02]
