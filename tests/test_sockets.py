"""What comes over the wire, however broken: the server answers as the contract says, and stays up.

What HTTP parsing refuses is a bare status and a closed connection; all else is JSON.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support import people
from tests.support.embedded_postgres import eventually
from tests.support.raw_http import Heard, Wire
from tests.support.server import PATIENCE, Served, database_of_tests
from users.models import Client
from wallets.models import Movement, Wallet

HOST = b"Host: 127.0.0.1\r\n"
CLOSE = b"Connection: close\r\n"
READYZ = b"GET /readyz HTTP/1.1\r\n" + HOST + CLOSE
BODY = json.dumps(people.cash("1.00")).encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNK = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    with django_db_blocker.unblock():
        database = database_of_tests()
    with Served(database, tmp_path_factory.mktemp("sockets") / "server.log") as served:
        yield served
        assert not re.findall(r"Traceback|panicked|crashed", served.log.read_text())


@pytest.fixture
def head(
    server: Served, transactional_db: None, client_demo: Client, alices: Wallet
) -> Iterator[bytes]:
    """The beginning of a request that brings a euro to Alice, up to its length."""
    line = f"POST /api/v1/wallets/{alices.id}/movements HTTP/1.1\r\n"
    bearer = f"Authorization: Bearer {people.a_key(client_demo)}\r\n"
    yield (line + bearer + "Content-Type: application/json\r\n").encode() + HOST
    server.settle()


@pytest.fixture
def nothing_moves(server: Served, head: bytes, alices: Wallet) -> Iterator[None]:
    """Whatever was said, Alice has what she had, and the next caller is served."""
    yield
    assert people.balances(alices) == [100_00]
    assert server.call("GET", "/readyz")[0] == 200


def talk(server: Served, *pieces: bytes) -> list[Heard]:
    return Wire(server).say(*pieces).hear()


def bare(heard: list[Heard]) -> int:
    """The status of the one answer, which is nothing but a status."""
    (answer,) = heard
    assert answer.body == b""
    assert answer.headers["connection"] == "close"
    return answer.status


# --- What HTTP parsing refuses ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_moves")
@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: -5\r\n",
        b"Content-Length: many\r\n",
        b"Content-Length: +31\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Content-Length: 31, 31\r\n",
        LENGTH + b"Content-Length: 5\r\n",
        LENGTH + b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: gzip\r\n",
    ],
)
def test_malformed_content_length_gets_a_bare_400(server, head, headers):
    assert bare(talk(server, head + headers + b"\r\n" + BODY)) == 400


@pytest.mark.slow
@pytest.mark.parametrize(
    "said",
    [
        b"GET /readyz\r\n\r\n",
        b"GET /readyz HTTP/3.0\r\n" + HOST + b"\r\n",
        b"G{T /readyz HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /api/v1/\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /api/v1/\x00 HTTP/1.1\r\n" + HOST + b"\r\n",
        READYZ + b"X-Note: a\x00b\r\n\r\n",
        READYZ + b"X-\xff: a\r\n\r\n",
        READYZ + b"X-Note : a\r\n\r\n",
        READYZ + b"X-Note: a\r\n b\r\n\r\n",
    ],
)
def test_malformed_http_gets_a_bare_400(server, said):
    assert bare(talk(server, said)) == 400


def test_uri_of_80_kb_gets_a_bare_414(server):
    for target in (b"/" + b"a" * 80_000, b"/readyz?" + b"a" * 80_000):
        assert bare(talk(server, b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")) == 414


def test_too_many_headers_get_a_bare_431(server):
    many = b"".join(b"X-Note-%d: a\r\n" % number for number in range(200))
    assert bare(talk(server, READYZ + many + b"\r\n")) == 431


def test_header_of_a_megabyte_gets_a_bare_431(server):
    assert bare(talk(server, READYZ + b"X-Note: " + b"a" * 1_000_000 + b"\r\n\r\n")) == 431


# --- What the application refuses ---------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_moves")
@pytest.mark.parametrize(
    ("headers", "body"),
    [(CHUNKED, CHUNK), (CHUNKED, b"zz\r\n" + BODY), (LENGTH + CHUNKED, CHUNK)],
    ids=["chunked", "broken", "chunked_with_a_length"],
)
def test_chunked_body_gets_length_required(server, head, headers, body):
    first, *_ = talk(server, head + CLOSE + headers + b"\r\n" + body)
    assert first.code == (400, "length_required")


@pytest.mark.usefixtures("nothing_moves")
def test_body_longer_than_its_length_is_cut_and_the_rest_gets_400(server, head):
    first, second = talk(server, head + b"Content-Length: 10\r\n\r\n" + BODY)
    assert first.code == (400, "invalid_json")
    assert bare([second]) == 400


@pytest.mark.usefixtures("nothing_moves")
def test_body_shorter_than_its_length_gets_body_interrupted(server, head):
    wire = Wire(server).say(head + CLOSE + b"Content-Length: 100\r\n\r\n" + BODY).finish()
    assert [heard.code for heard in wire.hear()] == [(400, "body_interrupted")]


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_moves")
def test_body_of_50_mb_is_refused_by_its_length(server, head):
    (heard,) = talk(server, head + CLOSE + b"Content-Length: 50000000\r\n\r\n" + BODY)
    assert heard.code == (400, "body_too_large")


@pytest.mark.usefixtures("nothing_moves")
def test_missing_body_and_length_gets_invalid_json(server, head):
    (heard,) = talk(server, head + CLOSE + b"\r\n")
    assert heard.code == (400, "invalid_json")


@pytest.mark.parametrize(
    "lines",
    [b"", b"Host: \r\n", b"Host: \xff\r\n", HOST + b"Host: evil.example\r\n"],
    ids=["none", "empty", "no_text", "two"],
)
def test_missing_or_ambiguous_host_is_refused(server, lines):
    (heard,) = talk(server, b"GET /readyz HTTP/1.1\r\n" + lines + CLOSE + b"\r\n")
    assert heard.code == (400, "invalid_host")


def test_http_1_0_request_needs_a_host(server):
    (served,) = talk(server, b"GET /readyz HTTP/1.0\r\n" + HOST + b"\r\n")
    assert (served.status, served.json) == (200, {"status": "ok"})
    (refused,) = talk(server, b"GET /readyz HTTP/1.0\r\n\r\n")
    assert refused.code == (400, "invalid_host")


@pytest.mark.parametrize(
    "path",
    [b"/api/v1/%ff%fe", b"/api/v1/%00", "/api/v1/é".encode(), b"/api/" + b"a" * 60_000, b"*"],
)
def test_malformed_path_gets_404(server, path):
    (heard,) = talk(server, b"OPTIONS " + path + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
    assert heard.code == (404, "not_found")


@pytest.mark.usefixtures("nothing_moves")
def test_idempotency_key_with_invalid_bytes_is_refused(server, head):
    key = b"Idempotency-Key: \xff\xfe\r\n"
    (heard,) = talk(server, head + CLOSE + key + LENGTH + b"\r\n" + BODY)
    assert heard.code == (400, "invalid_header")


def test_credentials_with_invalid_bytes_are_refused(server):
    line = b"GET /api/v1/users HTTP/1.1\r\nAuthorization: Bearer \xff\r\n"
    (heard,) = talk(server, line + HOST + CLOSE + b"\r\n")
    assert heard.code == (401, "invalid_credentials")


def test_headers_of_100_kb_are_accepted(server):
    notes = b"".join(b"X-Note-%d: %s\r\n" % (number, b"a" * 1_100) for number in range(90))
    (heard,) = talk(server, READYZ + notes + b"\r\n")
    assert heard.status == 200


# --- Several on one connection ------------------------------------------------------------------


def named(head: bytes, *names: str) -> bytes:
    return b"".join(
        head + f"X-Request-Id: {name}\r\n".encode() + LENGTH + b"\r\n" + BODY for name in names
    )


def test_pipelined_requests_run_once_and_are_answered_in_order(server, head, alices):
    heard = talk(server, named(head, "one", "two", "three"), READYZ + b"\r\n")
    assert [answer.status for answer in heard] == [201, 201, 201, 200]
    assert [answer.headers["x-request-id"] for answer in heard[:3]] == ["one", "two", "three"]
    assert people.balances(alices) == [103_00]


def test_refused_pipelined_request_does_not_affect_the_next(server, head, alices):
    wrong = head + b"Content-Length: 2\r\n\r\n[]"
    heard = talk(server, wrong, named(head, "next"), READYZ + b"\r\n")
    assert [answer.status for answer in heard] == [400, 201, 200]
    assert people.balances(alices) == [101_00]


def test_request_expecting_100_continue_is_continued(server, head, alices):
    expecting = head + CLOSE + b"Expect: 100-continue\r\n" + LENGTH + b"\r\n"
    assert [answer.status for answer in talk(server, expecting, BODY)] == [100, 201]
    assert people.balances(alices) == [101_00]


# --- Slow ones ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_headers_sent_byte_by_byte_are_accepted(server):
    pieces = [bytes([byte]) for byte in READYZ + b"\r\n"]
    assert [answer.status for answer in talk(server, *pieces)] == [200]


@pytest.mark.usefixtures("nothing_moves")
def test_incomplete_requests_do_not_delay_others(server, head):
    with ExitStack() as stack:
        for beginning in (READYZ + b"X-No", head + LENGTH + b"\r\n" + BODY[:-1]) * 4:
            stack.callback(Wire(server).say(beginning).vanish)
        begun = time.monotonic()
        assert [server.call("GET", "/readyz")[0] for _ in range(20)] == [200] * 20
        assert time.monotonic() - begun < 5


@pytest.mark.long
def test_unfinished_headers_close_the_connection(server):
    """Takes half a minute: the time limit of the server."""
    wire = Wire(server).say(READYZ + b"X-No")
    wire.socket.settimeout(2 * PATIENCE)
    assert wire.hear() == []


# --- Those who leave ----------------------------------------------------------------------------


def keyed(head: bytes) -> bytes:
    return head + CLOSE + b"Idempotency-Key: once\r\n" + LENGTH + b"\r\n" + BODY


@pytest.mark.parametrize("leave", [Wire.vanish, lambda wire: wire.socket.close()])
def test_retry_with_the_key_returns_the_answer_after_a_disconnect(server, head, alices, leave):
    wire = Wire(server).say(keyed(head))
    eventually(lambda: people.balances(alices) == [101_00])
    leave(wire)
    (heard,) = talk(server, keyed(head))
    assert (heard.status, heard.headers["idempotent-replayed"]) == (201, "true")
    assert heard.json["id"] == str(people.movements(alices)[-1].id)
    assert people.balances(alices) == [101_00]


def test_retry_with_the_key_moves_once_after_an_early_disconnect(server, head, alices):
    for _ in range(10):
        Wire(server).say(keyed(head)).vanish()
    (heard,) = talk(server, keyed(head))
    assert heard.status == 201
    assert people.balances(alices) == [101_00]


@pytest.mark.usefixtures("nothing_moves")
def test_disconnect_within_the_body_moves_nothing(server, head):
    for cut in (0, 1, len(BODY) - 1):
        Wire(server).say(head + LENGTH + b"\r\n" + BODY[:cut]).vanish()
    assert server.call("GET", "/readyz")[0] == 200
    assert Movement.objects.count() == 1
