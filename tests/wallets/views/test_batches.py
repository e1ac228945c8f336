"""Batches over the API: up to 1,000 movements of one wallet as one operation, or none of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from iocash.db.pipeline import Pipeline
from tests.support import people
from tests.support.cash_outs import money_of
from tests.support.ibans import OTHER_IBAN
from tests.support.people import Api, cash, to
from users.models import Key
from wallets.models import ExternalAccount, Movement

pytestmark = pytest.mark.django_db

HOST = "http://testserver/api/v1"
UNKNOWN = people.unknown_id()


@pytest.fixture
def batch(path):
    return f"{path}/batch"


@pytest.fixture
def company(client_demo):
    """Another wallet that is paid."""
    names = {"user_name": "company", "mobile_phone": "+34600000003"}
    return people.first_wallet(people.a_user(client_demo, people.BOB | names))


def of(*items: dict[str, Any]) -> dict[str, Any]:
    return {"movements": list(items)}


def out(amount: str = "10.00", **values: Any) -> dict[str, Any]:
    """What a request says that pays to a bank account."""
    return {
        "type": "CASH_OUT",
        "amount": amount,
        **(values or {"iban": {"accountNumber": OTHER_IBAN}}),
    }


def made(answer: people.Answer) -> list[dict[str, Any]]:
    assert answer.status == 201, answer.json
    found: list[dict[str, Any]] = answer.json["_embedded"]["movements"]
    return found


# --- All of them ---------------------------------------------------------------------------------


def test_batch_pays_many_wallets_as_one_operation(api, alices, bobs, company, path, batch):
    order = of(to(bobs, "10.00", concept="Pay"), to(company, "20.00", metadata={"n": "2"}))
    answer = api.post(batch, order)
    operation_id = answer.json["operationId"]
    where = f"{HOST}/{path}?operationId={operation_id}"
    assert (answer.status, answer.headers["Location"]) == (201, where)
    assert people.balances(alices, bobs, company) == [70_00, 10_00, 20_00]
    first, second = made(answer)
    assert answer.json == {
        "_links": {"self": {"href": where}},
        "operationId": operation_id,
        "_embedded": {"movements": [first, second]},
    }
    assert [(each["amount"], each["concept"], each["metadata"]) for each in (first, second)] == [
        ("10.00", "Pay", None),
        ("20.00", None, {"n": "2"}),
    ]


def test_the_location_lists_exactly_its_movements(api, alices, bobs, company, batch):
    people.transfer(alices, bobs, 1_00)
    answer = api.post(batch, of(*[to(each, "1.00") for each in (bobs, company, bobs)]))
    listed = api.get(f"{answer.headers['Location']}&sort=createdAt,asc").json
    assert listed["_embedded"]["movements"] == made(answer)
    assert {each["operationId"] for each in made(answer)} == {answer.json["operationId"]}


def test_payee_finds_its_movements_by_operation_and_key(api, bobs, company, batch):
    answer = api.post(batch, of(to(bobs, "1"), to(company, "2"), to(bobs, "3")), key="pay")
    for query in (f"operationId={answer.json['operationId']}", "idempotencyKey=pay"):
        address = f"wallets/{bobs.id}/movements?{query}&sort=createdAt,asc"
        found = api.get(address).json["_embedded"]["movements"]
        assert [(each["direction"], each["amount"]) for each in found] == [
            ("IN", "1.00"),
            ("IN", "3.00"),
        ]
    assert len(api.get(f"{batch[:-6]}?idempotencyKey=pay").json["_embedded"]["movements"]) == 3


def test_items_are_checked_in_order(api, alices, bobs, batch):
    after = [
        each["balanceAfter"] for each in made(api.post(batch, of(cash("50"), to(bobs, "150"))))
    ]
    assert after == ["150.00", "0.00"]
    assert api.post(batch, of(to(bobs, "50"), cash("50"))).code == "batch_refused"
    assert people.balances(alices, bobs) == [0, 150_00]


def test_batch_accepts_all_movement_types(api, alices, bobs, batch, account):
    kinds = [cash("5"), to(bobs, "10"), out("20"), out("30", externalAccountId=str(account.id))]
    movements = made(api.post(batch, of(*kinds)))
    assert [(each["type"], each["status"], each["iban"]) for each in movements] == [
        ("CASH_IN", "SUCCESS", None),
        ("TRANSFER", "SUCCESS", None),
        ("CASH_OUT", "PENDING", OTHER_IBAN),
        ("CASH_OUT", "PENDING", account.iban),
    ]
    assert money_of(alices) == (95_00, 50_00)
    assert api.get(movements[2]["_links"]["self"]["href"]).json == movements[2]


def test_cash_in_item_requires_its_own_scope(client_demo, alices, bobs, batch):
    api = Api(people.a_key(client_demo, "movements:write"))
    answer = api.post(batch, of(to(bobs), cash()), key="k")
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    assert "cash-in:write" in answer.json["detail"]
    assert api.post(batch, of(to(bobs)), key="k").status == 201
    assert people.balances(alices, bobs) == [90_00, 10_00]


# --- Or none -------------------------------------------------------------------------------------


def test_refused_batch_lists_every_refusal_and_changes_nothing(
    api, alices, bob, bobs, company, batch, account
):
    dollars = people.a_wallet(bob, "USD")
    people.block(company)
    ExternalAccount.objects.update(status="REMOVED")
    items = [
        to(bobs, "60.00"),
        to(bobs, "40.01"),
        to(company, "1.00"),
        to(dollars, "1.00"),
        {"type": "TRANSFER", "targetWalletId": str(UNKNOWN), "amount": "1"},
        out("1", externalAccountId=str(account.id)),
        out("1", externalAccountId=str(UNKNOWN)),
        to(bobs, "40.00"),
    ]
    answer = api.post(batch, of(*items), key="k")
    assert (answer.status, answer.code) == (409, "batch_refused")
    assert answer.json["detail"] == "6 of 8 movements were refused; none was executed."
    conflict = answer.json["conflict"]
    assert (set(conflict), conflict["refused"], conflict["count"]) == (
        {"refused", "count", "items"},
        6,
        8,
    )
    refused = conflict["items"]
    assert all(each.pop("detail") for each in refused)
    wallet, account_id = str(company.id), str(account.id)
    facts = {"available": "40.00", "required": "40.01", "currency": "EUR"}
    assert refused == [
        {"index": 1, "code": "insufficient_funds", "walletId": str(alices.id), **facts},
        {"index": 2, "code": "wallet_not_ready", "walletId": wallet, "status": "BLOCKED"},
        {
            "index": 3,
            "code": "currency_mismatch",
            "walletId": str(dollars.id),
            "currency": "USD",
            "orderCurrency": "EUR",
        },
        {"index": 4, "code": "target_wallet_not_found", "targetWalletId": str(UNKNOWN)},
        {"index": 5, "code": "external_account_removed", "externalAccountId": account_id},
        {"index": 6, "code": "external_account_not_found", "externalAccountId": str(UNKNOWN)},
    ]
    assert people.balances(alices, bobs) == [100_00, 0]
    assert not Key.objects.exists()


def test_refused_batch_does_not_use_its_key(api, alices, bobs, batch):
    order = of(to(bobs, "60"), to(bobs, "60"))
    assert api.post(batch, order, key="k").code == "batch_refused"
    people.cash_in(alices, 20_00)
    answer = api.post(batch, order, key="k")
    assert (answer.status, "Idempotent-Replayed" in answer.headers) == (201, False)


def test_item_to_a_wallet_of_another_client_is_refused(api, alices, batch):
    theirs = people.first_wallet(people.a_user(people.a_client("Another"), people.ALICE))
    (item,) = api.post(batch, of(to(theirs))).json["conflict"]["items"]
    assert item["code"] == "target_wallet_not_found"
    assert people.balances(alices, theirs) == [100_00, 0]


# --- Shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"movements": "required"}),
        ({"movements": None}, {"movements": "null"}),
        ({"movements": {}}, {"movements": "not_a_list"}),
        (
            {"movements": "x", "concept": "Pay"},
            {"movements": "not_a_list", "concept": "unknown_field"},
        ),
        ({"movements": []}, {"movements": "empty"}),
        ({"movements": [cash("1")] * 1001}, {"movements": "max_length"}),
        (
            of(cash("1"), {}, {"type": "TRANSFER", "amount": "0"}, cash("x", color="red")),
            {
                "movements[1].type": "required",
                "movements[1].amount": "required",
                "movements[2].targetWalletId": "required",
                "movements[2].amount": "min_value",
                "movements[3].amount": "invalid",
                "movements[3].color": "unknown_field",
            },
        ),
        (
            {"movements": [cash("1"), 1, None, [], "x"]},
            {
                "movements[1]": "invalid",
                "movements[2]": "null",
                "movements[3]": "invalid",
                "movements[4]": "invalid",
            },
        ),
        (
            of(out(iban={"accountNumber": "ES00"}), cash(metadata={"a": 1})),
            {
                "movements[0].iban.accountNumber": "invalid",
                "movements[1].metadata.a": "not_a_string",
            },
        ),
    ],
)
def test_all_invalid_fields_are_reported(api, alices, batch, body, wrong):
    answer = api.post(batch, body, key="k")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    assert people.balances(alices) == [100_00]
    assert not Key.objects.exists()


def test_fields_that_need_the_wallet_are_reported_with_their_item(api, alices, bobs, batch):
    answer = api.post(batch, of(to(bobs), cash("0.001"), to(bobs, "1.000"), to(alices)))
    assert (answer.status, answer.code) == (400, "invalid_fields")
    assert answer.wrong == {
        "movements[1].amount": "max_decimal_places",
        "movements[2].amount": "max_decimal_places",
        "movements[3].targetWalletId": "same_wallet",
    }
    assert people.balances(alices, bobs) == [100_00, 0]


# --- One key for all -----------------------------------------------------------------------------


def test_key_replays_all_movements_in_the_order_of_the_items(api, alices, bobs, company, batch):
    order = of(out("1"), to(bobs, "2"), out("3"), to(company, "4"), out("5"), cash("6"))
    first, again = (api.post(batch, order, key="k") for _ in range(2))
    assert [each["amount"] for each in made(first)] == [f"{n}.00" for n in range(1, 7)]
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert money_of(alices) == (100_00, 9_00)


def test_replay_returns_the_current_state_of_the_items(api, batch):
    order = of(out("1"), out("2"))
    waiting = made(api.post(batch, order, key="k"))
    api.patch(waiting[0]["_links"]["self"]["href"], {"status": "CANCELLED"})
    statuses = [each["status"] for each in made(api.post(batch, order, key="k"))]
    assert statuses == ["CANCELLED", "PENDING"]


def test_reused_key_gets_409_for_another_batch(api, bobs, path, batch):
    items = [to(bobs, "1"), to(bobs, "2")]
    operation_id = api.post(batch, of(*items), key="k").json["operationId"]
    others = [
        of(*items[::-1]),
        of(items[0]),
        of(*items, cash("1")),
        of(to(bobs, "1"), to(bobs, "3")),
    ]
    for where, body in (*((batch, other) for other in others), (path, items[0])):
        answer = api.post(where, body, key="k")
        assert (answer.status, answer.code) == (409, "idempotency_key_reused")
        assert answer.json["conflict"] == {
            "idempotencyKey": "k",
            "resource": "batch",
            "id": operation_id,
        }


# --- A thousand of them --------------------------------------------------------------------------


@pytest.fixture
def questions(monkeypatch):
    """Count the statements of a call, those of posting too."""

    def count(call: Any) -> int:
        asked: list[str] = []
        real = Pipeline.ask

        def ask(pipeline: Pipeline, statement: str, values: Any = ()) -> Any:
            asked.append(statement)
            return real(pipeline, statement, values)

        with monkeypatch.context() as patch, CaptureQueriesContext(connection) as others:
            patch.setattr(Pipeline, "ask", ask)
            assert call().status == 201
        return len(asked) + len(others)

    return count


@pytest.mark.slow
def test_thousand_items_take_as_many_queries_as_one(api, alices, bobs, batch, questions):
    api.get("wallets")  # so that its key is known
    few = questions(lambda: api.post(batch, of(to(bobs, "0.01"))))
    many = questions(lambda: api.post(batch, of(*[to(bobs, "0.01")] * 1000)))
    assert many <= few <= 30
    assert people.balances(alices, bobs) == [89_99, 10_01]


@pytest.mark.slow
def test_thousand_items_are_paid_once_each(api, settings, bob, alices, batch):
    settings.MAX_WALLETS_PER_USER = 21
    targets = [people.a_wallet(bob) for _ in range(20)]
    movements = made(api.post(batch, of(*[to(each, "0.01") for each in targets * 50]), key="k"))
    assert len({each["id"] for each in movements}) == 1000
    assert people.balances(alices, *targets) == [90_00, *[50] * 20]
    assert Movement.objects.filter(operation_id=movements[0]["operationId"]).count() == 2000
