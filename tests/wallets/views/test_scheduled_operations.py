"""Scheduled operations over the API: the nine questions, and the shapes of bodies."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.support import people
from tests.support.ibans import IBAN
from tests.support.times import stamp
from users.models import Event, Key
from wallets.models import ScheduledOperation

pytestmark = pytest.mark.django_db

HOST = "http://testserver/api/v1"
UNKNOWN = people.unknown_id()
START = (datetime.now(UTC).date() + timedelta(days=40)).replace(day=28)
FOREVER = {"type": "INDEFINITE"}


@pytest.fixture
def kept(wallet):
    return f"{wallet}/scheduled-operations"


def dates(**values: Any) -> dict[str, Any]:
    return {
        "startDate": START.isoformat(),
        "frequency": "MONTHLY",
        "duration": {"type": "NUMBER_OF_EXECUTIONS", "value": 12},
        **values,
    }


def monthly(target: Any, **values: Any) -> dict[str, Any]:
    receiver = {"type": "WALLET", "account": str(getattr(target, "id", target))}
    return {"amount": "10.00", "receiver": receiver, "schedule": dates(), **values}


def to_a_bank(account: Any = IBAN, **values: Any) -> dict[str, Any]:
    receiver = {"type": "EXTERNAL_BANK_ACCOUNT", "account": str(account)}
    return monthly(UNKNOWN, **{"receiver": receiver, **values})


def at(answer: Any) -> str:
    return str(answer.json["_links"]["self"]["href"])


# --- POST ----------------------------------------------------------------------------------------


def test_created_operation_has_all_fields_and_links(api, alices, bobs, wallet, kept):
    body = monthly(bobs, alias="Rent", concept="Rent of May")
    body["schedule"]["timeZone"] = "Europe/Berlin"
    answer = api.post(kept, body)
    found = ScheduledOperation.objects.get()
    assert found.next_at
    assert (answer.status, answer.headers["Location"]) == (201, f"{HOST}/{kept}/{found.id}")
    assert api.get(answer.headers["Location"]).json == answer.json
    assert answer.json.pop("createdAt") == answer.json.pop("updatedAt")
    assert answer.json.pop("nextExecutionAt") == stamp(found.next_at)
    assert answer.json == {
        "id": str(found.id),
        "walletId": str(alices.id),
        "status": "ACTIVE",
        "alias": "Rent",
        "concept": "Rent of May",
        "amount": "10.00",
        "currency": "EUR",
        "receiver": {"type": "WALLET", "account": str(bobs.id)},
        "schedule": {
            "startDate": START.isoformat(),
            "frequency": "MONTHLY",
            "duration": {"type": "NUMBER_OF_EXECUTIONS", "value": "12"},
            "timeZone": "Europe/Berlin",
            "missedRuns": "LATEST",
            "retryUntil": None,
        },
        "trigger": None,
        "nextExecution": 1,
        "_links": {
            "self": {"href": f"{HOST}/{kept}/{found.id}"},
            "wallet": {"href": f"{HOST}/{wallet}"},
            "executions": {"href": f"{HOST}/{kept}/{found.id}/executions"},
            "targetWallet": {"href": f"{HOST}/wallets/{bobs.id}"},
        },
    }


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        ({"type": "NUMBER_OF_EXECUTIONS", "value": "3"}, "3"),
        ({"type": "END_DATE", "value": START.isoformat()}, START.isoformat()),
        (FOREVER, None),
        ({**FOREVER, "value": None}, None),
    ],
)
def test_duration_is_a_number_a_date_or_none(api, bobs, kept, duration, shown):
    answer = api.post(kept, monthly(bobs, schedule=dates(duration=duration)))
    assert answer.status == 201
    assert answer.json["schedule"]["duration"] == {"type": duration["type"], "value": shown}


@pytest.mark.parametrize("duration", [None, {"type": "NUMBER_OF_EXECUTIONS", "value": 1}])
def test_once_needs_no_duration(api, bobs, kept, duration):
    schedule = dates(frequency="ONCE", duration=duration)
    if duration is None:
        del schedule["duration"]
    answer = api.post(kept, monthly(bobs, schedule=schedule))
    assert answer.status == 201
    assert answer.json["schedule"]["duration"]["value"] == "1"


def test_bank_account_is_an_iban_or_an_external_account(api, kept, account):
    answer = api.post(kept, to_a_bank("ES91 2100 0418 4502 0005 1332"))
    assert answer.json["receiver"] == {"type": "EXTERNAL_BANK_ACCOUNT", "account": IBAN}
    answer = api.post(kept, to_a_bank(account.id))
    assert answer.json["receiver"]["account"] == str(account.id)


def test_trigger_replaces_the_dates(api, alices, bobs, kept):
    body = monthly(bobs, trigger={"type": "BALANCE_ABOVE", "target": "0"})
    del body["schedule"], body["amount"]
    answer = api.post(kept, body)
    assert (answer.status, answer.json["schedule"], answer.json["amount"]) == (201, None, None)
    assert answer.json["trigger"] == {
        "type": "BALANCE_ABOVE",
        "target": "0.00",
        "watchedWalletId": str(alices.id),
    }


@pytest.mark.parametrize(
    ("schedule", "wrong"),
    [
        (dates(startDate="2030-02-31"), {"startDate": "invalid"}),
        (dates(startDate="2020-01-31"), {"startDate": "in_the_past"}),
        (dates(startDate="2099-01-31"), {"startDate": "too_late"}),
        (dates(frequency="HOURLY"), {"frequency": "invalid_choice"}),
        (dates(timeZone="Europe/Atlantis"), {"timeZone": "invalid_choice"}),
        (dates(timeZone="../../etc/passwd"), {"timeZone": "invalid_choice"}),
        (dates(missedRuns="NONE"), {"missedRuns": "invalid_choice"}),
        (dates(retryUntil="24:00"), {"retryUntil": "invalid"}),
        (dates(retryUntil="06:00"), {"retryUntil": "too_early"}),
        (dates(retryUntil=18), {"retryUntil": "invalid"}),
        (dates(duration={}), {"duration.type": "required"}),
        (dates(duration={"type": "END_DATE"}), {"duration.value": "required"}),
        (dates(duration={"type": "END_DATE", "value": 3}), {"duration.value": "no_date"}),
        (
            dates(duration={"type": "END_DATE", "value": "2030-02-31"}),
            {"duration.value": "invalid"},
        ),
        (
            dates(duration={"type": "END_DATE", "value": "2030-W01-1"}),
            {"duration.value": "invalid"},
        ),
        (
            dates(duration={"type": "END_DATE", "value": (START - timedelta(1)).isoformat()}),
            {"duration.value": "before_start"},
        ),
        (
            dates(duration={"type": "NUMBER_OF_EXECUTIONS", "value": 0}),
            {"duration.value": "no_number"},
        ),
        (
            dates(duration={"type": "NUMBER_OF_EXECUTIONS", "value": 5_001}),
            {"duration.value": "no_number"},
        ),
        (
            dates(duration={"type": "NUMBER_OF_EXECUTIONS", "value": 1.5}),
            {"duration.value": "invalid"},
        ),
        (dates(duration={**FOREVER, "value": 3}), {"duration.value": "no_value"}),
        (
            dates(frequency="ONCE", duration={"type": "NUMBER_OF_EXECUTIONS", "value": 2}),
            {"duration.value": "once"},
        ),
        ({"frequency": "DAILY"}, {"startDate": "required", "duration": "required"}),
        (dates(day=31), {"day": "unknown_field"}),
    ],
)
def test_wrong_dates_are_named(api, bobs, kept, schedule, wrong):
    answer = api.post(kept, monthly(bobs, schedule=schedule), key="k")
    named = {f"schedule.{name}": code for name, code in wrong.items()}
    assert (answer.status, answer.wrong) == (400, named)
    assert not ScheduledOperation.objects.exists()
    assert not Key.objects.exists()


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"amount": "0"}, {"amount": "min_value"}),
        ({"amount": "1.001"}, {"amount": "max_decimal_places"}),
        ({"amount": None}, {"amount": "null"}),
        ({"receiver": {"type": "WALLET", "account": IBAN}}, {"receiver.account": "no_wallet"}),
        (
            {"receiver": {"type": "EXTERNAL_BANK_ACCOUNT", "account": "ES91"}},
            {"receiver.account": "no_account"},
        ),
        (
            {"receiver": {"type": "CASH"}},
            {"receiver.type": "invalid_choice", "receiver.account": "required"},
        ),
        ({"receiver": None}, {"receiver": "null"}),
        (
            {"trigger": {"type": "BALANCE_BELOW", "target": "5.00"}},
            {"trigger": "one_only"},
        ),
        ({"alias": "a" * 101, "concept": " "}, {"alias": "max_length", "concept": "blank"}),
        ({"status": "ACTIVE"}, {"status": "unknown_field"}),
    ],
)
def test_all_wrong_fields_are_named(api, bobs, kept, change, wrong):
    answer = api.post(kept, monthly(bobs, **change))
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", wrong)


def test_body_needs_dates_or_a_trigger(api, bobs, kept):
    body = monthly(bobs)
    del body["schedule"]
    assert api.post(kept, body).wrong == {"schedule": "required"}
    del (body := monthly(bobs))["amount"]
    assert api.post(kept, body).wrong == {"amount": "required"}


def test_wallet_cannot_pay_itself(api, alices, kept):
    assert api.post(kept, monthly(alices)).wrong == {"receiver.account": "same_wallet"}


def test_start_of_today_is_possible(api, bobs, kept):
    today = datetime.now(UTC).date().isoformat()
    answer = api.post(kept, monthly(bobs, schedule=dates(startDate=today, timeZone="UTC")))
    assert answer.status == 201


@pytest.mark.parametrize(
    ("body", "status", "code", "conflict"),
    [
        (monthly(UNKNOWN), 404, "target_wallet_not_found", None),
        (to_a_bank(UNKNOWN), 404, "external_account_not_found", None),
        (to_a_bank(currency="USD"), 409, "currency_mismatch", {"orderCurrency": "USD"}),
    ],
)
def test_refusals_have_codes(api, kept, body, status, code, conflict):
    answer = api.post(kept, body)
    assert (answer.status, answer.code) == (status, code)
    assert (conflict or {}).items() <= answer.json.get("conflict", {}).items()


def test_receiver_of_another_client_is_not_found(api, kept):
    theirs = people.first_wallet(people.a_user(people.a_client("Another"), people.ALICE))
    assert api.post(kept, monthly(theirs)).code == "target_wallet_not_found"


def test_receiver_of_another_currency_gets_409(api, alices, kept):
    dollars = people.a_wallet(alices.user, "USD")
    answer = api.post(kept, monthly(dollars))
    assert (answer.status, answer.code) == (409, "currency_mismatch")
    assert answer.json["conflict"]["walletId"] == str(dollars.id)


def test_same_key_creates_one(api, bobs, kept):
    body = monthly(bobs)
    first, again = api.post(kept, body, key="k"), api.post(kept, body, key="k")
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    other = api.post(kept, monthly(bobs, alias="Other"), key="k")
    assert (other.status, other.code) == (409, "idempotency_key_reused")
    assert other.json["conflict"]["id"] == first.json["id"]
    assert ScheduledOperation.objects.count() == 1


def test_event_has_the_money_of_the_wallet_and_no_text(api, bobs, kept):
    api.post(kept, monthly(bobs, alias="Rent"), headers={"X-Request-Id": "mine"})
    event = Event.objects.get(kind="scheduled_operation.created")
    assert (event.subject, event.request_id) == ("schedule", "mine")
    assert event.data.keys() == {"balance", "held", "seq"}


# --- GET and PATCH -------------------------------------------------------------------------------


def test_list_is_filtered_by_status(api, bobs, kept):
    first, second = (api.post(kept, monthly(bobs)).json["id"] for _ in range(2))
    api.patch(f"{kept}/{first}", {"status": "CANCELLED"})
    for status, expected in {
        "": [second, first],
        "?status=ACTIVE": [second],
        "?status=CANCELLED": [first],
        "?status=PAUSED,COMPLETED": [],
    }.items():
        page = api.get(kept + status)
        found = [each["id"] for each in page.json["_embedded"]["scheduledOperations"]]
        assert (page.status, found) == (200, expected)


def test_change_sets_only_what_it_names(api, bobs, kept):
    made = api.post(kept, monthly(bobs, alias="Rent", concept="May"))
    changed = api.patch(at(made), {"amount": "7.5", "alias": None})
    same = {name: made.json[name] for name in ("concept", "status", "schedule", "nextExecutionAt")}
    assert changed.status == 200
    assert changed.json | same | {"amount": "7.50", "alias": None} == changed.json
    assert changed.headers["ETag"] != made.headers["ETag"]


def test_pause_resume_and_cancel(api, bobs, kept):
    made = api.post(kept, monthly(bobs))
    for status in ("PAUSED", "PAUSED", "ACTIVE", "CANCELLED", "CANCELLED"):
        answer = api.patch(at(made), {"status": status})
        assert (answer.status, answer.json["status"]) == (200, status)
    assert answer.json["nextExecutionAt"] is None
    answer = api.patch(at(made), {"status": "ACTIVE"})
    assert (answer.status, answer.code) == (409, "scheduled_operation_ended")
    assert answer.json["conflict"] == {
        "scheduledOperationId": made.json["id"],
        "status": "CANCELLED",
    }
    kinds = Event.objects.filter(subject="schedule").order_by("position")
    assert [each.kind.partition(".")[2] for each in kinds] == [
        "created",
        "paused",
        "resumed",
        "cancelled",
    ]


def test_stale_version_gets_409(api, bobs, kept):
    made = api.post(kept, monthly(bobs))
    api.patch(at(made), {"amount": "9.00"})
    headers = {"If-Match": made.headers["ETag"]}
    answer = api.patch(at(made), {"status": "PAUSED"}, headers=headers)
    assert (answer.status, answer.code) == (409, "version_conflict")
    assert answer.json["conflict"]["scheduledOperationId"] == made.json["id"]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"status": "required"}),
        ({"status": "COMPLETED"}, {"status": "invalid_choice"}),
        ({"amount": "1.001"}, {"amount": "max_decimal_places"}),
        ({"receiver": {}}, {"receiver": "unknown_field", "status": "required"}),
    ],
)
def test_wrong_change_is_named(api, bobs, kept, body, wrong):
    made = api.post(kept, monthly(bobs))
    assert api.patch(at(made), body).wrong == wrong


def test_operation_of_another_wallet_is_not_found(api, bobs, kept):
    made = api.post(kept, monthly(bobs)).json["id"]
    path = f"wallets/{bobs.id}/scheduled-operations/{made}"
    assert [api.get(path).status, api.get(f"{path}/executions").status] == [404, 404]
    assert api.patch(path, {"status": "PAUSED"}).status == 404


def test_date_of_an_execution_never_drifts(api, bobs, kept):
    schedule = dates(startDate=date(START.year + 1, 1, 31).isoformat(), timeZone="UTC")
    made = api.post(kept, monthly(bobs, schedule=schedule))
    found = ScheduledOperation.objects.get(id=made.json["id"])
    assert found.next_at == datetime(START.year + 1, 1, 31, 6, tzinfo=UTC)
