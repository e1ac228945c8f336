"""`GET /users/{id}/kyc-terms`, `POST …/request-kyc-terms-signature` and `POST …/sign-kyc-terms`."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from tests.support import people
from tests.support.identity import a_signature, some_terms
from tests.support.people import Api
from users import demo_documents
from users.models import Key, Otp, TermsSignature, User

pytestmark = pytest.mark.django_db

ROOT = "http://testserver/api/v1"
PDF = demo_documents.draw_pdf("Terms").content
REQUEST, SIGN = "request-kyc-terms-signature", "sign-kyc-terms"


@pytest.fixture
def path(alice: User, clock: Any) -> str:
    """Alice's, long enough after her number was verified for another code."""
    clock.go(61)
    return f"users/{alice.id}"


@pytest.fixture
def requested(path: str, api: Api, codes: Any) -> str:
    """A code was sent to sign the terms."""
    some_terms()
    assert api.post(f"{path}/{REQUEST}").status == 202
    code: str = codes[-1].code
    return code


# --- GET ----------------------------------------------------------------------------------------


def test_terms_are_read_with_their_content(api, alice, path):
    some_terms()
    answer = api.get(f"{path}/kyc-terms")
    assert answer.status == 200
    assert base64.b64decode(answer.json.pop("content")) == PDF
    assert answer.json.pop("publishedAt") is not None
    assert list(answer.json.pop("_links")) == ["self", "user", "compliance"]
    assert answer.json == {
        "userId": str(alice.id),
        "version": 1,
        "mediaType": "application/pdf",
        "size": len(PDF),
        "sha256": hashlib.sha256(PDF).hexdigest(),
        "isSigned": False,
        "signedAt": None,
    }


def test_signed_terms_tell_when(api, alice, path):
    some_terms()
    signature = a_signature(alice)
    answer = api.get(f"{path}/kyc-terms")
    assert answer.json["isSigned"] is True
    assert answer.json["signedAt"][:19] == signature.signed_at.isoformat()[:19]


def test_newer_terms_are_not_signed(api, alice, path):
    some_terms()
    a_signature(alice)
    some_terms("Two")
    answer = api.get(f"{path}/kyc-terms")
    assert (answer.json["version"], answer.json["isSigned"]) == (2, False)


def test_page_leaves_the_content_out(staff, alice, client):
    some_terms()
    client.force_login(staff)
    answer = client.get(f"/api/v1/users/{alice.id}/kyc-terms", headers={"Accept": "text/html"})
    assert base64.b64encode(PDF)[:40] not in answer.content
    assert answer.status_code == 200


def test_terms_that_are_not_published_are_404(api, path):
    answer = api.get(f"{path}/kyc-terms")
    assert (answer.status, answer.code) == (404, "not_found")


# --- Requesting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [None, {}])
def test_request_is_accepted(body, api, path, codes):
    some_terms()
    answer = api.post(f"{path}/{REQUEST}", body)
    assert (answer.status, answer.json["isSigned"]) == (202, False)
    assert answer.headers["Location"] == f"{ROOT}/{path}/kyc-terms"
    assert "content" not in answer.json
    assert len(codes) == 1


def test_request_refuses_fields(api, path, codes):
    some_terms()
    answer = api.post(f"{path}/{REQUEST}", {"mobilePhone": "+34600000009"})
    assert (answer.status, answer.wrong) == (400, {"mobilePhone": "unknown_field"})
    assert not codes


def test_second_request_within_a_minute_gets_409_with_retry_at(api, path, requested):
    answer = api.post(f"{path}/{REQUEST}")
    assert (answer.status, answer.code) == (409, "otp_too_soon")
    assert set(answer.json["conflict"]) == {"retryAt"}
    assert answer.headers["Retry-After"] == "60"


# --- Signing ------------------------------------------------------------------------------------


def test_signature_is_created(api, path, requested):
    answer = api.post(f"{path}/{SIGN}", {"otp": requested})
    assert (answer.status, answer.json["isSigned"]) == (201, True)
    assert answer.headers["Location"] == f"{ROOT}/{path}/kyc-terms"
    read = api.get(f"{path}/kyc-terms").json
    del read["content"]
    assert read == answer.json


def test_wrong_code_gets_400_with_the_tries_left(api, path, requested):
    wrong = f"{(int(requested) + 1) % 10**6:06d}"
    answer = api.post(f"{path}/{SIGN}", {"otp": wrong})
    assert (answer.status, answer.code) == (400, "invalid_otp")
    assert api.post(f"{path}/{SIGN}", {"otp": requested}).status == 201


def test_expired_code_gets_409(api, path, requested, clock):
    clock.go(601)
    answer = api.post(f"{path}/{SIGN}", {"otp": requested})
    assert (answer.status, answer.code) == (409, "otp_expired")


@pytest.mark.parametrize("otp", [None, 123456, "", "12345", "1234567", "12345a", "\uff11" * 6])
def test_malformed_code_gets_400_and_counts_no_try(otp, api, path, requested):
    answer = api.post(f"{path}/{SIGN}", {"otp": otp})
    assert (answer.status, set(answer.wrong)) == (400, {"otp"})
    assert Otp.objects.get(about__gt="").tries == 0


def test_same_key_replays_the_signature(api, path, requested):
    first, again = (api.post(f"{path}/{SIGN}", {"otp": requested}, key="k") for _ in range(2))
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert TermsSignature.objects.count() == 1


def test_key_does_not_depend_on_the_code(api, path, requested):
    """A wrong code leaves no trace, and the right one is another attempt of the same request."""
    wrong = f"{(int(requested) + 1) % 10**6:06d}"
    assert api.post(f"{path}/{SIGN}", {"otp": wrong}, key="k").status == 400
    assert not Key.objects.exists()
    assert api.post(f"{path}/{SIGN}", {"otp": requested}, key="k").status == 201


def test_key_of_another_user_is_refused(api, path, requested, bob):
    api.post(f"{path}/{SIGN}", {"otp": requested}, key="k")
    answer = api.post(f"users/{bob.id}/{SIGN}", {"otp": requested}, key="k")
    assert (answer.status, answer.code) == (409, "idempotency_key_reused")
    assert answer.json["conflict"]["resource"] == "terms"


# --- Both ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "body"), [(REQUEST, None), (SIGN, {"otp": "123456"})])
class TestRefusals:
    def test_without_terms_gets_409(self, call, body, api, path, alice):
        answer = api.post(f"{path}/{call}", body)
        assert (answer.status, answer.code) == (409, "no_terms")
        assert answer.json["conflict"] == {"userId": str(alice.id)}

    def test_signed_terms_get_409(self, call, body, api, path, alice):
        some_terms()
        a_signature(alice)
        answer = api.post(f"{path}/{call}", body)
        assert (answer.status, answer.code) == (409, "terms_already_signed")
        assert set(answer.json["conflict"]) == {"userId", "version", "signedAt"}

    def test_blocked_user_gets_409(self, call, body, api, path, alice):
        some_terms()
        people.block(alice)
        assert api.post(f"{path}/{call}", body).code == "user_not_active"

    def test_another_client_gets_404(self, call, body, stranger, path):
        some_terms()
        assert stranger.post(f"{path}/{call}", body).status == 404

    def test_request_without_a_key_gets_401(self, call, body, nobody, path):
        assert nobody.post(f"{path}/{call}", body).code == "not_authenticated"

    def test_key_without_the_scope_gets_403(self, call, body, client_demo, path):
        reader = Api(people.a_key(client_demo, "users:read"))
        assert reader.post(f"{path}/{call}", body).code == "insufficient_scope"

    def test_published_address_works(self, call, body, api, alice, clock):
        for prefix in ("v1/public/users", "v2/public/users/natural"):
            answer = api.post(f"/api/{prefix}/{alice.id}/{call}", body)
            assert answer.code == "no_terms"


def test_published_address_of_the_terms_works(api, alice):
    some_terms()
    for prefix in ("v1/public/users", "v2/public/users/natural"):
        assert api.get(f"/api/{prefix}/{alice.id}/kyc-terms").json["version"] == 1
