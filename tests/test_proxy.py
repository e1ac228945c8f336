"""The proxy in front of the server: it speaks as the server does, and keeps trouble from it.

Takes half a minute; needs nginx.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from axes.models import AccessAttempt
from django.conf import settings

from tests.support import people
from tests.support.nginx import Proxy, judged, needs_nginx
from tests.support.raw_http import Heard, Wire
from tests.support.server import PATIENCE, Served, database_of_tests
from users.models import Client
from wallets.models import Wallet

pytestmark = [pytest.mark.ci, needs_nginx]

HEAD = b"Host: 127.0.0.1\r\nConnection: close\r\n"
LIVEZ = b"GET /livez HTTP/1.1\r\n" + HEAD
USERS = b"POST /api/v1/users HTTP/1.1\r\n" + HEAD
CHUNKED = USERS + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
MANY = b"".join(b"X-%d: a\r\n" % number for number in range(200))
LARGEST = settings.MAX_DOCUMENT_BODY_BYTES


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    with django_db_blocker.unblock():
        database = database_of_tests()
    log = tmp_path_factory.mktemp("behind") / "server.log"
    contact = {"SECURITY_CONTACT": "mailto:security@pay.example", "SECURITY_EXPIRES": "2027-06-30"}
    with Served(database, log, TRUSTED_PROXIES="1", **contact) as served:
        yield served


@pytest.fixture(scope="module")
def proxy(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with Proxy(tmp_path_factory.mktemp("proxy"), server.port) as proxy:
        yield proxy


@pytest.fixture
def bearer(server: Served, transactional_db: None, client_demo: Client) -> Iterator[dict[str, str]]:
    key = people.a_key(client_demo)
    yield {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    server.settle()


def nobody() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


# --- What passes --------------------------------------------------------------------------------


def test_request_and_answer_pass_unchanged(proxy, bearer, alices: Wallet):
    headers = bearer | {"X-Request-Id": "mine", "Idempotency-Key": "once"}
    body = json.dumps(people.cash("1.00")).encode()
    path = f"/api/v1/wallets/{alices.id}/movements"
    status, got, made = proxy.call("POST", path, body, headers)
    assert (status, got["x-request-id"]) == (201, "mine")
    assert got["location"] == f"http://127.0.0.1:{proxy.port}{path}/{made['id']}"
    assert proxy.call("POST", path, body, headers)[1]["idempotent-replayed"] == "true"


def test_refusal_of_the_server_passes_unchanged(proxy, bearer):
    status, got, content = proxy.call("GET", "/api/v1//users", headers=bearer)
    assert (status, content["code"]) == (404, "not_found")
    assert len(got["x-request-id"]) == 32


def test_security_contact_passes_unchanged(proxy):
    at = f"http://127.0.0.1:{proxy.port}/.well-known/security.txt"
    with build_opener().open(at, timeout=PATIENCE) as response:
        text = response.read().decode()
    assert text.startswith("Contact: mailto:security@pay.example\nExpires: 2027-06-30T")
    assert f"Canonical: {at}\n" in text
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Cache-Control"] == "public, max-age=86400"


def test_metrics_are_refused(proxy, server):
    """The server would answer: it sees a caller on this machine."""
    for path in ("/metrics", "/./metrics", "/%6detrics"):
        status, _, said = proxy.call("GET", path)
        assert (status, said["code"]) == (404, "not_found")
    assert server.log.read_text().count("/metrics") == 0


def test_batch_of_nearly_8_megabytes_passes(proxy, bearer, alices: Wallet):
    item = people.cash("0.01") | {"concept": "a" * 60}
    filler = " " * (LARGEST - 200_000)
    body = json.dumps({"movements": [item] * 1_000})[:-1] + filler + "}"
    path = f"/api/v1/wallets/{alices.id}/movements/batch"
    status, _, made = proxy.call("POST", path, body.encode(), bearer)
    assert status == 201, made


def test_chunked_body_passes_with_a_length(proxy, bearer):
    caller = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)
    caller.request("POST", "/api/v1/users", iter([b"{", b"}"]), bearer, encode_chunked=True)
    assert json.loads(caller.getresponse().read())["code"] == "invalid_fields"
    caller.close()


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X_Forwarded_For"])
def test_wrong_password_counts_for_the_real_address(proxy, bearer, name):
    """Granian treats underscores as hyphens, so the proxy must drop such headers."""
    invented = {name: "192.0.2.9"}
    door = f"http://127.0.0.1:{proxy.port}/admin/login/"
    browser = build_opener(HTTPCookieProcessor())
    page = browser.open(Request(door, headers=invented), timeout=PATIENCE).read().decode()
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    form = {"username": "nobody", "password": "wrong", "csrfmiddlewaretoken": token}
    browser.open(Request(door, urlencode(form).encode(), invented), timeout=PATIENCE).close()
    assert AccessAttempt.objects.get().ip_address == "127.0.0.1"


# --- What the proxy refuses ---------------------------------------------------------------------


def heard(proxy: Proxy, *said: bytes) -> Heard:
    wire = Wire(proxy)  # type: ignore[arg-type]
    with suppress(ConnectionError):  # it was refused before all was said
        wire.say(*said)
    (answer,) = wire.hear()
    judged(answer.status, answer.headers, answer.body)
    return answer


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"\x16\x03\x01\r\n\r\n", "invalid_header"),
        (b"get /livez HTTP/1.1\r\n" + HEAD + b"\r\n", "invalid_header"),
        (b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", "invalid_header"),
        (b"GET /livez HTTP/2.0\r\n" + HEAD + b"\r\n", "invalid_header"),
        (b"GET /%zz HTTP/1.1\r\n" + HEAD + b"\r\n", "invalid_header"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", "invalid_header"),
        (LIVEZ + b"X: " + b"a" * 20_000 + b"\r\n\r\n", "invalid_header"),
        (LIVEZ + MANY + b"\r\n", "invalid_header"),
        (b"GET /api/v1 HTTP/1.1\r\n" + HEAD + MANY + b"\r\n", "invalid_header"),
        (b"GET / HTTP/1.1\r\n" + HEAD + MANY + b"\r\n", "invalid_header"),
        (USERS + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "invalid_header"),
        (USERS + b"Transfer-Encoding: gzip\r\n\r\n", "invalid_header"),
        (USERS + b"Content-Length: 5\r\n" + CHUNKED.removeprefix(USERS), "invalid_header"),
        (CHUNKED + b"zz\r\n", "invalid_header"),
        (b"TRACE /api/v1 HTTP/1.1\r\n" + HEAD + b"\r\n", "method_not_allowed"),
        (b"CONNECT /api/v1 HTTP/1.1\r\n" + HEAD + b"\r\n", "method_not_allowed"),
        (USERS + b"Content-Length: %d\r\n\r\n" % (LARGEST + 1), "body_too_large"),
        (CHUNKED + CHUNK * (LARGEST // 0x100000 + 1) + b"0\r\n\r\n", "body_too_large"),
    ],
)  # fmt: skip
def test_request_refused_by_nginx_gets_the_servers_400(proxy, said, code):
    answer = heard(proxy, said)
    assert answer.code == (400, code)
    assert answer.headers["cache-control"] == "no-store"
    assert ("allow" in answer.headers) == (code == "method_not_allowed")


def test_path_can_not_break_the_json_of_a_refusal(proxy):
    large = b"a" * (LARGEST + 1)
    _, _, content = proxy.call("POST", '/api/v1/users"x?a="', large, {"Host": "evil.example"})
    assert content["instance"] == "/api/v1/users"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/v1/users", "database_unavailable"),
        ("POST", "/api/v1/users", "database_unavailable"),
        ("PUT", "/elsewhere", "database_unavailable"),
    ],
)
def test_unreachable_instances_get_503(tmp_path, method, path, code):
    with Proxy(tmp_path, nobody(), nobody()) as proxy:
        status, got, content = proxy.call(method, path, b"{}")
    assert (status, content["code"], got["retry-after"]) == (503, code, "2")


def test_body_that_can_not_be_stored_gets_the_servers_500(tmp_path, server):
    with Proxy(tmp_path, server.port) as proxy:
        folder = tmp_path / "client_body"
        folder.rmdir()
        folder.write_text("not a folder")
        status, _, content = proxy.call("POST", "/api/v1/users", b"a" * 600_000)
    assert (status, content["code"]) == (500, "internal_error")


# --- Bodies that nobody reads -------------------------------------------------------------------


BAD_KEY = {"Authorization": "Bearer unknown", "Content-Type": "application/json"}


def test_unread_bodies_do_not_break_other_requests(proxy, server, bearer, alices: Wallet):
    """The server refuses before it reads; all callers share its connections."""
    met: Counter[tuple[int, str]] = Counter()
    body = json.dumps(people.cash("0.01")).encode()

    def junk(path: str, method: str) -> None:
        for _ in range(50):
            status, _, content = proxy.call(method, path, b"a" * 600_000, BAD_KEY)
            met[status, content["code"]] += 1

    shapes = [("/api/v1/users", "POST"), ("/api/v1/wallets", "GET"), ("/elsewhere", "POST")]
    junkers = [Thread(target=junk, args=shape) for shape in shapes]
    for junker in junkers:
        junker.start()
    path, paid, before = f"/api/v1/wallets/{alices.id}/movements", 0, alices.balance
    while any(junker.is_alive() for junker in junkers):
        assert proxy.call("POST", path, body, bearer)[0] == 201
        paid += 1
    assert paid > 10
    assert met == {(401, "invalid_credentials"): 100, (404, "not_found"): 50}
    alices.refresh_from_db()
    assert alices.balance - before == paid


def test_slow_bodies_block_no_server_threads(proxy, server, bearer):
    """More callers than the server's threads send slow bodies; other requests do not wait."""
    hanging = []
    for _ in range(40):
        slow = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)
        lines = [f"{name}: {value}" for name, value in bearer.items()]
        head = ["POST /api/v1/users HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 100", *lines]
        slow.sendall("\r\n".join([*head, "", "{"]).encode())
        hanging.append(slow)
    assert proxy.call("GET", "/api/v1/users", headers=bearer)[0] == 200
    assert server.call("GET", "/readyz")[0] == 200
    for slow in hanging:
        slow.close()


# --- Logs and log-ins ---------------------------------------------------------------------------


def test_log_contains_no_query_header_or_body(tmp_path, server):
    """This holds for success, for an unreachable server and for refusals by nginx."""
    secret = "Alice"
    headers = {"Authorization": secret, "Idempotency-Key": secret, "Cookie": secret}
    for upstream in server.port, nobody():
        folder = tmp_path / str(upstream)
        folder.mkdir()
        with Proxy(folder, upstream) as proxy:
            proxy.call("POST", f"/api/v1/users?name={secret}", secret.encode(), headers)
            proxy.call("GET", f"/api/v1/users?name={secret}", b"a" * (LARGEST + 1), headers)
            heard(proxy, f"GET /%zz?{secret} HTTP/1.1\r\n{secret}: {secret}\r\n\r\n".encode())
        lines = [json.loads(line) for line in proxy.access.read_text().splitlines()]
        assert [line["status"] for line in lines][1:] == [400, 400]
        assert lines[0]["path"] == "/api/v1/users"
        assert secret not in proxy.access.read_text() + proxy.errors.read_text()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_log_ins_of_one_address_are_limited(proxy, server, host):
    """The limit ignores the kind of body; pages and API calls are not limited."""
    door = f"http://{'[::1]' if ':' in host else host}:{proxy.port}/admin/login/"
    met: Counter[int] = Counter()
    for is_chunked in [False, True] * 10:
        caller = http.client.HTTPConnection(host, proxy.port, timeout=PATIENCE)
        caller.request("POST", "/admin/login/", iter([b"a=b"]) if is_chunked else b"a=b")
        response = caller.getresponse()
        met[response.status] += 1
        if response.status == 503:
            content = judged(503, {k.lower(): v for k, v in response.getheaders()}, response.read())
            assert content["code"] == "rate_limited"
            assert response.headers["retry-after"] == "20"
        caller.close()
    assert met.keys() == {403, 503}  # without a CSRF token
    assert met[503] >= 5
    build_opener().open(door, timeout=PATIENCE).close()
    with pytest.raises(HTTPError, match="401"):
        build_opener().open(door.replace("admin/login/", "api/v1/users"), timeout=PATIENCE)


@pytest.mark.parametrize(
    ("pattern", "is_limited"),
    [
        ("2001:db8:0:1::{:x}", True),  # one /64
        ("2001:db8:0:{:x}::1", False),
        ("198.51.100.{}", False),
    ],
)
def test_log_ins_are_limited_by_network_behind_an_outer_proxy(
    tmp_path, server, pattern, is_limited
):
    named = "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;"
    with Proxy(tmp_path, server.port, more=named) as proxy:
        met: set[int] = set()
        for number in range(1, 21):
            caller = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)
            address = {"X-Forwarded-For": pattern.format(number)}
            caller.request("POST", "/admin/login/", b"a=b", address)
            met.add(caller.getresponse().status)
            caller.close()
    assert met == ({403, 503} if is_limited else {403})
