"""One-time passwords: how they are sent, and what happens when they cannot be."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.error import HTTPError

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from tests import cast
from tests.cast import Api
from tests.users.bodies import COMPANY, NEW, tells
from tests.users.verbs import a_newcomer
from users import otp
from users.models import Otp, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> str:
    """The next code to be made."""
    monkeypatch.setattr(secrets, "randbelow", lambda limit: 123456)
    return "123456"


@pytest.mark.django_db(transaction=True)
def test_a_code_is_sent_only_when_the_user_is_there_to_stay(codes):
    client = cast.a_client()
    with transaction.atomic():
        a_newcomer(client)
        transaction.set_rollback(True)
    assert not codes
    with transaction.atomic():
        a_newcomer(client)
        assert not codes
    assert len(codes) == 1


@pytest.mark.django_db(transaction=True)
def test_the_console_gets_one_line(settings, code, capsys):
    settings.OTP_BACKEND = "console"
    user = a_newcomer(cast.a_client())
    assert capsys.readouterr().out == f"OTP 123456 for user {user.id}\n"


@pytest.mark.django_db(transaction=True)
def test_an_email_goes_to_the_user_alone(settings, code):
    settings.OTP_BACKEND = "email"
    a_newcomer(cast.a_client(), email="alice@example.com")
    (letter,) = mail.outbox
    assert letter.recipients() == ["alice@example.com"]
    assert tells(code, str(letter.body))
    assert "10 minutes" in letter.body
    assert not tells(code, str(letter.subject))


@pytest.mark.django_db(transaction=True)
def test_a_user_without_an_address_gets_no_email_and_it_is_logged(settings, code, caplog):
    settings.OTP_BACKEND = "email"
    user = a_newcomer(cast.a_client())
    assert not mail.outbox
    assert str(user.id) in caplog.text
    assert not tells(code, caplog.text)


class Gateway(ThreadingHTTPServer):
    """An SMS gateway on this machine that keeps what it is asked for."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/send"


class Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Content-Type"], body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def gateway(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("no_proxy", "*")
    with Gateway() as server:
        settings.OTP_BACKEND, settings.OTP_SMS_URL = "sms", server.url
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_an_sms_is_asked_for_at_the_gateway(gateway, code):
    a_newcomer(cast.a_client())
    ((path, content_type, body),) = gateway.asked
    assert (path, content_type) == ("/send", "application/json")
    assert body["to"] == "+34600000001"
    assert tells(code, body["text"])
    assert set(body) == {"to", "text"}


def assert_created_and_logged(code: str, caplog: pytest.LogCaptureFixture) -> None:
    client = cast.a_client()
    user = a_newcomer(client)
    stored = User.objects.get(id=user.id)
    records = [record for record in caplog.records if record.levelname == "ERROR"]
    assert stored.status == "CREATED"
    assert Otp.objects.get(user=user).is_open(timezone.now())
    assert len(records) == 1
    assert not tells(code, caplog.text)


@pytest.mark.django_db(transaction=True)
def test_a_gateway_that_refuses_leaves_the_user_created(gateway, code, caplog):
    gateway.status = 500
    assert_created_and_logged(code, caplog)


def test_the_answer_of_a_gateway_that_refuses_is_closed(gateway, newcomer):
    gateway.status = 500
    with pytest.raises(HTTPError) as refused:
        otp.sms(newcomer, NEW, "123456")
    try:
        assert refused.value.closed
    finally:
        refused.value.close()


@pytest.mark.django_db(transaction=True)
def test_a_gateway_that_is_away_leaves_the_user_created(settings, monkeypatch, code, caplog):
    monkeypatch.setenv("no_proxy", "*")
    with Gateway() as closed:  # its port is nobody's again
        settings.OTP_BACKEND, settings.OTP_SMS_URL = "sms", closed.url
    assert_created_and_logged(code, caplog)


@pytest.mark.django_db(transaction=True)
def test_a_backend_that_breaks_leaves_the_user_created(settings, monkeypatch, code, caplog):
    def broken(user: User, phone: str, code: str) -> None:
        raise OSError("the gateway is away")

    monkeypatch.setitem(otp.BACKENDS, "tests", broken)
    settings.OTP_BACKEND = "tests"
    assert_created_and_logged(code, caplog)


@pytest.mark.django_db(transaction=True)
def test_a_failed_delivery_is_answered_as_a_created_user(settings, monkeypatch):
    def broken(user: User, phone: str, code: str) -> None:
        raise OSError("the gateway is away")

    monkeypatch.setitem(otp.BACKENDS, "tests", broken)
    settings.OTP_BACKEND = "tests"
    answer = Api(cast.a_key(cast.a_client())).post("users", COMPANY)
    assert (answer.status, answer.json["status"]) == (202, "CREATED")
