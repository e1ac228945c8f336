"""`compose.yaml` and the Dockerfile say what the code says; the proxy speaks as the server does."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
import yaml
from axes.models import AccessAttempt
from django.conf import settings

import dev
from iocash import demo, errors
from iocash.postgres.cluster import ROLES
from tests import cast
from tests.serving import PATIENCE, Served, database_of_tests
from users.models import Client
from wallets.models import Wallet

COMPOSE = yaml.safe_load((dev.ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (dev.ROOT / "Dockerfile").read_text()


def config(name: str) -> str:
    """A file that stands in compose.yaml, as a container sees it."""
    text: str = COMPOSE["configs"][name]["content"]
    return text.replace("$$", "$")


PROXY = config("proxy")

# --- What the files say -------------------------------------------------------------------------


def test_the_image_serves_as_the_demo_does():
    command = json.loads(re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)[0])
    shown = " ".join(command).replace("0.0.0.0", "127.0.0.1")
    assert shown == f"granian {demo.GRANIAN} --port 8000 iocash.wsgi:application"


def test_the_image_is_made_of_the_lock_and_of_files_that_are_there():
    assert "--require-hashes -r requirements.txt" in DOCKERFILE
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (dev.ROOT / name).exists()


def test_nobody_serves_as_root_and_documents_outlive_the_container():
    assert DOCKERFILE.index("USER iocash") < DOCKERFILE.index("CMD")
    folder = "/var/lib/iocash/documents"
    assert f"DOCUMENTS_DIR={folder}" in DOCKERFILE
    assert SERVICES["app"]["volumes"] == [f"documents:{folder}"]


def test_the_two_roles_are_those_of_the_embedded_server():
    script = config("roles")
    for line in ROLES.strip().splitlines():
        made = line.replace(" CREATEDB", "")  # of tests, and they are not run there
        assert made in script.replace(" PASSWORD :'owner'", "").replace(" PASSWORD :'app'", "")


def test_only_migrate_knows_the_owner():
    knowing = {name for name, service in SERVICES.items() if "iocash_owner" in json.dumps(service)}
    assert knowing == {"migrate"}
    assert "user=iocash_app" in SERVICES["app"]["environment"]["DATABASE_URL"]


def test_every_variable_is_one_that_the_settings_read():
    read = (dev.ROOT / "iocash" / "settings.py").read_text()
    for service in ("migrate", "app"):
        for name in SERVICES[service]["environment"]:
            assert f'"{name}"' in read, name


def test_the_server_trusts_the_one_proxy_that_is_here():
    assert SERVICES["app"]["environment"]["TRUSTED_PROXIES"] == "${TRUSTED_PROXIES:-1}"
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in PROXY


def test_each_waits_for_what_it_needs_and_says_how_it_is():
    assert "/livez" in json.dumps(SERVICES["app"]["healthcheck"])
    assert "/readyz" in json.dumps(SERVICES["proxy"]["healthcheck"])
    assert SERVICES["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert list(SERVICES["app"]["depends_on"]) == ["migrate"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


def test_the_proxys_limits_are_those_of_the_settings():
    sizes = [int(size) for size in re.findall(r"client_max_body_size (\d+);", PROXY)]
    assert sizes == [settings.MAX_BODY_BYTES, settings.MAX_DOCUMENT_BODY_BYTES]


def test_the_proxys_errors_have_registered_codes():
    for status, code in re.findall(r'"status": (\d+), "code": "(\w+)"', PROXY):
        assert errors.REGISTRY[code].status == int(status)
    for code in re.findall(r'"code": "(\w+)", "detail"', PROXY):
        assert errors.REGISTRY[code].status == 503
    assert set(re.findall(r"#(\w+)", PROXY)) == set(re.findall(r'"code": "(\w+)"', PROXY))


def test_documents_may_be_large_and_nothing_else():
    (pattern,) = re.findall(r"location ~ (\S+) \{", PROXY)
    large = re.compile(pattern)
    views = {"documents/identity-front", "identity-file", "income-tax-file", "external-iban-file"}
    for view in views:
        assert large.search(f"/api/v1/public/users/01980000-0000-7000-8000-000000000001/{view}")
    assert large.search("/api/v1/users/01980000-0000-7000-8000-000000000001/documents/income-tax")
    assert not large.search("/api/v1/users/01980000-0000-7000-8000-000000000001/identity")


# --- What the proxy does ------------------------------------------------------------------------


class Proxy:
    """nginx with the configuration of compose.yaml, in front of a server on this machine."""

    def __init__(self, upstream: int, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.folder = folder
        ours = PROXY.replace("server app:8000", f"server 127.0.0.1:{upstream}")
        ours = ours.replace("listen 8080", f"listen 127.0.0.1:{self.port}")
        kept = [
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi")
        ]
        kept += [f"{name}_temp_path {folder}/{name};" for name in ("uwsgi", "scgi")]
        kept.append(f"access_log {folder}/access.log;")
        (folder / "nginx.conf").write_text(ours.replace("http {", "http {" + "\n".join(kept), 1))

    def start(self) -> None:
        log, pid = self.folder / "error.log", self.folder / "nginx.pid"
        directives = f"daemon off; pid {pid}; error_log {log};"
        self.process = subprocess.Popen(
            ["nginx", "-p", str(self.folder), "-c", "nginx.conf", "-g", directives],
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + PATIENCE
        while not self._listens():
            assert self.process.poll() is None, self.process.stderr
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], Any]:
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            caller.request(method, path, body, headers or {})
            response = caller.getresponse()
            content = json.loads(response.read())
        finally:
            caller.close()
        names = {name.lower(): value for name, value in response.getheaders()}
        assert names["content-type"] == "application/json"
        assert names["x-request-id"]
        if response.status >= 400:
            assert content["requestId"] == names["x-request-id"]
            assert content["status"] == response.status
            assert content["type"].endswith(f"/api/docs/errors#{content['code']}")
            assert errors.REGISTRY[content["code"]].status == response.status
        return response.status, names, content


needs_nginx = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    with django_db_blocker.unblock():
        database = database_of_tests()
    log = tmp_path_factory.mktemp("behind") / "server.log"
    with Served(database, log, TRUSTED_PROXIES="1") as served:
        yield served


@pytest.fixture(scope="module")
def proxy(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    proxy = Proxy(server.port, tmp_path_factory.mktemp("proxy"))
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture
def bearer(server: Served, transactional_db: None, client_demo: Client) -> Iterator[dict[str, str]]:
    key = cast.a_key(client_demo)
    yield {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    server.settle()


@needs_nginx
def test_what_is_right_passes_both_ways(proxy, bearer, alices: Wallet):
    headers = bearer | {"X-Request-Id": "mine", "Idempotency-Key": "once"}
    body = json.dumps(cast.cash("1.00")).encode()
    path = f"/api/v1/wallets/{alices.id}/movements"
    status, got, made = proxy.call("POST", path, body, headers)
    assert (status, got["x-request-id"]) == (201, "mine")
    assert got["location"] == f"http://127.0.0.1:{proxy.port}{path}/{made['id']}"
    assert proxy.call("POST", path, body, headers)[1]["idempotent-replayed"] == "true"


@needs_nginx
def test_what_the_server_refuses_passes_as_it_is(proxy, bearer):
    status, got, content = proxy.call("GET", "/api/v1//users", headers=bearer)
    assert (status, content["code"]) == (404, "not_found")
    assert len(got["x-request-id"]) == 32


@needs_nginx
@pytest.mark.parametrize("name", ["X-Forwarded-For", "X_Forwarded_For"])
def test_a_wrong_password_counts_for_where_it_came_from(proxy, bearer, name):
    """Granian takes underscores for hyphens, so it is the proxy that must not pass them on."""
    invented = {name: "192.0.2.9"}
    door = f"http://127.0.0.1:{proxy.port}/admin/login/"
    browser = build_opener(HTTPCookieProcessor())
    page = browser.open(Request(door, headers=invented), timeout=PATIENCE).read().decode()
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    form = {"username": "nobody", "password": "wrong", "csrfmiddlewaretoken": token}
    browser.open(Request(door, urlencode(form).encode(), invented), timeout=PATIENCE).close()
    assert AccessAttempt.objects.get().ip_address == "127.0.0.1"


@needs_nginx
def test_too_large_a_body_is_refused_as_the_server_would(proxy, bearer):
    large = b'"' + b"a" * settings.MAX_BODY_BYTES + b'"'
    status, _, content = proxy.call("POST", "/api/v1/users", large, bearer)
    assert (status, content["code"]) == (400, "body_too_large")
    assert content["instance"] == "/api/v1/users"


@needs_nginx
def test_too_large_a_header_or_an_address_is_refused(proxy, server):
    for path, headers in (("/livez", {"X-Note": "a" * 20_000}), ("/" + "a" * 20_000, {})):
        status, _, content = proxy.call("GET", path, headers=headers)
        assert (status, content["code"]) == (400, "invalid_header")


@needs_nginx
def test_an_address_can_not_break_the_json(proxy):
    large = b"a" * (settings.MAX_BODY_BYTES + 1)
    _, _, content = proxy.call("POST", '/api/v1/users"x?a="', large, {"Host": "evil.example"})
    assert content["instance"] == "/api/v1/users"


@needs_nginx
def test_a_slow_body_holds_no_thread_of_the_server(proxy, server, bearer):
    """More callers than the server has threads hang in their bodies, and nobody waits."""
    hanging = []
    for _ in range(40):
        slow = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)
        lines = [f"{name}: {value}" for name, value in bearer.items()]
        head = ["POST /api/v1/users HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 100", *lines]
        slow.sendall("\r\n".join([*head, "", "{"]).encode())
        hanging.append(slow)
    begun = time.monotonic()
    assert proxy.call("GET", "/readyz")[0] == 200
    assert server.call("GET", "/readyz")[0] == 200
    assert time.monotonic() - begun < 3
    for slow in hanging:
        slow.close()


@needs_nginx
@pytest.mark.parametrize(
    ("method", "code"), [("GET", "database_unavailable"), ("POST", "outcome_unknown")]
)
def test_a_server_that_is_away_is_503_and_to_be_tried_again(tmp_path, method, code):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    proxy = Proxy(nobody, tmp_path)
    proxy.start()
    try:
        status, got, content = proxy.call(method, "/api/v1/users")
        assert (status, content["code"], got["retry-after"]) == (503, code, "2")
    finally:
        proxy.stop()


@needs_nginx
def test_a_server_that_hangs_up_leaves_an_unknown_outcome(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as rude:

        def hang_up() -> None:
            caller, _ = rude.accept()
            caller.recv(65_536)
            caller.close()

        threading.Thread(target=hang_up, daemon=True).start()
        proxy = Proxy(rude.getsockname()[1], tmp_path)
        proxy.start()
        try:
            status, _, content = proxy.call("POST", "/api/v1/users", b"{}")
            assert (status, content["code"]) == (503, "outcome_unknown")
        finally:
            proxy.stop()
