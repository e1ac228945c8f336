"""Signatures of HTTP requests: those of the identity provider, and ours."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.support.identity_provider import OTHER_SECRET, SECRET, signature
from users import signatures

BODY = b'{"status": "APPROVED"}'


def headers(**changes: Any) -> dict[str, str]:
    """The headers that the provider sends, as it signs them; None leaves one out."""
    now = int(time.time())
    values = {"id": "msg_1", "timestamp": str(now)} | changes
    signed = signature(SECRET, "msg_1", now, BODY)
    values = {"signature": signed} | values
    return {f"webhook-{name}": value for name, value in values.items() if value is not None}


def test_signature_of_the_provider_is_accepted():
    assert signatures.is_signed([SECRET], headers(), BODY)


def test_our_signature_is_that_of_the_provider():
    now = int(time.time())
    ours = signatures.signature_of(SECRET, id_="msg_1", timestamp=now, body=BODY)
    assert ours == signature(SECRET, "msg_1", now, BODY)


def test_signature_matches_the_example_of_standard_webhooks():
    """Computed with the reference implementation of Standard Webhooks for Python."""
    signed = signatures.signature_of(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        id_="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secrets", [[OTHER_SECRET, SECRET], [SECRET, OTHER_SECRET]])
def test_each_secret_of_the_settings_is_accepted(secrets):
    assert signatures.is_signed(secrets, headers(), BODY)


def test_one_of_several_signatures_is_enough():
    other = signature(OTHER_SECRET, "msg_1", int(time.time()), BODY)
    several = f"v1a,abc {other} {headers()['webhook-signature']}"
    assert signatures.is_signed([SECRET], headers(signature=several), BODY)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": "msg_2"},
        {"id": "msg 1"},
        {"id": "é"},
        {"timestamp": None},
        {"timestamp": "1"},
        {"timestamp": "now"},
        {"timestamp": "-1"},
        {"timestamp": "9" * 13},
        {"signature": None},
        {"signature": ""},
        {"signature": "v1,"},
        {"signature": "é \ud800"},
        {"signature": signature(OTHER_SECRET, "msg_1", int(time.time()), BODY)},
    ],
)
def test_other_headers_are_refused(changes):
    assert not signatures.is_signed([SECRET], headers(**changes), BODY)


@pytest.mark.parametrize("secrets", [[], [OTHER_SECRET]])
def test_other_secrets_are_refused(secrets):
    assert not signatures.is_signed(secrets, headers(), BODY)


def test_other_body_is_refused():
    assert not signatures.is_signed([SECRET], headers(), BODY + b" ")


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(-301, False), (-290, True), (290, True), (301, False)]
)
def test_signature_is_valid_for_five_minutes_of_the_real_clock(seconds, accepted, monkeypatch):
    then = int(time.time())
    signed = headers(timestamp=str(then), signature=signature(SECRET, "msg_1", then, BODY))
    monkeypatch.setattr(time, "time", lambda: float(then + seconds))
    assert signatures.is_signed([SECRET], signed, BODY) is accepted


@pytest.mark.parametrize(
    "secret", ["", "short", base64.b64encode(b"a" * 23).decode(), "é" * 40, "a b"]
)
def test_weak_secret_is_refused(secret):
    with pytest.raises(ValueError, match="it "):
        signatures.secret_bytes(secret)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_library_of_receivers_accepts_our_signature_with_each_valid_secret(number):
    """`standardwebhooks` is what the guide tells receivers to use."""
    keys = [signatures.new_secret() for _ in range(number)]
    signed = signatures.signed_headers(*keys, id_="msg_2", body=BODY)
    for key in keys:
        assert Webhook(key).verify(BODY, signed) == {"status": "APPROVED"}
    with pytest.raises(WebhookVerificationError):
        Webhook(signatures.new_secret()).verify(BODY, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(keys[0]).verify(BODY + b" ", signed)


def test_new_secret_is_long_and_new():
    first, second = signatures.new_secret(), signatures.new_secret()
    assert first != second
    assert len(signatures.secret_bytes(first)) == 32
