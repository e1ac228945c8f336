"""Every PUT of the API: `If-None-Match: *` never replaces, `If-Match: *` never creates."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support import people
from tests.support.api_operations import ALL
from tests.support.kyc import BLOCKS, CARD, PAGE, document
from tests.support.people import Answer, Api
from tests.support.threads import Caller, holding, wait_until_blocked
from users.models import Event, User
from wallets import posting
from wallets.models import Wallet
from wallets.orders.wallets import PutWallet

pytestmark = pytest.mark.django_db

USER = {
    "kind": "NATURAL",
    "userName": "alice3",
    "firstName": "Alice",
    "lastName": "Example",
    "mobilePhone": "+34600000003",
}
OWN = sorted(
    re.sub(r"<\w+:(\w+)>", r"{\1}", operation.route.removeprefix("api/v1/"))
    for operation in ALL
    if operation.method == "put" and "public/" not in operation.route
)
"""Every address that takes a PUT, without the published aliases."""

NEVER_REPLACES = {"If-None-Match": "*"}
NEVER_CREATES = {"If-Match": "*"}
UNKNOWN = people.unknown_id()


def body_for(path: str, owner: User) -> Any:
    if path.startswith("wallets/"):
        return {"userId": str(owner.id), "alias": "Trips"}
    name = path.rpartition("/")[2]
    if "documents" in path:
        return document(CARD)
    return BLOCKS.get(name, USER)


def put(api: Api, path: str, owner: User, headers: dict[str, str], **ids: Any) -> Answer:
    address = path.format(**({"user_id": owner.id, "kind": "identity-front"} | ids))
    return api.put(address, body_for(path, owner), headers=headers)


def new_id(path: str) -> dict[str, Any]:
    """The id of what is not there yet; what belongs to a user has none."""
    if "/" in path.partition("/")[2]:
        return {}
    return {"user_id": UNKNOWN, "wallet_id": UNKNOWN}


def test_every_put_endpoint_is_tested():
    assert (
        sorted(
            ["users/{user_id}", "wallets/{wallet_id}", "users/{user_id}/documents/{kind}"]
            + [f"users/{{user_id}}/{name}" for name in BLOCKS]
        )
        == OWN
    )


@pytest.mark.parametrize("path", OWN)
def test_put_with_if_none_match_creates_once(api, alice, path):
    made = put(api, path, alice, NEVER_REPLACES, **new_id(path))
    assert made.status in {201, 202}
    before = [*Event.objects.values_list("id", flat=True)]
    again = put(api, path, alice, NEVER_REPLACES, **new_id(path))
    assert (again.status, again.code) == (409, "already_exists")
    assert [*Event.objects.values_list("id", flat=True)] == before


@pytest.mark.parametrize("path", OWN)
def test_put_with_if_match_only_replaces(api, alice, path):
    absent = put(api, path, alice, NEVER_CREATES, **new_id(path))
    assert (absent.status, absent.code) == (404, "not_found")
    put(api, path, alice, {}, **new_id(path))
    assert put(api, path, alice, NEVER_CREATES, **new_id(path)).status == 200


@pytest.mark.parametrize("path", OWN)
def test_put_with_both_preconditions_is_always_refused(api, alice, path):
    both = NEVER_CREATES | NEVER_REPLACES
    assert put(api, path, alice, both, **new_id(path)).code == "not_found"
    put(api, path, alice, {}, **new_id(path))
    assert put(api, path, alice, both, **new_id(path)).code == "already_exists"


@pytest.mark.parametrize("path", OWN)
@pytest.mark.parametrize("value", ["", '"a"', "*, *", "**", "a"])
def test_if_none_match_other_than_any_is_400(api, alice, path, value):
    answer = put(api, path, alice, {"If-None-Match": value}, **new_id(path))
    assert (answer.status, answer.code) == (400, "invalid_header")
    assert "If-None-Match" in answer.json["detail"]


@pytest.mark.parametrize("path", [path for path in OWN if not new_id(path)])
def test_kyc_put_with_an_etag_in_if_match_gets_400(api, alice, path):
    answer = put(api, path, alice, {"If-Match": '"a"'})
    assert (answer.status, answer.code) == (400, "invalid_header")


@pytest.mark.parametrize("path", OWN)
def test_resource_of_another_client_gets_404_with_either_precondition(
    stranger, alice, bob, alices, path
):
    ids = {"user_id": alice.id, "wallet_id": alices.id}
    for headers in (NEVER_CREATES, NEVER_REPLACES):
        answer = put(stranger, path, alice, headers, **ids)
        expected = "user_not_found" if path.startswith("wallets/") else "not_found"
        assert (answer.status, answer.code) in {(404, "not_found"), (404, expected)}


def test_published_file_put_checks_both_preconditions(api, alice):
    path = f"/api/v1/public/users/natural/{alice.id}/income-tax-file"
    assert api.put(path, document(CARD), headers=NEVER_CREATES).code == "not_found"
    assert api.put(path, document(CARD), headers=NEVER_REPLACES).status == 201
    assert api.put(path, document(PAGE), headers=NEVER_REPLACES).code == "already_exists"


def test_same_document_is_not_replaced_with_if_none_match(api, alice):
    path = f"users/{alice.id}/documents/income-tax"
    assert api.put(path, document(PAGE), headers=NEVER_REPLACES).status == 201
    assert api.put(path, document(PAGE), headers=NEVER_REPLACES).code == "already_exists"


def test_conflict_contains_the_id_of_the_existing_resource(api, alice, alices):
    answer = put(api, "users/{user_id}", alice, NEVER_REPLACES)
    assert answer.json["conflict"] == {"field": "userId", "userId": str(alice.id)}
    answer = put(api, "wallets/{wallet_id}", alice, NEVER_REPLACES, wallet_id=alices.id)
    assert answer.json["conflict"] == {"field": "walletId", "walletId": str(alices.id)}


@pytest.mark.django_db(transaction=True)
def test_concurrent_creations_with_one_id_create_one_wallet(api, alice):
    orders = [
        PutWallet(
            **people.about(Wallet(id=UNKNOWN, client_id=alice.client_id)),
            user_id=alice.id,
            currency="EUR",
            alias=alias,
            replaces=False,
        )
        for alias in ("First", "Second")
    ]
    with holding(orders[0]):
        second = Caller(lambda: posting.submit(orders[1]))
        wait_until_blocked()
    assert second.answer.code == "already_exists"
    assert Wallet.objects.get(id=UNKNOWN).alias == "First"
