"""One-time passwords: how they are sent, and what happens when they cannot be."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError

import pytest
from cryptography.fernet import InvalidToken
from django.core import mail
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from iocash.db import clock
from tests.support import people, sandbox, sms_gateway
from tests.support.duties import working
from tests.support.embedded_postgres import eventually
from tests.support.people import Api
from tests.support.server import database_of_tests
from tests.support.sms_gateway import Gateway
from tests.support.threads import Caller, at_once
from tests.support.user_actions import a_newcomer
from tests.support.user_bodies import COMPANY, NEW, tells
from users import deliveries
from users.duties.codes import CodesNotDelivered, DeliverCodes
from users.models import Event, Otp, PhoneUse, User
from users.otp import void
from wallets import posting
from wallets.orders.users import UnsubscribeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> str:
    """The next code to be made."""
    monkeypatch.setattr(secrets, "randbelow", lambda limit: 123456)
    return "123456"


@pytest.fixture
def duty() -> DeliverCodes:
    return DeliverCodes()


def waiting() -> int:
    return Otp.objects.exclude(sealed=None).count()


def let_pass(seconds: float) -> None:
    """Let the pauses before the next tries pass."""
    Otp.objects.update(next_try_at=F("next_try_at") - timedelta(seconds=seconds))


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


def test_email_is_sent_to_the_user_only(settings, code, duty):
    settings.OTP_BACKEND = "email"
    a_newcomer(people.a_client(), email="alice@example.com")
    assert not mail.outbox
    assert [duty.perform(), duty.perform()] == [1, 0]
    (letter,) = mail.outbox
    assert letter.recipients() == ["alice@example.com"]
    assert tells(code, str(letter.body))
    assert "10 minutes" in letter.body
    assert not tells(code, str(letter.subject))


def test_user_without_an_address_gets_no_email_and_it_is_logged(settings, code, caplog, duty):
    settings.OTP_BACKEND = "email"
    user = a_newcomer(people.a_client())
    assert [duty.perform(), duty.perform()] == [1, 0]
    assert not mail.outbox
    assert str(user.id) in caplog.text
    assert not tells(code, caplog.text)


@pytest.fixture
def gateway(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setenv("no_proxy", "*")
    with sms_gateway.serving() as server:
        settings.OTP_BACKEND, settings.OTP_SMS_URL = "sms", server.url
        yield server


def test_sms_is_requested_from_the_gateway(gateway, code, duty):
    a_newcomer(people.a_client())
    assert duty.perform() == 1
    ((path, content_type, body),) = gateway.asked
    assert (path, content_type) == ("/send", "application/json")
    assert body["to"] == "+34600000001"
    assert tells(code, body["text"])
    assert set(body) == {"to", "text"}


def test_refusal_of_the_gateway_is_closed(gateway, newcomer):
    gateway.status = 500
    with pytest.raises(HTTPError) as refused:
        deliveries.sms(newcomer, NEW, "123456")
    try:
        assert refused.value.closed
    finally:
        refused.value.close()


@pytest.mark.django_db(transaction=True)
def test_failed_printing_is_logged_and_answered_with_202(settings, monkeypatch, caplog):
    def broken(user: User, phone: str, code: str) -> None:
        raise OSError("the console is away")

    monkeypatch.setitem(deliveries.BACKENDS, "tests", broken)
    settings.OTP_BACKEND = "tests"
    answer = Api(people.a_key(people.a_client())).post("users", COMPANY)
    assert (answer.status, answer.json["status"]) == (202, "CREATED")
    assert len([each for each in caplog.records if each.levelname == "ERROR"]) == 1


# --- The code in the database ---------------------------------------------------------------------


def test_waiting_code_is_encrypted_and_removed_after_its_delivery(gateway, code, duty):
    a_newcomer(people.a_client())
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed, users_otp::text FROM users_otp")
        sealed, row = cursor.fetchone()
    assert not tells(code, row)
    assert code.encode() not in bytes(sealed)
    assert deliveries.unseal_code(bytes(sealed)) == code
    duty.perform()
    otp = Otp.objects.get()
    assert (otp.sealed, otp.next_try_at) == (None, None)
    assert otp.is_open(timezone.now())


def test_code_is_sealed_with_the_secret_of_the_server(settings):
    sealed = deliveries.seal_code("123456")
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    with pytest.raises(InvalidToken):
        deliveries.unseal_code(sealed)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert deliveries.unseal_code(sealed) == "123456"


def test_void_code_is_not_delivered(gateway, duty):
    user = a_newcomer(people.a_client())
    void(user)
    assert duty.perform() == 0
    assert gateway.asked == []


def test_code_of_a_closed_user_is_not_delivered(gateway, duty):
    user = a_newcomer(people.a_client())
    posting.submit(UnsubscribeUser(client_id=user.client_id, by=people.BY, user_id=user.id))
    assert duty.perform() == 0
    assert waiting() == 0


def test_code_that_is_replaced_during_its_delivery_leaves_the_newer_one(gateway, duty, monkeypatch):
    a_newcomer(people.a_client())
    deliver = deliveries.BACKENDS["sms"]

    def replace(user: User, phone: str, code: str) -> None:
        deliver(user, phone, code)
        replaced.append(user)

    def give_up(each: Otp) -> None:
        Otp.objects.update(sealed=deliveries.seal_code("654321"), next_try_at=clock.now())
        forget(each)

    replaced: list[User] = []
    forget = deliveries.forget_code
    with monkeypatch.context() as patch:
        patch.setitem(deliveries.BACKENDS, "sms", replace)
        patch.setattr(deliveries, "forget_code", give_up)
        assert duty.perform() == 1
    assert (len(replaced), waiting()) == (1, 1)
    assert duty.perform() == 1
    assert tells("654321", gateway.asked[1][2]["text"])


# --- Failures -------------------------------------------------------------------------------------


def test_refused_code_is_tried_again_while_it_is_valid(gateway, code, caplog, duty):
    gateway.status = 500
    user = a_newcomer(people.a_client())
    with pytest.raises(CodesNotDelivered, match="1: HTTPError"):
        duty.perform()
    assert User.objects.get(id=user.id).status == "CREATED"
    assert Otp.objects.get(user=user).is_open(timezone.now())
    assert not tells(code, caplog.text)
    assert duty.perform() == 0
    gateway.status = 200
    let_pass(20)
    assert duty.perform() == 1
    assert [tells(code, body["text"]) for _, _, body in gateway.asked] == [True, True]


def test_unreachable_gateway_is_tried_again(settings, monkeypatch, code, duty):
    monkeypatch.setenv("no_proxy", "*")
    with Gateway() as closed:  # its port is nobody's again
        settings.OTP_BACKEND, settings.OTP_SMS_URL = "sms", closed.url
    a_newcomer(people.a_client())
    with pytest.raises(CodesNotDelivered, match="1: URLError"):
        duty.perform()
    assert waiting() == 1


def test_pauses_become_longer(gateway, duty):
    gateway.status = 500
    a_newcomer(people.a_client())
    pauses = []
    for _ in range(6):
        before = clock.now()
        with pytest.raises(CodesNotDelivered):
            duty.perform()
        otp = Otp.objects.get()
        assert otp.next_try_at
        pauses.append(round((otp.next_try_at - before).total_seconds()))
        let_pass(pauses[-1] + 1)
    assert pauses == [15, 30, 60, 120, 120, 120]


def test_code_that_is_over_is_removed_and_was_not_counted(gateway, duty, caplog):
    """No worker has run for ten minutes: another code can be requested at once."""
    user = a_newcomer(people.a_client())
    sandbox.make()
    sandbox.set_clock(clock.now() + timedelta(minutes=11))
    assert duty.perform() == 1
    assert (gateway.asked, waiting()) == ([], 0)
    assert str(user.id) in caplog.text
    assert PhoneUse.objects.get().sent == 0


def test_failure_of_one_code_stops_no_other(gateway, duty, monkeypatch):
    for n in range(3):
        a_newcomer(people.a_client(f"c{n}"), mobile_phone=f"+3460000010{n}")
    deliver = deliveries.BACKENDS["sms"]

    def refuse_first(user: User, phone: str, code: str) -> None:
        if phone.endswith("0"):
            raise OSError
        deliver(user, phone, code)

    monkeypatch.setitem(deliveries.BACKENDS, "sms", refuse_first)
    assert duty.perform() == 2
    assert waiting() == 1


# --- At the same time -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_processes_deliver_a_code_once(gateway):
    client = people.a_client()
    for n in range(6):
        a_newcomer(client, user_name=f"c{n}", mobile_phone=f"+3460000010{n}")
    assert sum(at_once(*[DeliverCodes().perform] * 3)) == 6
    assert sorted(body["to"] for _, _, body in gateway.asked) == [
        f"+3460000010{n}" for n in range(6)
    ]


@pytest.mark.django_db(transaction=True)
def test_killed_process_leaves_its_codes_to_others(gateway, duty):
    """It has taken a code and was killed before the delivery."""
    a_newcomer(people.a_client())
    assert len(deliveries.take_codes(10)) == 1
    assert duty.perform() == 0
    let_pass(16)
    assert duty.perform() == 1
    assert len(gateway.asked) == 1


@pytest.mark.django_db(transaction=True)
def test_hanging_gateway_blocks_no_request(gateway, duty):
    """No transaction is open while it hangs."""
    gateway.go_on.clear()
    api = Api(people.a_key(people.a_client()))
    bodies = [COMPANY | {"userName": f"c{n}", "mobilePhone": f"+3460000010{n}"} for n in range(4)]
    assert api.post("users", bodies[0]).status == 202
    worker = Caller(duty.perform)
    eventually(lambda: len(gateway.asked) == 1)
    assert [api.post("users", body).status for body in bodies[1:]] == [202] * 3
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
        )
        assert cursor.fetchone() == (0,)
    gateway.go_on.set()
    assert worker.answer == 1
    assert duty.perform() == 3


def test_code_request_gets_503_and_changes_nothing_when_too_many_wait(gateway, monkeypatch):
    monkeypatch.setattr(deliveries, "WAITING", 1)
    api = Api(people.a_key(people.a_client()))
    path = f"users/{api.post('users', COMPANY).json['id']}/request-otp"
    events = Event.objects.count()
    answer = api.post(path)
    assert (answer.status, answer.code) == (503, "overloaded")
    assert Event.objects.count() == events


@pytest.mark.django_db(transaction=True)
def test_serving_role_may_deliver_codes(gateway, duty, as_serving):
    a_newcomer(people.a_client())
    assert duty.perform() == 1


# --- The process ----------------------------------------------------------------------------------


@pytest.mark.ci
@pytest.mark.django_db(transaction=True)
def test_worker_delivers_the_code_of_a_request(gateway, tmp_path):
    """Takes 5 s."""
    settings = {"OTP_BACKEND": "sms", "OTP_SMS_URL": gateway.url, "no_proxy": "*"}
    a_newcomer(people.a_client())
    with working(database_of_tests(), tmp_path / "log", "--only", "deliver-codes", **settings):
        eventually(lambda: waiting() == 0)
    assert len(gateway.asked) == 1
