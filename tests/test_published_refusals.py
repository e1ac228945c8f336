"""The published calls document what they can refuse, and nothing else."""

from __future__ import annotations

import pytest

from iocash.docs.reference import PUBLISHED
from tests.support import openapi, people

WALLET = "/api/v1/public/wallets/{walletId}"
HOLD = f"{WALLET}/holds/{{holdId}}"
ACCOUNT = {"external_account_not_found", "external_account_removed"}
TARGET = {"target_wallet_not_found", "currency_mismatch"}
CLOSING = {"invalid_transition", "wallet_not_empty"}


def codes(method: str, path: str) -> set[str]:
    """The codes that the document has for an operation."""
    operation = openapi.document(PUBLISHED)["paths"][path][method]
    responses = [openapi.resolved(each, PUBLISHED) for each in operation["responses"].values()]
    return {code for response in responses for code in response.get("x-codes", ())}


@pytest.mark.parametrize(
    ("method", "path", "can", "can_not"),
    [
        ("post", f"{WALLET}/transfer", TARGET, ACCOUNT),
        ("post", f"{WALLET}/cashOuts", {"insufficient_funds"}, ACCOUNT | TARGET),
        ("post", f"{WALLET}/cashout-to-favourite-external-account", ACCOUNT, TARGET),
        ("post", f"{HOLD}/releaseHold", {"version_conflict", "invalid_header"}, TARGET),
        ("post", f"{HOLD}/renewHold", {"version_conflict", "hold_not_open"}, TARGET),
        (
            "patch",
            "/api/v1/public/users/natural/{userId}/mobile-phone",
            {"version_conflict", "otp_too_soon"},
            CLOSING,
        ),
    ],
)
def test_published_call_documents_its_refusals(method, path, can, can_not):
    found = codes(method, path)
    assert can <= found
    assert not can_not & found


@pytest.mark.parametrize("call", ["releaseHold", "renewHold"])
def test_published_change_of_a_hold_documents_if_match(call):
    operation = openapi.document(PUBLISHED)["paths"][f"{HOLD}/{call}"]["post"]
    assert "If-Match" in [each["name"] for each in openapi.parameters(operation, PUBLISHED)]
    assert "ETag" in operation["responses"]["200"]["headers"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("call", "body"), [("releaseHold", {}), ("renewHold", {"expiration": None})]
)
def test_hold_change_honours_if_match(api, alices, bobs, call, body):
    hold = people.place(alices, bobs, 10_00)
    path = f"/api/v1/public/wallets/{alices.id}/holds/{hold.id}"
    renewed = {"expiration": "2099-08-05T15:10:23Z"}
    stale = api.get(path).headers["ETag"]
    current = api.post(f"{path}/renewHold", renewed).headers["ETag"]
    answer = api.post(f"{path}/{call}", body, headers={"If-Match": stale})
    assert (answer.status, answer.code) == (409, "version_conflict")
    assert answer.json["conflict"] == {"holdId": str(hold.id), "current": current}
    assert api.post(f"{path}/{call}", body, headers={"If-Match": current}).status == 200
