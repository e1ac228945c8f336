"""What holds every answer against the OpenAPI document does see what is wrong."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from iocash.docs import reference
from tests.support import openapi, people
from tests.support.kyc import document
from tests.support.people import Answer, Api
from wallets.models import Wallet

pytestmark = pytest.mark.django_db

UNKNOWN = str(people.unknown_id())


@pytest.fixture
def shown(api: Api, alices: Wallet) -> Answer:
    return api.get(f"wallets/{alices.id}")


def check(answer: Answer, status: int = 200, headers: Any = (), **changes: Any) -> None:
    body = {name: value for name, value in (answer.json | changes).items() if value != "left out"}
    openapi.check("GET", f"/api/v1/wallets/{body.get('id')}", status, headers, body)


def test_documented_answer_passes(shown):
    assert openapi.operation("GET", f"/api/v1/wallets/{shown.json['id']}")
    check(shown, headers=shown.headers)


@pytest.mark.parametrize(
    "changes",
    [
        {"more": "1"},
        {"balance": "left out"},
        {"balance": 1},
        {"balance": "one"},
        {"status": "GONE"},
        {"createdAt": None},
        {"_links": {"self": {}}},
        {"metadata": {"a": 1}},
    ],
    ids=str,
)
def test_undocumented_body_fails(shown, changes):
    with pytest.raises(AssertionError):
        check(shown, **changes)


@pytest.mark.parametrize(("status", "headers"), [(201, ()), (418, ()), (200, ("Location",))])
def test_undocumented_status_or_header_fails(shown, status, headers):
    with pytest.raises(AssertionError):
        check(shown, status, headers)


def test_undocumented_code_fails(api, alices):
    path = f"/api/v1/wallets/{alices.id}"
    refused = api.patch(path, {"status": "UNSUBSCRIBED"}).json
    openapi.check("PATCH", path, 409, (), refused)
    with pytest.raises(AssertionError):
        openapi.check("PATCH", path, 409, (), refused | {"code": "insufficient_funds"})


def test_creation_without_its_location_fails(api, alices):
    path = f"/api/v1/wallets/{alices.id}/movements"
    made = api.post(path, {"type": "CASH_IN", "amount": "1.00"})
    openapi.check("POST", path, 201, made.headers, made.json)
    with pytest.raises(AssertionError, match="lacks its Location"):
        openapi.check("POST", path, 201, (), made.json)


def test_creation_links_to_the_read_operation() -> None:
    paths = openapi.document()["paths"]
    made = paths["/api/v1/wallets/{walletId}/holds"]["post"]["responses"]["201"]
    assert openapi.resolved(made["links"]["read"], reference.OWN) == {
        "operationId": paths["/api/v1/wallets/{walletId}/holds/{holdId}"]["get"]["operationId"],
        "parameters": {"walletId": "$response.body#/walletId", "holdId": "$response.body#/id"},
    }


WEBHOOK = "/api/v1/webhook-endpoints/{endpointId}"
ASKED_OF_WEBHOOKS = {f"{WEBHOOK}/{name}" for name in ("ping", "replay", "resend")}
"""They create nothing: the worker does later what they ask for."""


def test_every_creation_links_to_its_next_operations() -> None:
    for path, methods in openapi.document()["paths"].items():
        for method, operation in methods.items():
            for status in operation["responses"].keys() & {"201", "202"}:
                if path in ASKED_OF_WEBHOOKS:
                    continue
                links = operation["responses"][status].get("links", {})
                assert {"read", "list"} & links.keys(), (method, path)
    paths = openapi.document()["paths"]
    user = paths["/api/v1/users"]["post"]["responses"]["202"]["links"]
    assert {"validate_otp", "create_identity"} <= user.keys()
    wallet = paths["/api/v1/wallets"]["post"]["responses"]["201"]["links"]
    assert {"create_movement", "create_hold", "create_iban"} <= wallet.keys()


def test_operation_documents_its_scope() -> None:
    paths = openapi.document()["paths"]
    movements = paths["/api/v1/wallets/{walletId}/movements"]
    assert movements["get"]["security"] == [{"bearer": ["movements:read"]}]
    assert movements["post"]["security"] == [{"bearer": ["movements:write"]}]
    assert paths["/livez"]["get"]["security"] == []


@pytest.mark.parametrize("source", [reference.OWN, reference.PUBLISHED])
def test_every_referenced_header_is_described(source: reference.Document) -> None:
    document = openapi.document(source)
    named = set(re.findall(r"#/components/headers/([\w-]+)", json.dumps(document)))
    assert named == set(document["components"]["headers"])


@pytest.mark.parametrize("source", [reference.OWN, reference.PUBLISHED])
def test_every_documented_path_is_matched_by_an_address(source: reference.Document):
    words = {"kind": "identity-front"}
    for path, methods in openapi.document(source)["paths"].items():
        address = re.sub(r"\{(\w+)\}", lambda name: words.get(name[1], UNKNOWN), path)
        for method in methods:
            assert openapi.operation(method, address) == methods[method], address


def test_undocumented_kyc_document_answer_fails(api, alice):
    path = f"/api/v1/users/{alice.id}/documents/identity-front"
    made = api.put(path, document())
    openapi.check("PUT", path, 201, made.headers, made.json)
    with pytest.raises(AssertionError):
        openapi.check("PUT", path, 201, made.headers, made.json | {"content": "AAAA"})


def test_undocumented_refusal_fails_beside_shared_ones(api, alices):
    path = f"/api/v1/wallets/{alices.id}"
    refused = api.get(path, headers={"Authorization": "Bearer x"})
    assert refused.status == 401
    with pytest.raises(AssertionError, match="does not document 409"):
        openapi.check("GET", path, 409, (), refused.json)
