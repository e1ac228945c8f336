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
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests import cast
from tests.cast import Answer, Api
from users import tokens
from users.models import Client, Event, SigningKey
from users.models.clients import SCOPES

pytestmark = pytest.mark.django_db

PRIVATE = RSAKey.generate_key(2048)
OTHER = RSAKey.generate_key(2048)
SMALL = generate_private_key(65537, 1024)
KID = "demo-1"
YEAR = 365 * 24 * 3600

Sign = Callable[..., str]


def pem(key: RSAKey) -> str:
    return key.as_pem(private=False).decode()


@pytest.fixture
def key(client_demo: Client) -> SigningKey:
    """The Demo client's public key, with every scope."""
    return SigningKey.objects.create(
        client=client_demo, label="Shop", kid=KID, public_key=pem(PRIVATE), scopes=list(SCOPES)
    )


def signed(
    claims: dict[str, Any] | None = None,
    *,
    header: dict[str, Any] | None = None,
    key: Any = PRIVATE,
    algorithm: str = "RS256",
) -> str:
    """A token for a minute, unless the claims say otherwise; a claim that is None is left out."""
    about = {"exp": int(time.time()) + 60} | (claims or {})
    about = {name: value for name, value in about.items() if value is not None}
    top = {"alg": algorithm, "kid": KID} | (header or {})
    top = {name: value for name, value in top.items() if value is not None}
    return jwt.encode(top, about, key, algorithms=[algorithm])


def shown(token: str, path: str = "users") -> Answer:
    return Api(token).get(path)


def in_seconds(seconds: float) -> int:
    return int(time.time() + seconds)


# --- Taken --------------------------------------------------------------------------------------


def test_a_token_speaks_for_its_client(key, alice, stranger):
    answer = shown(signed(), f"users/{alice.id}")
    assert (answer.status, answer.json["userName"]) == (200, "alice")


def test_a_token_speaks_for_no_other_client(key, client_demo):
    theirs = cast.a_user(cast.a_client("Another"), cast.ALICE)
    assert shown(signed(), f"users/{theirs.id}").status == 404


def test_what_a_token_changes_is_recorded_as_its_keys(key, alice):
    Api(signed()).patch(f"users/{alice.id}", {"email": "alice@example.com"})
    actors = Event.objects.about(alice.id).values_list("actor", flat=True)
    assert [*actors][-1] == f"key:{key.id}"


def test_a_client_may_have_several_keys_so_that_one_can_follow_the_other(key, client_demo):
    SigningKey.objects.create(
        client=client_demo, label="Next", kid="demo-2", public_key=pem(OTHER), scopes=["users:read"]
    )
    assert shown(signed()).status == 200
    assert shown(signed(key=OTHER, header={"kid": "demo-2"})).status == 200
    assert shown(signed(key=OTHER)).code == "invalid_credentials"


def test_two_clocks_may_differ_by_a_minute(key):
    assert shown(signed({"exp": in_seconds(-55)})).status == 200
    assert shown(signed({"nbf": in_seconds(55), "iat": in_seconds(55)})).status == 200


def test_a_token_may_be_valid_for_a_year_and_no_longer(key):
    assert shown(signed({"exp": in_seconds(YEAR)})).status == 200
    assert shown(signed({"exp": in_seconds(YEAR + 120)})).code == "invalid_credentials"


# --- Scopes -------------------------------------------------------------------------------------


def test_a_scope_claim_narrows_what_the_key_allows(key, alice):
    token = signed({"scope": "users:read movements:read"})
    assert shown(token).status == 200
    assert Api(token).patch(f"users/{alice.id}", {}).code == "insufficient_scope"


def test_a_scope_claim_gives_nothing_that_the_key_has_not(key):
    SigningKey.objects.update(scopes=["wallets:read"])
    assert shown(signed({"scope": "users:read wallets:read"})).code == "insufficient_scope"
    assert shown(signed(), "wallets").status == 200


def test_an_empty_scope_claim_allows_nothing(key):
    assert shown(signed({"scope": ""})).code == "insufficient_scope"


# --- Not taken ----------------------------------------------------------------------------------


def crafted(header: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """A token that no library would make: any header, signed by `sign`."""
    claims = {"exp": in_seconds(60)}
    text = ".".join(plain(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{plain(sign(text.encode()))}"


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


def with_an_extension() -> str:
    header = {"alg": "RS256", "kid": KID, "crit": ["beware"], "beware": True}
    return crafted(header, by_hand)


def test_a_crafted_token_is_as_good_as_a_librarys(key):
    header = {"alg": "RS256", "kid": KID}
    token = crafted(header, by_hand)
    assert shown(token).status == 200


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
    "an extension that nobody knows": with_an_extension,
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
def test_it_is_refused(name, key):
    answer = shown(WRONG[name]())
    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_expired_token_says_so(key):
    assert shown(signed({"exp": in_seconds(-120)})).code == "credentials_expired"


def test_a_revoked_key_ends_its_tokens_at_once(key):
    token = signed()
    assert shown(token).status == 200
    SigningKey.objects.update(revoked_at=timezone.now())
    assert shown(token).code == "credentials_revoked"


def test_an_expired_key_ends_its_tokens(key):
    SigningKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert shown(signed()).code == "credentials_expired"


def test_a_suspended_client_has_no_tokens(key, client_demo):
    Client.objects.update(status="SUSPENDED")
    assert shown(signed()).code == "client_suspended"


# --- Keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Alice",
        SMALL.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        PRIVATE.as_pem(private=True).decode(),
    ],
    ids=["nothing", "no key", "too small", "private"],
)
def test_only_a_public_rsa_key_of_2048_bits_is_a_key(text):
    with pytest.raises(ValueError, match=r".*"):
        tokens.public_key(text)
