"""`POST /users/{id}/request-otp` and `POST /users/{id}/validate-otp`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.people import Api
from tests.support.user_bodies import ALICE, HOST, MOMENT, NEW, ROOT, due, path_of, retry_at, wrong
from users.models import Event, Otp, User
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

# --- POST /users/{id}/request-otp ---------------------------------------------------------------


def test_code_request_is_accepted(api, newcomer, codes, clock):
    clock.go(61)
    answer = api.post(path_of(newcomer, "/request-otp"))
    assert (answer.status, answer.json["id"]) == (202, str(newcomer.id))
    assert answer.headers["Location"] == f"{ROOT}/users/{newcomer.id}"
    assert len(codes) == 1


def test_code_request_accepts_an_empty_object(api, newcomer_path, codes, clock):
    clock.go(61)
    assert api.post(f"{newcomer_path}/request-otp", {}).status == 202


def test_code_request_refuses_fields(api, newcomer_path, codes, clock):
    clock.go(61)
    answer = api.post(f"{newcomer_path}/request-otp", {"mobilePhone": NEW})
    assert (answer.status, answer.wrong) == (400, {"mobilePhone": "unknown_field"})
    assert not codes


def test_second_code_request_within_a_minute_gets_409_with_retry_at(api, newcomer, codes):
    answer = api.post(path_of(newcomer, "/request-otp"))
    assert (answer.status, answer.code) == (409, "otp_too_soon")
    assert set(answer.json["conflict"]) == {"retryAt"}
    assert retry_at(answer) == due("+34600000001")
    assert not codes


def test_retry_at_has_the_format_of_other_times(api, newcomer):
    answer = api.post(path_of(newcomer, "/request-otp"))
    assert MOMENT.fullmatch(answer.json["conflict"]["retryAt"])


def test_code_request_of_a_verified_user_is_refused(api, alice, codes):
    answer = api.post(path_of(alice, "/request-otp"))
    assert (answer.status, answer.code) == (409, "already_verified")
    assert answer.json["conflict"] == {"userId": str(alice.id), "status": "ACTIVATED"}
    assert not codes


# --- POST /users/{id}/validate-otp --------------------------------------------------------------


@pytest.fixture
def accepted(api: Api, codes: Any) -> str:
    """The path of Alice, whose code is in `codes`."""
    body = ALICE | {"dltAddress": "0xA11CE", "dltNetwork": "mainnet"}
    return f"users/{api.post('users', body).json['id']}"


def test_correct_code_activates_the_user_and_opens_the_first_wallet(api, accepted, codes):
    answer = api.post(f"{accepted}/validate-otp", {"otp": codes[0].code})
    assert (answer.status, answer.json["status"]) == (200, "ACTIVATED")
    assert answer.json == api.get(accepted).json
    wallets = api.get(answer.json["_links"]["wallets"]["href"].removeprefix(HOST))
    (wallet,) = wallets.json["_embedded"]["wallets"]
    assert (wallet["dltAddress"], wallet["dltNetwork"]) == ("0xA11CE", "mainnet")
    assert (wallet["currency"], wallet["balance"], wallet["status"]) == ("EUR", "0.00", "READY")


def test_activation_records_an_event_for_each_step(api, accepted, codes):
    api.post(f"{accepted}/validate-otp", {"otp": codes[0].code})
    kinds = [event.kind for event in Event.objects.order_by("position")]
    assert kinds == [
        "user.created",
        "user.phone_verified",
        "user.verified",
        "user.activated",
        "wallet.opened",
    ]


def test_wrong_code_gets_400(api, accepted, codes):
    answer = api.post(f"{accepted}/validate-otp", {"otp": wrong(codes[0].code)})
    assert (answer.status, answer.code) == (400, "invalid_otp")
    assert "4" in answer.json["detail"]
    assert api.get(accepted).json["status"] == "CREATED"


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"otp": "required"}),
        ({"otp": None}, {"otp": "null"}),
        ({"otp": ""}, {"otp": "invalid"}),
        ({"otp": 123456}, {"otp": "invalid"}),
        ({"otp": "12345"}, {"otp": "invalid"}),
        ({"otp": "1234567"}, {"otp": "invalid"}),
        ({"otp": "12345a"}, {"otp": "invalid"}),
        ({"otp": " 123456"}, {"otp": "invalid"}),
        ({"otp": "\uff11\uff12\uff13\uff14\uff15\uff16"}, {"otp": "invalid"}),
        ({"otp": ["123456"]}, {"otp": "invalid"}),
        ({"otp": "123456", "phone": NEW}, {"phone": "unknown_field"}),
    ],
)
def test_malformed_code_gets_400_and_counts_no_try(body, errors, api, accepted):
    answer = api.post(f"{accepted}/validate-otp", body)
    assert (answer.status, answer.code, answer.wrong) == (400, "invalid_fields", errors)
    assert Otp.objects.get().tries == 0


def test_expired_code_gets_409(api, accepted, codes, clock):
    clock.go(600)
    answer = api.post(f"{accepted}/validate-otp", {"otp": codes[0].code})
    assert (answer.status, answer.code) == (409, "otp_expired")
    assert answer.json["conflict"] == {"userId": accepted.removeprefix("users/")}


def test_correct_code_gets_409_after_five_wrong_ones(api, accepted, codes):
    path = f"{accepted}/validate-otp"
    answers = [api.post(path, {"otp": wrong(codes[0].code)}) for _ in range(5)]
    assert {(answer.status, answer.code) for answer in answers} == {(400, "invalid_otp")}
    answer = api.post(path, {"otp": codes[0].code})
    assert (answer.status, answer.code) == (409, "otp_tried_out")
    assert api.get(accepted).json["status"] == "CREATED"


def test_used_code_gets_409(api, accepted, codes):
    api.post(f"{accepted}/validate-otp", {"otp": codes[0].code})
    answer = api.post(f"{accepted}/validate-otp", {"otp": codes[0].code})
    assert (answer.status, answer.code) == (409, "already_verified")
    assert Wallet.objects.count() == 1


def test_guesses_of_another_client_are_not_counted(stranger, accepted, codes):
    answer = stranger.post(f"{accepted}/validate-otp", {"otp": wrong(codes[0].code)})
    assert answer.status == 404
    assert Otp.objects.get().tries == 0


def test_verification_of_a_new_number_does_not_unblock_the_user(api, alice, codes):
    api.patch(path_of(alice), {"mobilePhone": NEW})
    User.objects.update(status="BLOCKED")
    answer = api.post(path_of(alice, "/validate-otp"), {"otp": codes[0].code})
    assert (answer.status, answer.json["status"]) == (200, "BLOCKED")
