"""What the Python client sends, before anything is sent: addresses, keys, delays, signatures."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iocash_client import Client, NoAnswer, NotVerified, Retries, SignedTokens, Webhook
from iocash_client.calls import part, query_of
from iocash_client.engine import quoted
from iocash_client.models import Clock, ClockBody
from iocash_client.transport import NotSent, Transport
from joserfc import jwt

from tests.support.people import Api
from tests.support.signed_tokens import KID, PRIVATE, pem
from users import signatures
from users.models import Client as Owner
from users.models import SigningKey
from users.models.clients import SCOPES

EVENT = {
    "id": "01980000-0000-7000-8000-000000000001",
    "kind": "webhook.ping",
    "version": 1,
    "createdAt": "2026-01-31T12:00:00.000Z",
    "subject": "webhook_endpoint",
    "subjectId": "01980000-0000-7000-8000-000000000002",
    "walletId": None,
    "operationId": None,
    "actor": "system",
    "requestId": None,
    "data": {"balance": "0.10"},
}
BODY = json.dumps(EVENT).encode()


@pytest.fixture
def nowhere() -> Iterator[str]:
    """The URL of a port where nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


@pytest.mark.parametrize(
    "url",
    [
        "http://iocash.example",
        "http://127.0.0.1.iocash.example@iocash.example",
        "ftp://iocash.example",
        "iocash.example",
        "https://alice@iocash.example",
        "https://iocash.example/?a=b",
    ],
)
def test_unencrypted_or_malformed_url_is_refused(url: str):
    with pytest.raises(ValueError, match=r"URL|others can read"):
        Client(url, "secret")


def test_http_needs_a_permission_or_a_loopback_address():
    Client("http://localhost:8000", "secret")
    Client("http://[::1]:8000", "secret")
    Client("http://iocash.example", "secret", allow_http=True)


@pytest.mark.parametrize("secret", ["", "a b", "a\r\nHost: b", "ñ"])
def test_malformed_api_key_is_refused(secret: str):
    with pytest.raises(ValueError, match="API key"):
        Client("https://iocash.example", secret)


def test_client_does_not_show_its_key():
    assert "secret" not in repr(vars(Client("https://iocash.example", "secret")))


@pytest.mark.parametrize("key", ["", "ñ", "a\nb", "a" * 256])
def test_malformed_idempotency_key_is_refused(key: str):
    with pytest.raises(ValueError, match="idempotency key"):
        quoted(key)


def test_empty_key_is_not_replaced_by_a_new_one(nowhere: str):
    with pytest.raises(ValueError, match="idempotency key"):
        Client(nowhere, "secret").create_iban("0", key="")


def test_malformed_header_is_not_retried():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = Client(f"http://127.0.0.1:{server.getsockname()[1]}", "secret", language="a\nb")
        with pytest.raises(ValueError, match="Invalid header"):
            client.get_me()


def test_quotes_in_a_key_are_escaped():
    assert quoted('a"b\\') == '"a\\"b\\\\"'


@pytest.mark.parametrize(("value", "path"), [("a/b", "a%2Fb"), ("ä?", "%C3%A4%3F")])
def test_id_stays_one_part_of_the_path(value: str, path: str):
    assert part(value) == path


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_empty_or_dotted_id_is_refused(value: str):
    with pytest.raises(ValueError, match="not an id"):
        part(value)


def test_query_has_commas_and_brackets():
    filters = {"type": ["A", "B"], "metadata": {"order": "1 2"}, "size": 5, "q": None}
    assert query_of(filters) == "type=A%2CB&metadata%5Border%5D=1+2&size=5"


@given(st.integers(1, 100), st.none() | st.floats(0, 100))
def test_delay_is_never_shorter_than_the_server_asks(tries: int, retry_after: float | None):
    delay = Retries().delay(tries, retry_after)
    assert (retry_after or 0) <= delay <= (retry_after or 0) + Retries().longest_delay


def test_delay_grows_and_varies():
    first, fourth = ([Retries().delay(tries, None) for _ in range(50)] for tries in (1, 4))
    assert max(first) < min(fourth)
    assert len(set(first)) > 10
    assert Retries().delay(1, 0.0) > 0


def test_unreachable_server_is_tried_until_the_deadline(nowhere: str):
    client = Client(nowhere, "secret", retries=Retries(deadline=0.2, first_delay=0.01))
    begin = time.monotonic()
    with pytest.raises(NoAnswer) as raised:
        client.create_iban("0", key="iban-1")
    assert time.monotonic() - begin < 1
    assert raised.value.tries > 2
    assert raised.value.key == "iban-1"
    assert not raised.value.is_outcome_unknown
    assert isinstance(raised.value.__cause__, NotSent)


def test_connection_is_not_used_again_when_the_server_closed_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        transport = Transport(url, context=None, allow_http=False)
        first = transport._connection(1, is_fresh=False)
        accepted, _ = server.accept()
        transport._keep(first)
        assert transport._connection(1, is_fresh=False) is first
        transport._keep(first)
        other = transport._connection(1, is_fresh=True)
        assert other is not first
        accepted.close()
        assert first.sock.recv(1) == b""
        again = transport._connection(1, is_fresh=False)
        assert again is not first
        for each in (first, other, again):
            each.close()


# --- Webhooks ------------------------------------------------------------------------------------


def test_signed_webhook_is_verified():
    old, new = signatures.new_secret(), signatures.new_secret()
    headers = signatures.signed_headers(old, new, id_=EVENT["id"], body=BODY)  # type: ignore[arg-type]
    event = Webhook(new).verify(BODY, {name.title(): value for name, value in headers.items()})
    assert (event.id, event.kind, event.data) == (EVENT["id"], "webhook.ping", EVENT["data"])
    assert event.links == {}


CHANGES: dict[str, Any] = {
    "another body": lambda body, headers: (body + b" ", headers),
    "another id": lambda body, headers: (body, headers | {"webhook-id": "other"}),
    "another time": lambda body, headers: (
        body,
        headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)},
    ),
    "an old time": lambda body, headers: (
        body,
        signed_at(int(headers["webhook-timestamp"]) - 301, body),
    ),
    "no signature": lambda body, headers: (body, headers | {"webhook-signature": ""}),
    "no headers": lambda body, headers: (body, {}),
    "another version": lambda body, headers: (
        body,
        headers | {"webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")},
    ),
}
SECRET = signatures.new_secret()


def signed_at(timestamp: int, body: bytes) -> dict[str, str]:
    signature = signatures.signature_of(SECRET, id_="1", timestamp=timestamp, body=body)
    return {
        "webhook-id": "1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_webhook_is_not_verified(change: Any):
    body, headers = change(BODY, signed_at(int(time.time()), BODY))
    assert Webhook(SECRET).verify(BODY, signed_at(int(time.time()), BODY)).id == EVENT["id"]
    with pytest.raises(NotVerified):
        Webhook(SECRET).verify(body, headers)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "not base64"])
def test_malformed_secret_is_refused(secret: str):
    with pytest.raises(ValueError, match="secret"):
        Webhook(secret)


# --- Tokens --------------------------------------------------------------------------------------


@pytest.fixture
def tokens() -> SignedTokens:
    private = PRIVATE.as_pem(private=True)
    return SignedTokens(private, key_id=KID, scope="wallets:read")


def test_server_accepts_the_token_with_its_scope(client_demo: Owner, tokens: SignedTokens):
    SigningKey.objects.create(
        client=client_demo, label="Shop", kid=KID, public_key=pem(PRIVATE), scopes=list(SCOPES)
    )
    api = Api(tokens.current())
    assert api.get("wallets").status == 200
    assert api.get("users").code == "insufficient_scope"


def test_token_is_valid_for_five_minutes_and_reused(tokens: SignedTokens):
    token = tokens.current()
    read = jwt.decode(token, PRIVATE, algorithms=["RS256"])
    assert read.header == {"alg": "RS256", "kid": KID}
    assert 0 < read.claims["exp"] - time.time() <= 300
    assert tokens.current() is token
    assert tokens.renew()


# --- The clock of a sandbox ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"months": 1}, "P1M"),
        ({"years": 1, "weeks": 2, "days": 3}, "P1Y2W3D"),
        ({"hours": 1, "minutes": 2, "seconds": 3}, "PT1H2M3S"),
        ({"by": timedelta(days=1, seconds=5), "hours": 1}, "P1DT1H5S"),
    ],
)
def test_clock_is_advanced_by_a_duration(parts: dict[str, Any], text: str):
    asked = Asked()
    assert asked.sandbox.advance(**parts) == asked.now
    assert asked.sent == [text, "PT7S"]
    assert asked.timeouts == {45.0}


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"days": 0},
        {"days": -1},
        {"months": 1, "days": -1},
        {"by": timedelta(0)},
        {"by": timedelta(microseconds=1)},
        {"by": -timedelta(days=1)},
    ],
)
def test_clock_is_not_advanced_by_nothing(parts: dict[str, Any]):
    asked = Asked()
    with pytest.raises(ValueError, match="advance"):
        asked.sandbox.advance(**parts)
    assert asked.sent == []


class Asked(Client):
    """A client that keeps how far the clock is to be advanced; the server stops once on the way."""

    now = datetime(2026, 1, 31, tzinfo=UTC)

    def __init__(self) -> None:
        super().__init__("https://iocash.example", "key")
        self.sent: list[str] = []
        self.timeouts: set[float] = set()

    def advance_sandbox_clock(self, body: ClockBody) -> Clock:
        self.sent.append(body.advance)
        self.timeouts.add(self._engine.retries.timeout)
        remaining = "PT7S" if len(self.sent) == 1 else None
        return Clock(now=self.now, offset="P1D", remaining=remaining)
