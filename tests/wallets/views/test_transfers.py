"""Transfers over the API, and the amounts and words of whatever moves money."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from iocash.db.pipeline import Pipeline
from tests.support import people
from tests.support.movement_json import HOST, shown_transfer
from tests.support.people import cash, to
from users import credentials
from users.models import Event, Key
from wallets.models import Movement
from wallets.posting import read, write

pytestmark = pytest.mark.django_db

UNKNOWN = people.unknown_id()


def test_a_transfer_moves_money(api, alices, bobs, path):
    answer = api.post(path, to(bobs, concept="Lunch", metadata={"order": "1"}))
    assert answer.status == 201
    assert answer.headers["Location"] == f"{HOST}/{path}/{answer.json['id']}"
    assert people.balances(alices, bobs) == [90_00, 10_00]


def test_response_is_the_payers_movement(api, alices, bobs, path):
    shown = api.post(path, to(bobs, concept="Lunch", metadata={"order": "1"})).json
    assert shown == api.get(f"{path}/{shown['id']}").json
    (movement,) = [each for each in people.movements(alices) if str(each.id) == shown["id"]]
    times = {shown.pop(name) for name in ("createdAt", "updatedAt", "settledAt", "endedAt")}
    assert shown == shown_transfer(
        movement,
        alices,
        bobs,
        amount="10.00",
        concept="Lunch",
        balanceAfter="90.00",
        metadata={"order": "1"},
    )
    assert times == {f"{movement.created_at.isoformat(timespec='milliseconds')[:-6]}Z"}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"concept": None, "metadata": None},
        {"metadata": {}},
        {"metadata": {"a": "", "ä🪙": "'\"\\ %s"}},
        {"concept": "señor 🪙 %s ' \" \\"},
    ],
)
def test_response_equals_the_stored_movement(api, bobs, path, values):
    answer = api.post(path, to(bobs, **values))
    assert answer.status == 201
    assert api.get(answer.headers["Location"]).json == answer.json


def test_payee_gets_the_opposite_movement_of_the_operation(api, alices, bobs, path):
    paid = api.post(path, to(bobs, concept="Lunch")).json
    (got,) = api.get(f"wallets/{bobs.id}/movements").json["_embedded"]["movements"]
    assert got["operationId"] == paid["operationId"]
    assert (got["direction"], got["amount"], got["balanceAfter"]) == ("IN", "10.00", "10.00")
    assert (got["counterpartyWalletId"], got["concept"]) == (str(alices.id), "Lunch")
    assert got["id"] != paid["id"]


@pytest.mark.parametrize("amount", ["1", "1.0", "1.00"])
def test_amount_can_have_fewer_decimals_or_be_a_number(api, bobs, path, amount):
    for literal in (amount, f'"{amount}"'):
        text = f'{{"type": "TRANSFER", "targetWalletId": "{bobs.id}", "amount": {literal}}}'
        answer = api.post(path, raw=text.encode())
        assert (answer.status, answer.json["amount"]) == (201, "1.00")


def test_a_number_is_read_exactly(api, alices):
    text = '{"type": "CASH_IN", "amount": 9007199254740.93}'
    answer = api.post(f"wallets/{alices.id}/movements", raw=text.encode())
    assert answer.json["amount"] == "9007199254740.93"


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"type": "TRANSFER"}, {"amount": "required", "targetWalletId": "required"}),
        ({"type": "TRANSFER", "amount": "1"}, {"targetWalletId": "required"}),
        ({"amount": "1"}, {"type": "required"}),
        ({"type": "REFUND", "amount": None}, {"type": "invalid_choice", "amount": "null"}),
        (
            {
                "type": "TRANSFER",
                "amount": "1",
                "targetWalletId": "x",
                "concept": "a" * 141,
                "metadata": {"a": 1, "b": "b" * 501},
                "balanceAfter": "1",
                "status": "SUCCESS",
            },
            {
                "targetWalletId": "invalid",
                "concept": "max_length",
                "metadata.a": "not_a_string",
                "metadata.b": "max_length",
                "balanceAfter": "unknown_field",
                "status": "unknown_field",
            },
        ),
        (
            {"type": "CASH_IN", "amount": "1", "targetWalletId": str(UNKNOWN)},
            {"targetWalletId": "unknown_field"},
        ),
        ({"type": "CASH_IN", "amount": "1", "metadata": []}, {"metadata": "invalid"}),
        (
            {"type": "CASH_IN", "amount": "1", "metadata": {str(n): "" for n in range(21)}},
            {"metadata": "max_pairs"},
        ),
        ({"type": "CASH_IN", "amount": "1", "concept": "  "}, {"concept": "blank"}),
    ],
)
def test_all_invalid_fields_are_reported(api, path, values, wrong):
    answer = api.post(path, values, key="k")
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)
    assert Movement.objects.count() == 1
    assert not Key.objects.exists()


WRONG_AMOUNTS = [
    ('"0"', "min_value"),
    ("0", "min_value"),
    ('"0.00"', "min_value"),
    ('"-1"', "invalid"),
    ("-1", "invalid"),
    ('"+1"', "invalid"),
    ('"1e2"', "invalid"),
    ("1e2", "invalid"),
    ("1E-2", "invalid"),
    ('" 1"', "invalid"),
    ('"1,00"', "invalid"),
    ('"01"', "invalid"),
    ('".5"', "invalid"),
    ('"1."', "invalid"),
    ('"\u0661"', "invalid"),
    ('""', "invalid"),
    ("true", "invalid"),
    ("[]", "invalid"),
    ("{}", "invalid"),
    ('"NaN"', "invalid"),
    ('"Infinity"', "invalid"),
    ('"0.001"', "max_decimal_places"),
    ('"1.000"', "max_decimal_places"),
    ("0.001", "max_decimal_places"),
    ("0.1000000000000000055", "max_decimal_places"),
    ('"1234567890123456"', "max_digits"),
    ('"10000000000000"', "max_digits"),
]


@pytest.mark.parametrize(("literal", "code"), WRONG_AMOUNTS)
@pytest.mark.parametrize("kind", ["TRANSFER", "CASH_IN"])
def test_invalid_amount_is_reported(api, alices, bobs, path, literal, code, kind):
    target = f'"targetWalletId": "{bobs.id}",' if kind == "TRANSFER" else ""
    text = f'{{"type": "{kind}", {target} "amount": {literal}}}'
    answer = api.post(path, raw=text.encode())
    assert (answer.status, answer.code) == (400, "invalid_fields")
    assert answer.wrong == {"amount": code}
    assert people.balances(alices, bobs) == [100_00, 0]


@pytest.mark.parametrize(("amount", "status"), [("10", 201), ("10.0", 400), ("0.5", 400)])
def test_yen_have_no_decimals(api, alice, amount, status):
    yen = people.a_wallet(alice, "JPY")
    answer = api.post(f"wallets/{yen.id}/movements", cash(amount))
    assert answer.status == status
    assert status == 201 or answer.wrong == {"amount": "max_decimal_places"}
    assert status == 400 or (answer.json["amount"], answer.json["balanceAfter"]) == ("10", "10")


def test_transfer_to_the_same_wallet_gets_400(api, alices, path):
    answer = api.post(path, to(alices))
    assert (answer.status, answer.wrong) == (400, {"targetWalletId": "same_wallet"})


def test_transfer_above_the_available_balance_gets_409(api, alices, bobs, path):
    answer = api.post(path, to(bobs, "100.01"))
    assert (answer.status, answer.code) == (409, "insufficient_funds")
    assert answer.json["conflict"] == {
        "walletId": str(alices.id),
        "available": "100.00",
        "required": "100.01",
        "currency": "EUR",
    }
    detail = "Insufficient funds: 100.01 EUR requested, 100.00 EUR available."
    assert answer.json["detail"] == detail
    assert people.balances(alices, bobs) == [100_00, 0]


def test_transfer_to_a_wallet_unknown_to_the_client_gets_404(api, path):
    theirs = people.first_wallet(people.a_user(people.a_client("Another"), people.ALICE))
    for target in (str(theirs.id), str(UNKNOWN)):
        answer = api.post(path, {"type": "TRANSFER", "targetWalletId": target, "amount": "1"})
        assert (answer.status, answer.code) == (404, "target_wallet_not_found")
        assert target in answer.json["detail"]


def test_wallets_of_two_currencies_are_refused(api, bob, path):
    dollars = people.a_wallet(bob, "USD")
    answer = api.post(path, to(dollars))
    assert (answer.status, answer.code) == (409, "currency_mismatch")
    assert answer.json["conflict"] == {
        "walletId": str(dollars.id),
        "currency": "USD",
        "orderCurrency": "EUR",
    }


@pytest.mark.parametrize(("source", "target"), [("alices", "bobs"), ("bobs", "alices")])
def test_a_blocked_wallet_neither_pays_nor_receives(api, request, source, target):
    wallets = [request.getfixturevalue(name) for name in (source, target)]
    people.block(wallets[0])
    conflict = {"walletId": str(wallets[0].id), "status": "BLOCKED"}
    for payer, receiver in (wallets, wallets[::-1]):
        answer = api.post(f"wallets/{payer.id}/movements", to(receiver, "0.01"))
        assert (answer.status, answer.code) == (409, "wallet_not_ready")
        assert answer.json["conflict"] == conflict
    assert api.post(f"wallets/{wallets[0].id}/movements", cash()).code == "wallet_not_ready"


def test_a_closed_wallet_receives_nothing(api, bobs, path):
    people.close(bobs)
    answer = api.post(path, to(bobs))
    assert answer.json["conflict"] == {"walletId": str(bobs.id), "status": "UNSUBSCRIBED"}


def test_the_wallet_of_a_blocked_user_receives_nothing(api, bob, bobs, path):
    people.block(bob)
    answer = api.post(path, to(bobs))
    assert (answer.status, answer.code) == (409, "user_not_active")
    assert answer.json["conflict"] == {"userId": str(bob.id), "status": "BLOCKED"}


def test_movement_has_an_event_with_its_actor(api, bobs, path):
    made = api.post(path, to(bobs), headers={"X-Request-Id": "mine"}).json
    event = Event.objects.get(subject_id=made["id"])
    assert (event.kind, event.request_id) == ("movement.settled", "mine")
    assert event.actor.startswith("key:")


@pytest.mark.spoils_the_books
def test_transfer_above_the_maximum_balance_gets_409(api, alices, bobs, path):
    type(bobs).objects.filter(id=bobs.id).update(balance=10**17 - 1, received=10**17 - 1)
    answer = api.post(path, to(bobs, "0.02"))
    assert (answer.status, answer.code) == (409, "limit_exceeded")
    assert answer.json["conflict"] == {
        "walletId": str(bobs.id),
        "limitType": "walletBalance",
        "resetsAt": None,
        "limit": "1000000000000000.00",
        "used": "999999999999999.99",
        "requested": "0.02",
        "currency": "EUR",
    }
    assert api.post(path, to(bobs, "0.01")).status == 201


@pytest.mark.django_db(transaction=True)
def test_transfer_takes_two_database_round_trips(api, alices, bobs, monkeypatch):
    """Locks and reads, the caller's key among them; then what changed, and COMMIT."""
    assert api.get("wallets").status == 200  # its key is known from now on
    trips: list[tuple[str, str]] = []
    send = Pipeline.send

    def noted(pipeline: Pipeline) -> None:
        said = [answer.statement for answer in pipeline.asked]
        trips.append((said[0], said[-1]))
        send(pipeline)

    monkeypatch.setattr(Pipeline, "send", noted)
    monkeypatch.setattr(credentials, "fetch", None)
    with CaptureQueriesContext(connection) as others:
        assert api.post(f"wallets/{alices.id}/movements", people.to(bobs), key="k").status == 201
    assert trips == [
        (read.BE_BRIEF, read.READ_CLOCK),
        (write.INSERT_MOVEMENTS, "COMMIT"),
    ]
    assert [each["sql"] for each in others if each["sql"] not in {"BEGIN", "COMMIT"}] == []
