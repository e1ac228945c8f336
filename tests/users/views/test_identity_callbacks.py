"""`POST /api/v1/identity-callbacks`: a provider in a process of its own calls a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import people
from tests.support.identity import URLS, a_verification
from tests.support.identity_provider import OTHER_SECRET, SECRET, Provider
from tests.support.kyc import send
from tests.support.people import Api
from users.kyc import IDENTITY
from users.models import Event, IdentityVerification, User

pytestmark = pytest.mark.django_db(transaction=True)


class Calls:
    """The provider, and where it calls back."""

    def __init__(self, provider: Provider, server: Any) -> None:
        self.provider = provider
        self.url = f"{server.url}/api/v1/identity-callbacks"

    def send(self, said: Any, **how: Any) -> tuple[int, Any]:
        return self.provider.call_back(self.url, said, **how)

    def decide(self, verification: Any, status: str = "APPROVED", **how: Any) -> tuple[int, Any]:
        return self.send({"verificationId": str(verification.id), "status": status}, **how)


@pytest.fixture
def calls(provider: Provider, live_server: Any) -> Calls:
    return Calls(provider, live_server)


@pytest.fixture
def verification(alice: User) -> IdentityVerification:
    return a_verification(alice)


def status(verification: IdentityVerification) -> str:
    return IdentityVerification.objects.get(id=verification.id).status


def events() -> list[str]:
    found = Event.objects.filter(kind__startswith="user.identity").order_by("position")
    return list(found.values_list("kind", flat=True))


def test_verification_from_beginning_to_level_1(calls, api, alice):
    send(alice, *sorted(IDENTITY))
    begun = api.post(f"users/{alice.id}/verify-identity", URLS).json
    assert calls.provider.begun()[-1]["verificationId"] == begun["id"]
    said = {"verificationId": begun["id"], "status": "APPROVED"}
    assert calls.send(said) == (200, said)
    assert api.get(f"users/{alice.id}/verify-identity").json["status"] == "APPROVED"
    assert api.get(f"users/{alice.id}/compliance").json["kycLevel"] == 1


def test_repeated_callback_changes_nothing_and_gets_the_same_answer(calls, verification):
    first = calls.decide(verification)
    before = events()
    assert calls.decide(verification) == first
    assert calls.decide(verification) == first
    assert events() == before


def test_contradicting_callback_is_refused_and_recorded(calls, verification):
    calls.decide(verification, "REJECTED")
    for _ in range(2):
        code, said = calls.decide(verification)
        assert (code, said["code"]) == (409, "invalid_transition")
        assert said["conflict"] == {
            "verificationId": str(verification.id),
            "status": "REJECTED",
            "requested": "APPROVED",
        }
    assert status(verification) == "REJECTED"
    assert events().count("user.identity_contradicted") == 1


def test_callback_before_its_verification_is_stored_gets_404_and_may_come_again(calls, alice):
    unknown = people.unknown_id()
    said = {"verificationId": str(unknown), "status": "APPROVED"}
    assert calls.send(said)[0] == 404
    a_verification(alice, id=unknown)
    assert calls.send(said)[0] == 200


@pytest.mark.parametrize("late", [-301, -86_400, 400])
def test_callback_of_another_time_gets_401(late, calls, verification):
    code, said = calls.decide(verification, late=late)
    assert (code, said["code"]) == (401, "invalid_signature")
    assert status(verification) == "PENDING"


@pytest.mark.parametrize("late", [-280, 280])
def test_callback_of_almost_five_minutes_ago_is_accepted(late, calls, verification):
    assert calls.decide(verification, late=late)[0] == 200


FORGERIES: dict[str, dict[str, Any]] = {
    "another secret": {"secret": OTHER_SECRET},
    "a changed body": {"added": " "},
    "no signature": {"headers": {"webhook-signature": None}},
    "no time": {"headers": {"webhook-timestamp": None}},
    "no id": {"headers": {"webhook-id": None}},
    "another id": {"headers": {"webhook-id": "msg_2"}},
    "another scheme": {"headers": {"webhook-signature": "v2,AAAA"}},
    "an API key": {"headers": {"webhook-signature": None, "Authorization": "Bearer iocash_a"}},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_callback_gets_401_that_tells_nothing(forgery, calls, verification, alice):
    answers = [
        calls.decide(named, **FORGERIES[forgery])
        for named in (verification, User(id=people.unknown_id()))
    ]
    known, unknown = ({**said, "requestId": ""} for _, said in answers)
    assert known == unknown
    assert [code for code, _ in answers] == [401, 401]
    assert known["code"] == "invalid_signature"
    assert status(verification) == "PENDING"
    assert events() == ["user.identity_requested"]


def test_valid_api_key_does_not_replace_the_signature(calls, verification, api):
    forged = {"webhook-signature": None, "Authorization": f"Bearer {api.secret}"}
    assert calls.decide(verification, headers=forged)[0] == 401


def test_callback_is_refused_while_another_provider_is_set(calls, verification, settings):
    settings.IDENTITY_PROVIDER = "demo"
    assert calls.decide(verification)[0] == 401


def test_former_secret_is_accepted_while_it_is_set(calls, verification, settings):
    settings.IDENTITY_SECRET = [OTHER_SECRET, SECRET]
    assert calls.decide(verification)[0] == 200


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, {"verificationId": "required", "status": "required"}),
        ({"status": "PENDING"}, {"verificationId": "required", "status": "invalid_choice"}),
        ({"verificationId": 1, "status": "APPROVED"}, {"verificationId": "invalid"}),
        ({"reason": "too bad"}, {"reason": "invalid"}),
        ({"reason": "A" * 41}, {"reason": "invalid"}),
        ({"userId": "x"}, {"userId": "unknown_field"}),
    ],
)
def test_wrong_fields_of_a_signed_callback_get_400(said, wrong, calls):
    code, answer = calls.send(said)
    assert code == 400
    found = {each["field"]: each["code"] for each in answer["errors"]}
    assert found.items() >= wrong.items()


@pytest.mark.parametrize("raw", ["", "{", "[]", '"APPROVED"', '{"a": 1, "a": 2}'])
def test_signed_callback_that_is_no_object_gets_400(raw, calls):
    assert calls.send(raw)[0] == 400


def test_large_callback_gets_401_unread(calls):
    assert calls.send(json.dumps({"reason": "A" * 20_000}))[0] == 401


def test_forged_callbacks_are_limited_by_address_and_signed_ones_are_not(
    calls, verification, settings
):
    settings.RATE_LIMIT_REFUSED = 1
    codes = [calls.decide(verification, secret=OTHER_SECRET)[0] for _ in range(3)]
    assert codes[0] == 401
    assert 503 in codes[1:]
    assert calls.decide(verification)[0] == 200


@pytest.mark.parametrize("method", ["get", "put", "patch"])
def test_wrong_method_gets_400(method, client):
    answer = getattr(client, method)("/api/v1/identity-callbacks")
    assert (answer.status_code, answer.json()["code"]) == (400, "method_not_allowed")


def test_callback_is_no_operation_of_clients(api: Api) -> None:
    assert "identity-callbacks" not in json.dumps(api.browser.get("/api/schema").json())
