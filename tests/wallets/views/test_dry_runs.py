"""`dryRun=true` over the API: what would happen, and nothing happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support import people
from tests.support.ibans import OTHER_IBAN
from tests.support.people import Api, cash, to
from tests.support.refusals import everything
from users.models import ApiKey
from users.models.clients import SCOPES

pytestmark = pytest.mark.django_db

UNKNOWN = str(people.unknown_id())
TIMES = {"createdAt", "updatedAt", "settledAt", "endedAt"}
BY_CHANCE = {"id", "operationId", "self", "movements", *TIMES}
"""What a dry run does not show, or shows otherwise: links to what does not exist, and times."""

Body = Callable[[str], dict[str, Any]]


class Call:
    """A call that has a dry run: its address, its body by amount, its status and its model."""

    def __init__(self, path: str, body: Body, status: int = 201, model: str = "movement") -> None:
        self.path, self.body, self.status, self.model = path, body, status, model

    @property
    def dry(self) -> str:
        return f"{self.path}?dryRun=true"


CALLS = ["transfer", "cash-in", "cash-out", "batch", "operation", "hold", "execution", "reversal"]


@pytest.fixture
def calls(alices, bobs) -> dict[str, Call]:
    """Alice has paid Bob 20.00 EUR of 100.00, and 30.00 are held for him."""
    paid, hold = people.transfer(alices, bobs, 20_00), people.place(alices, bobs, 30_00)
    wallet, bob = f"wallets/{alices.id}", str(bobs.id)
    bank = {"type": "CASH_OUT", "iban": {"accountNumber": OTHER_IBAN}}
    one = {"sourceWalletId": str(alices.id), "targetWalletId": bob}
    back = {"sourceWalletId": bob, "targetWalletId": str(alices.id), "amount": "1.00"}
    return {
        "transfer": Call(f"{wallet}/movements", lambda amount: to(bobs, amount, concept="x")),
        "cash-in": Call(f"{wallet}/movements", cash),
        "cash-out": Call(f"{wallet}/movements", lambda amount: bank | {"amount": amount}, 202),
        "batch": Call(
            f"{wallet}/movements/batch",
            lambda amount: {"movements": [to(bobs, amount), cash("1.00")]},
        ),
        "operation": Call(
            "operations", lambda amount: {"transfers": [one | {"amount": amount}, back]}
        ),
        "hold": Call(
            f"{wallet}/holds",
            lambda amount: {"targetWalletId": bob, "amount": amount, "metadata": {"a": "b"}},
            model="hold",
        ),
        "execution": Call(
            f"{wallet}/holds/{hold.id}/executions",
            lambda amount: {"amount": amount, "keepOpen": True},
        ),
        "reversal": Call(
            f"{wallet}/movements/{paid.id}/reversal", lambda amount: {"amount": amount}
        ),
    }


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest, calls: dict[str, Call]) -> Call:
    return calls[request.param]


def seen(shown: Any) -> Any:
    """What a dry run shows of an answer."""
    if isinstance(shown, list):
        return [seen(each) for each in shown]
    if not isinstance(shown, dict):
        return shown
    left = {name: seen(each) for name, each in shown.items() if name not in BY_CHANCE}
    items = shown.get("movements")
    return left | ({"movements": seen(items)} if isinstance(items, list) else {})


def test_dry_run_predicts_the_created_resource(api, call):
    before = everything()
    predicted = api.post(call.dry, call.body("10.00"))
    assert predicted.status == 200
    assert everything() == before
    made = api.post(call.path, call.body("10.00"))
    assert made.status == call.status
    shown = seen(made.json)
    assert seen(predicted.json) == shown
    assert not {"id", "operationId"} & predicted.json.keys()
    for movement in predicted.json.get("_embedded", {}).get("movements", []):
        assert not {"id", "operationId"} & movement.keys()
        assert "self" not in movement["_links"]
    assert "self" not in predicted.json.get("_links", {})


def test_dry_run_has_no_headers_of_a_resource(api, call):
    answer = api.post(call.dry, call.body("10.00"), key="k")
    assert not {"Location", "ETag", "Idempotent-Replayed"} & set(answer.headers)


@pytest.mark.parametrize(
    ("amount", "status"), [("0.001", 400), ("x", 400), ("10.00", 409), ("1000.00", 409)]
)
def test_dry_run_is_refused_as_the_call_is(api, alices, call, amount, status):
    people.block(alices)
    before = everything()
    predicted = api.post(call.dry, call.body(amount), key="k")
    real = api.post(call.path, call.body(amount), key="k")
    assert predicted.status == real.status == status
    for name in {*real.json} - {"requestId"}:
        assert predicted.json[name] == real.json[name]
    assert everything() == before


def test_dry_run_takes_no_key(api, call):
    assert api.post(call.dry, call.body("10.00"), key="k").status == 200
    other = api.post(call.path, call.body("9.00"), key="k")
    assert (other.status, "Idempotent-Replayed" in other.headers) == (call.status, False)


def test_used_key_is_answered_as_by_the_call(api, call):
    made = api.post(call.path, call.body("10.00"), key="k")
    before = everything()
    again = api.post(call.dry, call.body("10.0"), key="k")
    assert (again.status, again.json) == (made.status, made.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == made.headers["Location"]
    other = api.post(call.dry, call.body("9.00"), key="k")
    assert (other.status, other.code) == (409, "idempotency_key_reused")
    assert everything() == before


def test_false_is_no_dry_run(api, call):
    answer = api.post(f"{call.path}?dryRun=false", call.body("10.00"))
    assert answer.status == call.status
    assert answer.headers["Location"]


def test_dry_run_needs_the_same_scopes(client_demo, calls, call):
    others = set(SCOPES) - {"movements:write"}
    answer = Api(people.a_key(client_demo, *others)).post(call.dry, call.body("10.00"))
    assert (answer.status, answer.code) == (403, "insufficient_scope")
    api = Api(people.a_key(client_demo, "movements:write"))
    of_cash_in = {calls["cash-in"], calls["batch"]}
    expected = 403 if call in of_cash_in else 200
    assert api.post(call.dry, call.body("10.00")).status == expected


def test_dry_run_needs_a_valid_key(api, nobody, call):
    assert nobody.post(call.dry, call.body("10.00")).status == 401
    assert api.get("wallets").status == 200  # what its key allows is remembered
    ApiKey.objects.all().update(revoked_at="2026-01-01T00:00:00Z")
    before = everything()
    answer = api.post(call.dry, call.body("10.00"))
    assert (answer.status, answer.code) == (401, "credentials_revoked")
    assert everything() == before


def test_dry_run_of_another_client_shows_nothing(stranger, calls, call):
    answer = stranger.post(call.dry, call.body("10.00"))
    if call is calls["operation"]:
        assert answer.code == "batch_refused"
        codes = {item["code"] for item in answer.json["conflict"]["items"]}
        assert codes == {"source_wallet_not_found"}
    else:
        assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.usefixtures("one_person_acts")
def test_dry_run_of_a_payment_of_staff_is_refused(staff, calls, call):
    desk = Api(None)
    desk.browser.force_login(staff)
    before = everything()
    answer = desk.post(call.dry, call.body("10.00"))
    assert answer.status == (200 if call in (calls["cash-in"], calls["reversal"]) else 403)
    assert everything() == before


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_published_paths_have_no_dry_run(api, calls, alices, bobs, version):
    wallet = f"/api/{version}/public/wallets/{alices.id}"
    execution = calls["execution"].path.split("/")[3]
    paid = {"amount": "1.00"}
    bodies: dict[str, dict[str, Any]] = {
        "transfer": paid | {"targetWalletId": str(bobs.id)},
        "cashOuts": paid | {"iban": {"accountNumber": OTHER_IBAN}},
        "cashout-to-favourite-external-account": paid | {"favouriteExternalAccountId": UNKNOWN},
        "holds": paid | {"targetWallet": str(bobs.id)},
        f"holds/{execution}/executeHold": {},
        f"holds/{execution}/executeHoldAndKeepOpen": paid,
        f"holds/{execution}/releaseHold": {},
        f"holds/{execution}/renewHold": {"expiration": None},
    }
    before = everything()
    for path, body in bodies.items():
        answer = api.post(f"{wallet}/{path}?dryRun=true", body)
        assert (answer.status, answer.code) == (400, "invalid_parameters"), path
        assert answer.wrong == {"dryRun": "unknown_parameter"}
    assert everything() == before


def test_other_calls_have_no_dry_run(api, alices):
    for method, path, body in (
        ("POST", "wallets", {"userId": str(alices.user_id)}),
        ("POST", f"wallets/{alices.id}/create-iban", {}),
        ("PATCH", f"wallets/{alices.id}", {"alias": "x"}),
        ("GET", f"wallets/{alices.id}/movements", None),
        ("GET", f"wallets/{alices.id}/holds", None),
    ):
        answer = api.call(method, f"{path}?dryRun=true", body)
        assert answer.wrong == {"dryRun": "unknown_parameter"}
