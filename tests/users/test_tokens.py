"""Tokens that a client signs itself: which are taken, and which never."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from iocash import errors
from tests.support import people
from tests.support.people import Answer, Api
from tests.support.signed_tokens import KID, PRIVATE, pem, signed
from users import tokens
from users.models import Client, Event, SigningKey
from users.models.clients import SCOPES

pytestmark = pytest.mark.django_db

OTHER = RSAKey.generate_key(2048)
YEAR = 365 * 24 * 3600

Sign = Callable[..., str]


@pytest.fixture
def key(client_demo: Client) -> SigningKey:
    """The Demo client's public key, with every scope."""
    return SigningKey.objects.create(
        client=client_demo, label="Shop", kid=KID, public_key=pem(PRIVATE), scopes=list(SCOPES)
    )


def shown(token: str, path: str = "users") -> Answer:
    return Api(token).get(path)


def in_seconds(seconds: float) -> int:
    return int(time.time() + seconds)


# --- Taken --------------------------------------------------------------------------------------


def test_token_reads_users_of_its_client(key, alice, stranger):
    answer = shown(signed(), f"users/{alice.id}")
    assert (answer.status, answer.json["userName"]) == (200, "alice")


def test_token_does_not_read_users_of_another_client(key, client_demo):
    theirs = people.a_user(people.a_client("Another"), people.ALICE)
    assert shown(signed(), f"users/{theirs.id}").status == 404


def test_change_by_a_token_is_recorded_with_its_key(key, alice):
    Api(signed()).patch(f"users/{alice.id}", {"email": "alice@example.com"})
    actors = Event.objects.about(alice.id).values_list("actor", flat=True)
    assert [*actors][-1] == f"key:{key.id}"


def test_client_may_have_several_signing_keys(key, client_demo):
    SigningKey.objects.create(
        client=client_demo, label="Next", kid="demo-2", public_key=pem(OTHER), scopes=["users:read"]
    )
    assert shown(signed()).status == 200
    assert shown(signed(key=OTHER, header={"kid": "demo-2"})).status == 200
    assert shown(signed(key=OTHER)).code == "invalid_credentials"


def test_token_times_tolerate_a_minute_of_clock_skew(key):
    assert shown(signed({"exp": in_seconds(-55)})).status == 200
    assert shown(signed({"nbf": in_seconds(55), "iat": in_seconds(55)})).status == 200


def test_token_lifetime_is_limited_to_a_year(key):
    assert shown(signed({"exp": in_seconds(YEAR)})).status == 200
    assert shown(signed({"exp": in_seconds(YEAR + 120)})).code == "invalid_credentials"


# --- Whom it is for, and who made it ------------------------------------------------------------


@pytest.mark.parametrize("audience", ["iocash", "http://testserver", ["https://a.test", "iocash"]])
def test_token_may_name_this_server_as_its_audience(key, audience):
    assert shown(signed({"aud": audience})).status == 200


def test_audience_is_configurable(key, settings):
    settings.TOKEN_AUDIENCE = ["https://pay.example"]
    assert shown(signed({"aud": "https://pay.example"})).status == 200
    assert shown(signed({"aud": "iocash"})).code == "invalid_credentials"
    assert shown(signed({"aud": "http://testserver"})).code == "invalid_credentials"
    assert shown(signed()).status == 200


def test_token_may_name_its_client_or_its_key_as_its_issuer(key, client_demo):
    assert shown(signed({"iss": str(client_demo.id)})).status == 200
    assert shown(signed({"iss": KID})).status == 200


def test_unknown_header_parameter_is_ignored(key):
    assert shown(with_header(beware=True)).status == 200


# --- Scopes -------------------------------------------------------------------------------------


def test_scope_claim_narrows_the_keys_scopes(key, alice):
    token = signed({"scope": "users:read movements:read"})
    assert shown(token).status == 200
    assert Api(token).patch(f"users/{alice.id}", {}).code == "insufficient_scope"


def test_scope_claim_does_not_extend_the_keys_scopes(key):
    SigningKey.objects.update(scopes=["wallets:read"])
    assert shown(signed({"scope": "users:read wallets:read"})).code == "insufficient_scope"
    assert shown(signed(), "wallets").status == 200


def test_empty_scope_claim_allows_nothing(key):
    assert shown(signed({"scope": ""})).code == "insufficient_scope"


# --- Not taken ----------------------------------------------------------------------------------


def crafted(
    header: dict[str, Any], sign: Callable[[bytes], bytes], claims: dict[str, Any] | None = None
) -> str:
    """A token that no library would make: any header, signed by `sign`."""
    claims = {"exp": in_seconds(60)} | (claims or {})
    text = ".".join(plain(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{plain(sign(text.encode()))}"


def crafted_claims(claims: dict[str, Any]) -> str:
    return crafted({"alg": "RS256", "kid": KID}, by_hand, claims)


def by_hand(text: bytes) -> bytes:
    assert PRIVATE.private_key is not None
    return PRIVATE.private_key.sign(text, PKCS1v15(), SHA256())


def plain(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def unsigned() -> str:
    return crafted({"alg": "none", "kid": KID}, lambda text: b"")


def by_public_key_as_secret() -> str:
    secret = pem(PRIVATE).encode()
    header = {"alg": "HS256", "kid": KID}
    return crafted(header, lambda text: hmac.digest(secret, text, "sha256"))


def with_header(**more: Any) -> str:
    """A token that is well signed, with more in its header."""
    return crafted({"alg": "RS256", "kid": KID, **more}, by_hand)


def test_hand_built_token_is_accepted(key):
    header = {"alg": "RS256", "kid": KID}
    token = crafted(header, by_hand)
    assert shown(token).status == 200


def headed(header: bytes) -> str:
    """A token with nothing but a header."""
    return f"{plain(header)}.e30.eA"


def changed(part: int) -> str:
    parts = signed().split(".")
    parts[part] = parts[part][:-2] + ("AA" if parts[part][-2:] != "AA" else "BB")
    return ".".join(parts)


WRONG: dict[str, Callable[[], str]] = {
    "unsigned": unsigned,
    "the public key as a secret": by_public_key_as_secret,
    "another RSA algorithm": lambda: signed(algorithm="RS512"),
    "another padding": lambda: signed(algorithm="PS256"),
    "another private key": lambda: signed(key=OTHER),
    "an unknown kid": lambda: signed(header={"kid": "demo-9"}),
    "no kid": lambda: signed(header={"kid": None}),
    "a kid that no key may have": lambda: signed(header={"kid": "demo-1\x00"}),
    "a kid that is too long": lambda: signed(header={"kid": "d" * 65}),
    "an extension that nobody knows": lambda: with_header(crit=["beware"], beware=True),
    "an extension that is not supported": lambda: with_header(crit=["b64"], b64=True),
    "an empty crit": lambda: with_header(crit=[]),
    "a crit that is null": lambda: with_header(crit=None),
    "a crit that is a number": lambda: with_header(crit=1),
    "an unencoded payload": lambda: with_header(b64=False),
    "another server's audience": lambda: signed({"aud": "https://bank.example"}),
    "no audience": lambda: signed({"aud": []}),
    "an audience that is null": lambda: crafted_claims({"aud": None}),
    "an audience of objects": lambda: signed({"aud": [{}]}),
    "another client's issuer": lambda: signed({"iss": "another"}),
    "an issuer that is a number": lambda: signed({"iss": 1}),
    "an issuer that is null": lambda: crafted_claims({"iss": None}),
    "an end that is infinite": lambda: crafted_claims({"exp": float("inf")}),
    "an end that is no number": lambda: crafted_claims({"exp": float("nan")}),
    "a header that is an array": lambda: "WyJhbGciXQ.e30.eA",
    "a header that is a text": lambda: headed(b'"alg"'),
    "a header in Latin-1": lambda: headed('{"alg": "\xe9"}'.encode("latin-1")),
    "a header in UTF-16": lambda: headed('{"alg": "RS256"}'.encode("utf-16")),
    "an alg that is an object": lambda: headed(b'{"alg": {}}'),
    "a kid that is an array": lambda: headed(b'{"alg": "RS256", "kid": []}'),
    "a kid that is an object": lambda: headed(b'{"alg": "RS256", "kid": {}}'),
    "a number without end": lambda: headed(b'{"alg": ' + b"1" * 4_500 + b"}"),
    "a changed header": lambda: changed(0),
    "changed claims": lambda: changed(1),
    "a changed signature": lambda: changed(2),
    "no end": lambda: signed({"exp": None}),
    "an end that is no time": lambda: signed({"exp": "tomorrow"}),
    "a beginning in the future": lambda: signed({"nbf": in_seconds(120)}),
    "signed in the future": lambda: signed({"iat": in_seconds(120)}),
    "a scope that is a list": lambda: signed({"scope": ["users:read"]}),
    "only dots": lambda: "..",
    "no base64": lambda: "a.b.c",
    "too long": lambda: signed({"jti": "a" * 8_000}),
    "nested without end": lambda: "W1tb" * 1_900 + ".e30.e30",
    "an array": lambda: "W10.W10.W10",
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_token_is_refused(name, key):
    answer = shown(WRONG[name]())
    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ioCash", error="invalid_token"'


def test_expired_token_gets_credentials_expired(key):
    assert shown(signed({"exp": in_seconds(-120)})).code == "credentials_expired"


def test_token_of_a_revoked_key_gets_401_at_once(key):
    token = signed()
    assert shown(token).status == 200
    SigningKey.objects.update(revoked_at=timezone.now())
    assert shown(token).code == "credentials_revoked"


def test_token_of_an_expired_key_gets_401(key):
    SigningKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert shown(signed()).code == "credentials_expired"


def test_token_of_a_suspended_client_gets_403(key, client_demo):
    Client.objects.update(status="SUSPENDED")
    assert shown(signed()).code == "client_suspended"


# --- Whatever it is -----------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.just("RS256") | JSON, "kid": st.just(KID) | JSON},
    optional=dict.fromkeys(("crit", "b64", "typ", "cty", "jwk", "jku", "x5c"), JSON),
)
CLAIMS = st.dictionaries(
    st.sampled_from(["exp", "nbf", "iat", "aud", "iss", "sub", "jti", "scope"]) | st.text(), JSON
)


def in_json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


PARTS = (
    st.binary(max_size=60).map(plain)
    | JSON.map(in_json).map(plain)
    | HEADERS.map(in_json).map(plain)
    | st.text(st.characters(max_codepoint=255, exclude_characters="."), max_size=40)
)


def verified(token: str) -> str:
    """The code with which a token is refused; blank: it is not."""
    try:
        tokens.verify(token)
    except errors.Unauthorized as refused:
        return refused.code
    return ""


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=PARTS, claims=PARTS, signature=PARTS)
def test_token_of_three_random_parts_is_refused(key, header, claims, signature):
    assert verified(f"{header}.{claims}.{signature}") == "invalid_credentials"


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=HEADERS, claims=CLAIMS)
def test_signed_token_with_any_content_is_accepted_or_refused(key, header, claims):
    text = ".".join(plain(in_json(part)) for part in (header, claims))
    assert verified(f"{text}.{plain(by_hand(text.encode()))}") in TAKEN_OR_NOT


TAKEN_OR_NOT = {"", "invalid_credentials", "credentials_expired"}


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=PARTS | st.tuples(PARTS, PARTS, PARTS).map(".".join))
def test_random_credentials_get_401(key, secret):
    answer = Api(None).get("users", headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status, answer.code) == (401, "invalid_credentials")
