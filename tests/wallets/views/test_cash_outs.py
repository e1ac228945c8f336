"""Cash-outs over the API: asked for, read, replayed, cancelled."""

from __future__ import annotations

from functools import partial

import pytest

from tests.support import people
from tests.support.cash_outs import a_cash_out, end, money_of
from tests.support.ibans import IBAN
from tests.support.threads import at_once
from users.models import Event
from wallets.models import Movement
from wallets.orders.cash_outs import (
    CancelCashOut,
    CashOutOrder,
    MarkCashOutSent,
    RejectCashOut,
    SettleCashOut,
)

pytestmark = pytest.mark.django_db

CANCELLED = {"status": "CANCELLED"}


def a_body(amount: str = "30.00", account: str = IBAN) -> dict[str, object]:
    return {"type": "CASH_OUT", "amount": amount, "iban": {"accountNumber": account}}


@pytest.fixture
def path(alices):
    return f"wallets/{alices.id}/movements"


def place(movement: Movement) -> str:
    return f"wallets/{movement.wallet_id}/movements/{movement.id}"


@pytest.mark.slow
def test_cash_out_is_accepted_and_readable_at_its_location(api, alices, path):
    answer = api.post(path, a_body())
    assert answer.status == 202
    followed = api.get(answer.headers["Location"]).json
    assert followed == answer.json
    assert (followed["status"], followed["direction"], followed["amount"]) == (
        "PENDING",
        "OUT",
        "30.00",
    )
    assert (followed["iban"], followed["balanceAfter"], followed["settledAt"]) == (IBAN, None, None)
    wallet = api.get(f"wallets/{alices.id}").json
    assert (wallet["balance"], wallet["heldBalance"], wallet["availableBalance"]) == (
        "100.00",
        "30.00",
        "70.00",
    )


def test_iban_is_stored_without_spaces(api, path):
    answer = api.post(path, a_body(account="ES91 2100 0418 4502 0005 1332"))
    assert answer.json["iban"] == IBAN


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"iban": None}, {"iban": "null"}),
        ({"iban": {}}, {"iban.accountNumber": "required"}),
        (
            {"iban": {"accountNumber": "ES9121000418450200051333"}},
            {"iban.accountNumber": "invalid"},
        ),
        ({"iban": {"accountNumber": "x"}}, {"iban.accountNumber": "invalid"}),
        ({"iban": {"accountNumber": IBAN, "bic": "X"}}, {"iban.bic": "unknown_field"}),
        ({"iban": 1}, {"iban": "invalid"}),
        ({"amount": "0"}, {"amount": "min_value"}),
        ({"type": "ADJUSTMENT"}, {"type": "invalid_choice"}),
        ({"targetWalletId": str(people.unknown_id())}, {"targetWalletId": "unknown_field"}),
    ],
)
def test_invalid_cash_out_is_reported_and_holds_no_money(api, alices, path, change, wrong):
    answer = api.post(path, a_body() | change)
    assert (answer.status, answer.wrong) == (400, wrong)
    assert money_of(alices) == (100_00, 0)


def test_iban_is_required_for_a_cash_out_and_unknown_otherwise(api, path):
    assert api.post(path, {"type": "CASH_OUT", "amount": "1"}).wrong == {"iban": "required"}
    assert api.post(path, a_body("1") | {"type": "CASH_IN"}).wrong == {"iban": "unknown_field"}


def test_same_key_replays_the_cash_out_with_202(api, alices, path):
    first, again = (api.post(path, a_body(), key="rent") for _ in range(2))
    assert (again.status, again.json) == (202, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert money_of(alices) == (100_00, 30_00)
    other = api.post(path, a_body("31.00"), key="rent")
    assert (other.status, other.code) == (409, "idempotency_key_reused")


def test_cash_out_above_the_available_balance_gets_409(api, path):
    api.post(path, a_body("80.00"))
    answer = api.post(path, a_body("20.01"))
    assert (answer.status, answer.code) == (409, "insufficient_funds")
    assert answer.json["conflict"]["available"] == "20.00"


def test_cancellation_can_be_repeated(api, alices):
    movement = a_cash_out(alices, 30_00)
    first, again = (api.patch(place(movement), CANCELLED) for _ in range(2))
    assert (first.status, first.json["status"]) == (200, "CANCELLED")
    assert (again.status, again.json) == (200, first.json)
    assert money_of(alices) == (100_00, 0)
    assert Event.objects.filter(kind="movement.cancelled").count() == 1


def test_cancellation_of_a_sent_cash_out_gets_409_with_its_time(api, alices):
    movement = end(MarkCashOutSent, a_cash_out(alices, 30_00))
    answer = api.patch(place(movement), CANCELLED)
    assert (answer.status, answer.code) == (409, "cash_out_sent")
    assert answer.json["conflict"]["movementId"] == str(movement.id)
    assert answer.json["conflict"]["sentAt"].endswith("Z")
    assert money_of(alices) == (100_00, 30_00)


def test_cancellation_of_another_movement_type_gets_409(api, alices):
    (movement,) = people.movements(alices)
    answer = api.patch(place(movement), CANCELLED)
    assert (answer.status, answer.code) == (409, "movement_not_pending")


def test_cancellation_requires_the_wallet_and_client_of_the_cash_out(api, stranger, alices, bobs):
    movement = a_cash_out(alices, 30_00)
    assert stranger.patch(place(movement), CANCELLED).status == 404
    assert api.patch(f"wallets/{bobs.id}/movements/{movement.id}", CANCELLED).status == 404
    assert money_of(alices) == (100_00, 30_00)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"status": "SUCCESS"}, {"status": "invalid_choice"}),
        ({"status": "CANCELLED", "amount": "1"}, {"amount": "unknown_field"}),
    ],
)
def test_patch_other_than_a_cancellation_gets_400(api, alices, body, wrong):
    movement = a_cash_out(alices, 30_00)
    answer = api.patch(place(movement), body)
    assert (answer.status, answer.wrong) == (400, wrong)
    movement.refresh_from_db()
    assert movement.status == "PENDING"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SettleCashOut, SettleCashOut),
        (SettleCashOut, RejectCashOut),
        (RejectCashOut, RejectCashOut),
        (MarkCashOutSent, CancelCashOut),
        (RejectCashOut, CancelCashOut),
    ],
)
def test_concurrent_status_changes_close_a_cash_out_once(alices, one, other):
    for _ in range(10):
        before = money_of(alices)
        movement = a_cash_out(alices, 1_00)
        if SettleCashOut in (one, other):
            end(MarkCashOutSent, movement)

        def finish(verb: type[CashOutOrder], movement: Movement = movement) -> object:
            values = {"reason": "Closed"} if verb is RejectCashOut else {}
            return end(verb, Movement.objects.get(id=movement.id), **values)

        ends = at_once(partial(finish, one), partial(finish, other))
        assert len([each for each in ends if isinstance(each, Movement)]) == 1, ends
        movement.refresh_from_db()
        if movement.status == "PENDING":
            end(RejectCashOut, movement, reason="Closed")
        spent = 1_00 if movement.status == "SUCCESS" else 0
        assert money_of(alices) == (before[0] - spent, 0)
