"""Where a user stands: the level, what it allows, how much of it is used, and what is missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support import people, sandbox
from tests.support.ibans import IBAN
from tests.support.identity import a_signature, a_verification, decided, some_terms
from tests.support.kyc import approve, in_days, review, send, send_one, today
from tests.support.people import Api
from tests.support.user_actions import COMPANY, create
from tests.support.user_bodies import ROOT
from users import kyc
from users.kyc import Kind
from users.models import KycDocument, User
from users.models.clients import SCOPES
from users.models.sandbox import advance_clock

pytestmark = pytest.mark.django_db

LIMITS = {
    "EUR": {
        "0": {"balance": "150", "cashIn": "150", "cashOut": "150"},
        "1": {"balance": "2500", "cashIn": "2500", "cashOut": "1000"},
    },
    "JPY": {"1": {"balance": "300000", "cashIn": None, "cashOut": "100000"}},
}
LEVEL_1, LEVEL_2 = (kyc.NEEDED[User.Kind.NATURAL][level] for level in (1, 2))
FIRST = ["identity", "documents/identity-front", "documents/identity-back"]
REST = [
    "home-address",
    "external-iban",
    "financial-information",
    "occupation",
    "documents/external-iban",
    "documents/income-tax",
]


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    settings.KYC_LIMITS = LIMITS


@pytest.fixture
def path(alice: User) -> str:
    return f"users/{alice.id}/compliance"


def limit(limit: str | None, used: str) -> dict[str, str | None]:
    return {"limit": limit, "used": used}


def states(answer: Any) -> dict[str, str]:
    return {each["evidence"]: each["status"] for each in answer.json["requirements"]}


def of(answer: Any, currency: str) -> dict[str, Any]:
    (found,) = [each for each in answer.json["limits"] if each["currency"] == currency]
    return dict(found)


# --- By level -------------------------------------------------------------------------------------


def test_user_without_kyc_documents_gets_all_requirements(api, alice, path):
    answer = api.get(path)
    assert answer.status == 200
    user = f"{ROOT}/users/{alice.id}"
    document = {name: {"href": f"{user}/{name}"} for name in [*FIRST, *REST]}
    empty = {"status": "MISSING", "reason": None, "reviewedAt": None}
    assert answer.json == {
        "userId": str(alice.id),
        "kycLevel": 0,
        "levelUntil": None,
        "nextLevel": 1,
        "missing": FIRST,
        "requirements": [
            {"evidence": name, "level": 1 if name in FIRST else 2, **empty}
            for name in [*FIRST, *REST]
        ],
        "nameChange": None,
        "identityVerification": None,
        "termsToSign": None,
        "limits": [
            {
                "currency": "EUR",
                "balance": limit("150.00", "0.00"),
                "cashIn": limit("150.00", "0.00"),
                "cashOut": limit("150.00", "0.00"),
            },
            {
                "currency": "JPY",
                "balance": limit("0", "0"),
                "cashIn": limit("0", "0"),
                "cashOut": limit("0", "0"),
            },
        ],
        "_links": {
            "self": {"href": f"{user}/compliance"},
            "user": {"href": user},
            **document,
        },
    }


def test_level_1_has_higher_limits_and_lists_the_missing_rest(api, alice, path):
    approve(alice, LEVEL_1)
    answer = api.get(path)
    assert (answer.json["kycLevel"], answer.json["nextLevel"]) == (1, 2)
    assert answer.json["missing"] == REST
    assert answer.json["levelUntil"] == str(User.objects.get().kyc_until)
    euros, yen = of(answer, "EUR"), of(answer, "JPY")
    assert [euros[name]["limit"] for name in ("balance", "cashIn", "cashOut")] == [
        "2500.00",
        "2500.00",
        "1000.00",
    ]
    assert [yen[name]["limit"] for name in ("balance", "cashIn", "cashOut")] == [
        "300000",
        None,
        "100000",
    ]


def test_level_2_has_no_missing_requirements_and_no_limits(api, alice, path):
    approve(alice, LEVEL_2)
    answer = api.get(path)
    assert (answer.json["kycLevel"], answer.json["nextLevel"]) == (2, None)
    assert (answer.json["missing"], set(states(answer).values())) == ([], {"APPROVED"})
    assert answer.json["limits"] == [
        {
            "currency": "EUR",
            "balance": limit(None, "0.00"),
            "cashIn": limit(None, "0.00"),
            "cashOut": limit(None, "0.00"),
        }
    ]


def test_company_skips_level_1(api, client_demo):
    company = create(client_demo, COMPANY).user
    path = f"users/{company.id}/compliance"
    answer = api.get(path)
    wanted = ["home-address", "external-iban", "documents/company-deed"]
    assert (answer.json["nextLevel"], answer.json["missing"]) == (2, wanted)
    assert {each["level"] for each in answer.json["requirements"]} == {2}
    approve(company, kyc.NEEDED[User.Kind.JURIDICAL][2])
    answer = api.get(path)
    assert (answer.json["kycLevel"], answer.json["levelUntil"]) == (2, None)
    assert (answer.json["nextLevel"], answer.json["missing"]) == (None, [])


def test_passport_does_not_require_the_back_side(api, alice, path):
    send_one(alice, Kind.IDENTITY, identity_type="PASSPORT", identity_number="AAA123456")
    assert "documents/identity-back" not in states(api.get(path))


# --- What was sent --------------------------------------------------------------------------------


def test_each_requirement_has_its_status(api, alice, path):
    send_one(alice, Kind.IDENTITY)
    approve(alice, {Kind.DOCUMENT_IDENTITY_FRONT})
    review(alice, send_one(alice, Kind.DOCUMENT_IDENTITY_BACK), reason="Blurred")
    answer = api.get(path)
    assert [states(answer)[name] for name in FIRST] == ["PENDING", "APPROVED", "REJECTED"]
    assert answer.json["missing"] == ["identity", "documents/identity-back"]
    reasons = {each["reason"] for each in answer.json["requirements"]}
    assert reasons == {None, "Blurred"}


def test_approved_requirement_is_not_missing_while_a_new_one_is_pending(api, alice, path):
    approve(alice, LEVEL_1)
    send_one(alice, Kind.IDENTITY, identity_number="87654321X")
    answer = api.get(path)
    assert states(answer)["identity"] == "PENDING"
    assert "identity" not in answer.json["missing"]


def test_expired_requirement_is_missing_again(api, alice, path):
    approve(alice, LEVEL_2, expiry_date=today())
    assert api.get(path).json["kycLevel"] == 2
    KycDocument.objects.filter(kind=Kind.IDENTITY).update(expires_on=in_days(-1))
    User.objects.filter(id=alice.id).update(kyc_until=in_days(-1))
    answer = api.get(path)
    assert (answer.json["kycLevel"], answer.json["levelUntil"]) == (0, None)
    assert (answer.json["nextLevel"], answer.json["missing"]) == (1, ["identity"])
    assert states(answer)["identity"] == "EXPIRED"
    assert of(answer, "EUR")["balance"] == limit("150.00", "0.00")


def test_level_is_valid_on_its_last_day(api, alice, path):
    approve(alice, LEVEL_1, expiry_date=today())
    answer = api.get(path)
    assert (answer.json["kycLevel"], answer.json["levelUntil"]) == (1, str(today()))


# --- What is used ---------------------------------------------------------------------------------


def test_cash_ins_and_cash_outs_count_as_used(api, alice, path):
    wallet = people.first_wallet(alice)
    people.cash_in(wallet, 100_00)
    order = {"type": "CASH_OUT", "amount": "30.00", "iban": {"accountNumber": IBAN}}
    assert api.post(f"wallets/{wallet.id}/movements", order).status == 202
    assert of(api.get(path), "EUR") == {
        "currency": "EUR",
        "balance": limit("150.00", "100.00"),
        "cashIn": limit("150.00", "100.00"),
        "cashOut": limit("150.00", "30.00"),
    }


def test_all_wallets_of_a_currency_are_counted_together(api, alice, path):
    approve(alice, LEVEL_1)
    first, second, yen = (
        people.first_wallet(alice),
        people.a_wallet(alice),
        people.a_wallet(alice, "JPY"),
    )
    for wallet, amount in ((first, 10_00), (second, 5_00), (yen, 700)):
        people.cash_in(wallet, amount)
    people.transfer(first, second, 2_00)
    answer = api.get(path)
    assert of(answer, "EUR")["balance"] == limit("2500.00", "15.00")
    assert of(answer, "EUR")["cashIn"] == limit("2500.00", "15.00")
    assert of(answer, "JPY")["balance"] == limit("300000", "700")
    assert of(answer, "JPY")["cashIn"] == limit(None, "700")


def test_currency_of_an_open_wallet_is_listed_without_configured_limits(api, alice, path):
    people.a_wallet(alice, "USD")
    assert of(api.get(path), "USD")["balance"] == limit("0.00", "0.00")
    approve(alice, LEVEL_2)
    assert [each["currency"] for each in api.get(path).json["limits"]] == ["EUR", "USD"]


def test_received_transfer_counts_only_towards_the_balance(api, alice, bob, path):
    wallet = people.first_wallet(bob)
    people.cash_in(wallet, 20_00)
    people.transfer(wallet, people.first_wallet(alice), 20_00)
    euros = of(api.get(path), "EUR")
    assert euros["balance"] == limit("150.00", "20.00")
    assert euros["cashIn"] == limit("150.00", "0.00")


def test_reversed_cash_in_still_counts_as_used(api, alice, path):
    wallet = people.first_wallet(alice)
    people.cash_in(wallet, 100_00)
    people.reverse(people.movements(wallet)[0], 40_00)
    euros = of(api.get(path), "EUR")
    assert (euros["balance"], euros["cashIn"]) == (
        limit("150.00", "60.00"),
        limit("150.00", "100.00"),
    )


def test_limits_equal_the_facts_of_a_refusal(api, alice, path):
    wallet = people.first_wallet(alice)
    people.cash_in(wallet, 100_00)
    refused = api.post(f"wallets/{wallet.id}/movements", people.cash("50.01"))
    assert refused.code == "limit_exceeded"
    euros = of(api.get(path), "EUR")
    conflict = refused.json["conflict"]
    assert (conflict["limit"], conflict["used"]) == tuple(euros["balance"].values())
    assert api.post(f"wallets/{wallet.id}/movements", people.cash("50.00")).status == 201


# --- The nine questions ---------------------------------------------------------------------------


def test_user_without_a_wallet_gets_the_limits(api, client_demo):
    newcomer = create(client_demo, people.ALICE).user
    answer = api.get(f"users/{newcomer.id}/compliance")
    assert (answer.status, answer.json["kycLevel"]) == (200, 0)
    assert of(answer, "EUR")["balance"] == limit("150.00", "0.00")


def test_user_of_another_client_gets_404(stranger, path):
    answer = stranger.get(path)
    assert (answer.status, answer.code) == (404, "not_found")


def test_request_without_a_key_gets_401(nobody, path):
    assert (nobody.get(path).status, nobody.get(path).code) == (401, "not_authenticated")


def test_key_without_the_scope_gets_403(client_demo, path):
    api = Api(people.a_key(client_demo, *set(SCOPES) - {"users:read"}))
    assert (api.get(path).status, api.get(path).code) == (403, "insufficient_scope")
    assert Api(people.a_key(client_demo, "users:read")).get(path).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_compliance_is_read_only(api, path, method):
    answer = api.call(method, path, {})
    assert (answer.status, answer.code) == (400, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("user", ["1", "x", f"{people.unknown_id()}0", people.unknown_id()])
def test_compliance_of_an_unknown_user_gets_404(api, user):
    assert api.get(f"users/{user}/compliance").code == "not_found"


def test_a_parameter_is_refused(api, path):
    assert api.get(f"{path}?level=2").wrong == {"level": "unknown_parameter"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_compliance_takes_one_round_trip_whatever_the_user_has(api, alice, path, trips):
    approve(alice, LEVEL_2)
    send(alice, *LEVEL_1, identity_number="87654321X")
    for currency in ("EUR", "JPY", "USD"):
        wallet = people.a_wallet(alice, currency)
        for _ in range(3):
            people.cash_in(wallet, 1_00)
    assert api.get(path).status == 200
    trips.clear()
    assert api.get(path).status == 200
    assert len(trips) == 1


# --- Identity verification and terms --------------------------------------------------------------


def shown(api: Api, user: User, name: str) -> Any:
    return api.get(f"users/{user.id}/compliance").json[name]


@pytest.mark.parametrize("status", ["REJECTED", "EXPIRED"])
def test_verification_is_shown_until_it_is_approved(status, api, alice):
    assert shown(api, alice, "identityVerification") is None
    first = a_verification(alice)
    found = shown(api, alice, "identityVerification")
    assert (found["id"], found["status"], found["reason"]) == (str(first.id), "PENDING", None)
    decided(first, status, reason="BLURRED")
    found = shown(api, alice, "identityVerification")
    assert (found["status"], found["reason"]) == (status, "BLURRED")
    decided(a_verification(alice))
    assert shown(api, alice, "identityVerification") is None


def test_overdue_verification_is_shown_as_expired(api, alice):
    with sandbox.made():
        a_verification(alice)
        advance_clock(timedelta(days=1))
        assert shown(api, alice, "identityVerification")["status"] == "EXPIRED"


def test_terms_are_shown_until_they_are_signed(api, alice):
    assert shown(api, alice, "termsToSign") is None
    published = some_terms()
    found = shown(api, alice, "termsToSign")
    assert (found["version"], found["sha256"]) == (1, published.digest)
    links = shown(api, alice, "_links")
    assert links["kycTerms"]["href"] == f"{ROOT}/users/{alice.id}/kyc-terms"
    a_signature(alice)
    assert shown(api, alice, "termsToSign") is None
    assert "kycTerms" not in shown(api, alice, "_links")
    some_terms("Two")
    assert shown(api, alice, "termsToSign")["version"] == 2


def test_unsigned_terms_are_not_missing_for_a_level(api, alice):
    some_terms()
    before = shown(api, alice, "missing")
    approve(alice, LEVEL_1)
    assert (before, shown(api, alice, "kycLevel")) == (FIRST, 1)


def test_closed_user_has_no_terms_to_sign(api, alice):
    some_terms()
    assert api.patch(f"users/{alice.id}", {"status": "UNSUBSCRIBED"}).status == 200
    assert shown(api, alice, "termsToSign") is None
