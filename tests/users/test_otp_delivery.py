"""One-time passwords: how they are sent, and what happens when they cannot be."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from tests.support import people, sms_gateway
from tests.support.people import Api
from tests.support.sms_gateway import Gateway
from tests.support.threads import at_once
from tests.support.user_actions import a_newcomer
from tests.support.user_bodies import COMPANY, NEW, tells
from users import deliveries
from users.deliveries import Deliveries
from users.models import Event, Otp, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> str:
    """The next code to be made."""
    monkeypatch.setattr(secrets, "randbelow", lambda limit: 123456)
    return "123456"


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deliveries]:
    """The threads of one test, and no others."""
    own = Deliveries()
    monkeypatch.setattr(deliveries, "DELIVERIES", own)
    yield own
    own.pool.shutdown()


@pytest.mark.django_db(transaction=True)
def test_code_is_sent_only_after_commit(codes):
    client = people.a_client()
    with transaction.atomic():
        a_newcomer(client)
        transaction.set_rollback(True)
    assert not codes
    with transaction.atomic():
        a_newcomer(client)
        assert not codes
    assert len(codes) == 1


@pytest.mark.django_db(transaction=True)
def test_console_backend_prints_one_line(settings, code, capsys):
    settings.OTP_BACKEND = "console"
    user = a_newcomer(people.a_client())
    assert capsys.readouterr().out == f"OTP 123456 for user {user.id}\n"


@pytest.mark.django_db(transaction=True)
def test_email_is_sent_to_the_user_only(settings, code, threads):
    settings.OTP_BACKEND = "email"
    a_newcomer(people.a_client(), email="alice@example.com")
    threads.pool.shutdown()
    (letter,) = mail.outbox
    assert letter.recipients() == ["alice@example.com"]
    assert tells(code, str(letter.body))
    assert "10 minutes" in letter.body
    assert not tells(code, str(letter.subject))


@pytest.mark.django_db(transaction=True)
def test_user_without_an_address_gets_no_email_and_it_is_logged(settings, code, caplog, threads):
    settings.OTP_BACKEND = "email"
    user = a_newcomer(people.a_client())
    threads.pool.shutdown()
    assert not mail.outbox
    assert str(user.id) in caplog.text
    assert not tells(code, caplog.text)


@pytest.fixture
def gateway(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("no_proxy", "*")
    with sms_gateway.serving() as server:
        settings.OTP_BACKEND, settings.OTP_SMS_URL = "sms", server.url
        yield server


@pytest.mark.django_db(transaction=True)
def test_sms_is_requested_from_the_gateway(gateway, code, threads):
    a_newcomer(people.a_client())
    threads.pool.shutdown()
    ((path, content_type, body),) = gateway.asked
    assert (path, content_type) == ("/send", "application/json")
    assert body["to"] == "+34600000001"
    assert tells(code, body["text"])
    assert set(body) == {"to", "text"}


def assert_created_and_logged(code: str, caplog: pytest.LogCaptureFixture) -> None:
    client = people.a_client()
    user = a_newcomer(client)
    deliveries.DELIVERIES.pool.shutdown()
    stored = User.objects.get(id=user.id)
    records = [record for record in caplog.records if record.levelname == "ERROR"]
    assert stored.status == "CREATED"
    assert Otp.objects.get(user=user).is_open(timezone.now())
    assert len(records) == 1
    assert not tells(code, caplog.text)


@pytest.mark.django_db(transaction=True)
def test_user_is_created_when_the_gateway_refuses(gateway, code, caplog):
    gateway.status = 500
    assert_created_and_logged(code, caplog)


def test_refusal_of_the_gateway_is_closed(gateway, newcomer):
    gateway.status = 500
    with pytest.raises(HTTPError) as refused:
        deliveries.sms(newcomer, NEW, "123456")
    try:
        assert refused.value.closed
    finally:
        refused.value.close()


@pytest.mark.django_db(transaction=True)
def test_user_is_created_when_the_gateway_is_unreachable(settings, monkeypatch, code, caplog):
    monkeypatch.setenv("no_proxy", "*")
    with Gateway() as closed:  # its port is nobody's again
        settings.OTP_BACKEND, settings.OTP_SMS_URL = "sms", closed.url
    assert_created_and_logged(code, caplog)


@pytest.mark.django_db(transaction=True)
def test_user_is_created_when_the_backend_fails(settings, monkeypatch, code, caplog):
    def broken(user: User, phone: str, code: str) -> None:
        raise OSError("the gateway is away")

    monkeypatch.setitem(deliveries.BACKENDS, "tests", broken)
    settings.OTP_BACKEND = "tests"
    assert_created_and_logged(code, caplog)


@pytest.mark.django_db(transaction=True)
def test_failed_delivery_is_answered_with_202(settings, monkeypatch):
    def broken(user: User, phone: str, code: str) -> None:
        raise OSError("the gateway is away")

    monkeypatch.setitem(deliveries.BACKENDS, "tests", broken)
    settings.OTP_BACKEND = "tests"
    answer = Api(people.a_key(people.a_client())).post("users", COMPANY)
    assert (answer.status, answer.json["status"]) == (202, "CREATED")


# --- A gateway that hangs -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_hanging_gateway_blocks_no_request_and_two_deliveries(gateway, threads):
    gateway.go_on.clear()
    api = Api(people.a_key(people.a_client()))
    bodies = [COMPANY | {"userName": f"c{n}", "mobilePhone": f"+3460000010{n}"} for n in range(8)]
    answers = at_once(*[lambda body=body: api.post("users", body) for body in bodies])
    assert [answer.status for answer in answers] == [202] * 8
    assert not gateway.go_on.is_set(), "the answers came while the gateway hung"
    working = [each for each in threading.enumerate() if each.name.startswith("deliveries")]
    assert len(working) == deliveries.THREADS
    assert len(gateway.asked) <= deliveries.THREADS
    gateway.go_on.set()
    threads.pool.shutdown()
    assert len(gateway.asked) == 8


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_gateway_hangs(gateway):
    gateway.go_on.clear()
    a_newcomer(people.a_client())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
        )
        assert cursor.fetchone() == (0,)


@pytest.fixture
def full(threads: Deliveries) -> Deliveries:
    """As many wait as may."""
    for _ in range(deliveries.THREADS + deliveries.WAITING):
        assert threads.places.acquire(blocking=False)
    return threads


@pytest.mark.django_db(transaction=True)
def test_code_request_gets_503_and_changes_nothing_when_the_queue_is_full(gateway, full):
    api = Api(people.a_key(people.a_client()))
    path = f"users/{api.post('users', COMPANY).json['id']}/request-otp"
    events = Event.objects.count()
    answer = api.post(path)
    assert (answer.status, answer.code) == (503, "overloaded")
    assert Event.objects.count() == events


@pytest.mark.django_db(transaction=True)
def test_unsent_code_does_not_delay_the_next(gateway, full):
    api = Api(people.a_key(people.a_client()))
    created = api.post("users", COMPANY)
    assert created.status == 202
    full.places.release()
    assert api.post(f"users/{created.json['id']}/request-otp").status == 202
    full.pool.shutdown()
    assert [body["to"] for _, _, body in gateway.asked] == [COMPANY["mobilePhone"]]
