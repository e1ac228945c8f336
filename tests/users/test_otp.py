"""One-time passwords: made, sent, counted, compared, used up."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from unittest.mock import Mock
from urllib.error import HTTPError

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from iocash import errors
from tests import cast, together
from tests.cast import Api
from tests.users.bodies import ALICE, COMPANY, NEW, wrong
from users import life, otp
from users.models import Client, Otp, User
from wallets import posting
from wallets.life import Activate

pytestmark = pytest.mark.django_db


def create(client: Client, **values: Any) -> User:
    return life.create(client_id=client.id, values=cast.ALICE | values, by=cast.BY).user


def change_phone(user: User, phone: str = NEW) -> User:
    values = {"mobile_phone": phone}
    return life.change(client_id=user.client_id, user_id=user.id, values=values, by=cast.BY)


def request_otp(user: User) -> User:
    return life.request_otp(client_id=user.client_id, user_id=user.id, by=cast.BY)


def validate(user: User, code: str) -> User:
    """What `validate-otp` does."""
    fresh = User.objects.get(id=user.id)
    phone = otp.check(fresh, code)
    order = Activate(client_id=user.client_id, by=cast.BY, user_id=user.id, phone=phone)
    posting.submit(order)
    return User.objects.get(id=user.id)


def tells(code: str, text: str) -> bool:
    """Whether the code is in the text; as part of a longer number or an id it is not."""
    return bool(re.search(rf"(?<![0-9a-f.]){code}(?![0-9a-f])", text))


@pytest.fixture
def alice_created(client_demo: Client, codes: list[Any]) -> User:
    """Alice, just created; her code is in `codes`."""
    return create(client_demo)


# --- What a code is -----------------------------------------------------------------------------


def test_a_code_is_six_digits(client_demo, codes):
    for number in range(20):
        phone, name = f"+346000001{number:02d}", f"user{number}"
        create(client_demo, user_name=name, mobile_phone=phone)
    assert all(re.fullmatch("[0-9]{6}", sent.code) for sent in codes)
    assert len({sent.code for sent in codes}) > 15


def test_a_small_number_is_six_digits_too(client_demo, codes, monkeypatch):
    monkeypatch.setattr(secrets, "randbelow", {1_000_000: 7}.__getitem__)
    create(client_demo)
    assert codes[0].code == "000007"


def test_only_a_digest_of_the_code_is_stored(alice_created, codes):
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(users_otp)::text, digest FROM users_otp")
        row, digest = cursor.fetchone()
    code = codes[0].code
    assert len(digest) == 32
    assert not tells(code, row)
    assert bytes(digest) != hashlib.sha256(code.encode()).digest()


def test_the_digest_is_keyed_with_the_servers_secret(alice_created, settings):
    before = otp.digest(alice_created.id, NEW, "123456")
    settings.SECRET_KEY = "another"
    assert otp.digest(alice_created.id, NEW, "123456") != before


def test_the_digest_belongs_to_one_user_and_one_number(alice_created, bob):
    digests = {
        otp.digest(user.id, phone, "123456")
        for user in (alice_created, bob)
        for phone in (NEW, "+34600000001")
    }
    assert len(digests) == 4


def test_codes_are_compared_in_constant_time(alice_created, codes, monkeypatch):
    compare = Mock(wraps=hmac.compare_digest)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    otp.check(alice_created, codes[0].code)
    compare.assert_called_once()


def test_no_log_and_no_answer_tells_the_code(api, codes, clock, caplog):
    caplog.set_level("DEBUG")
    answers = [api.post("users", ALICE)]
    path = f"users/{answers[0].json['id']}"
    clock.go(61)
    answers += [
        api.post(f"{path}/request-otp"),
        api.post(f"{path}/request-otp"),
        api.post(f"{path}/validate-otp", {"otp": wrong(codes[1].code)}),
        api.post(f"{path}/validate-otp", {"otp": codes[1].code}),
        api.get(path),
    ]
    assert [answer.status for answer in answers] == [202, 202, 409, 400, 200, 200]
    said = caplog.text + "".join(json.dumps(answer.json) for answer in answers)
    assert "POST" in caplog.text
    assert not any(tells(sent.code, said) for sent in codes)


# --- How long it is good ------------------------------------------------------------------------


def test_the_right_code_proves_the_number(alice_created, codes):
    assert otp.check(alice_created, codes[0].code) == "+34600000001"


def test_a_code_is_good_for_ten_minutes(alice_created, codes, clock):
    clock.go(599)
    assert validate(alice_created, codes[0].code).status == "ACTIVATED"


def test_a_code_is_over_after_ten_minutes(alice_created, codes, clock):
    clock.go(600)
    with pytest.raises(errors.OtpExpired) as refused:
        otp.check(alice_created, codes[0].code)
    assert refused.value.facts == {"user_id": alice_created.id}


def test_an_expired_code_has_no_tries(alice_created, codes, clock):
    clock.go(600)
    for _ in range(6):
        with pytest.raises(errors.OtpExpired):
            otp.check(alice_created, wrong(codes[0].code))
    assert Otp.objects.get().tries == 0


def test_a_code_works_once(alice_created, codes):
    validate(alice_created, codes[0].code)
    with pytest.raises(errors.AlreadyVerified):
        validate(alice_created, codes[0].code)


def test_a_used_code_leaves_no_digest(alice_created, codes):
    validate(alice_created, codes[0].code)
    assert [each.digest for each in Otp.objects.all()] == [None]


def test_a_used_code_never_proves_the_same_number_again(alice_created, codes):
    validate(alice_created, codes[0].code)
    User.objects.update(unverified_phone="+34600000001", mobile_phone=NEW)
    with pytest.raises(errors.OtpExpired):
        validate(alice_created, codes[0].code)


def test_a_code_of_somebody_else_is_wrong(alice_created, client_demo, codes):
    create(client_demo, user_name="bob", mobile_phone="+34600000002")
    with pytest.raises(errors.InvalidOtp):
        otp.check(alice_created, codes[1].code)


# --- Five tries ---------------------------------------------------------------------------------


def guess(user: User, code: str) -> errors.Refused | str:
    try:
        return otp.check(user, code)
    except errors.Refused as refused:
        return refused


def test_the_fifth_try_may_be_right(alice_created, codes):
    for left in (4, 3, 2, 1):
        refused = guess(alice_created, wrong(codes[0].code))
        assert isinstance(refused, errors.InvalidOtp)
        assert refused.facts == {"tries_left": left}
    assert validate(alice_created, codes[0].code).status == "ACTIVATED"


def test_after_five_wrong_tries_the_right_code_is_refused(alice_created, codes):
    for _ in range(5):
        assert isinstance(guess(alice_created, wrong(codes[0].code)), errors.InvalidOtp)
    assert isinstance(guess(alice_created, codes[0].code), errors.OtpTriedOut)
    assert Otp.objects.get().tries == 5


def test_a_new_code_has_five_tries_of_its_own(alice_created, codes, clock):
    for _ in range(6):
        guess(alice_created, wrong(codes[0].code))
    clock.go(61)
    request_otp(alice_created)
    assert Otp.objects.get().tries == 0
    assert validate(alice_created, codes[1].code).status == "ACTIVATED"


def test_a_try_is_counted_before_the_code_is_compared(alice_created, codes, monkeypatch):
    def interrupted(*args: object) -> bool:
        raise SystemExit

    monkeypatch.setattr(hmac, "compare_digest", interrupted)
    with pytest.raises(SystemExit):
        otp.check(alice_created, codes[0].code)
    assert Otp.objects.get().tries == 1


@pytest.mark.django_db(transaction=True)
def test_fifty_guesses_at_once_are_five_tries(codes):
    user = create(cast.a_client())
    guesses = [lambda n=n: otp.check(user, wrong(codes[0].code)) for n in range(50)]
    names = [type(result).__name__ for result in together.at_once(*guesses)]
    assert (names.count("InvalidOtp"), names.count("OtpTriedOut")) == (5, 45)
    assert Otp.objects.get().tries == 5


@pytest.mark.django_db(transaction=True)
def test_the_right_code_many_times_at_once_opens_one_wallet(codes):
    client = cast.a_client()
    api, user = Api(cast.a_key(client)), create(client)
    sent = {"otp": codes[0].code}
    answers = together.at_once(*[lambda: api.post(f"users/{user.id}/validate-otp", sent)] * 5)
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409]
    assert {answer.code for answer in answers if answer.status == 409} <= {
        "already_verified",
        "otp_expired",
    }
    assert cast.first_wallet(User.objects.get())
    assert len(api.get("wallets").json["_embedded"]["wallets"]) == 1


# --- New codes ----------------------------------------------------------------------------------


def test_a_new_code_voids_the_older_one(alice_created, codes, clock):
    clock.go(61)
    request_otp(alice_created)
    if codes[0].code != codes[1].code:
        assert isinstance(guess(alice_created, codes[0].code), errors.InvalidOtp)
    assert otp.check(alice_created, codes[1].code)


def test_a_code_for_a_new_number_voids_that_of_the_old(alice_created, codes):
    change_phone(alice_created)
    digests = dict(Otp.objects.values_list("mobile_phone", "digest"))
    assert digests["+34600000001"] is None
    assert digests[NEW]


def test_the_code_of_one_number_does_not_prove_another(alice_created, codes, monkeypatch):
    changed = change_phone(alice_created)
    with pytest.raises(errors.InvalidOtp):
        otp.check(changed, codes[0].code if codes[0].code != codes[1].code else "x")


def test_a_number_that_came_back_needs_a_new_code(alice_created, codes, clock):
    change_phone(alice_created)
    clock.go(61)
    change_phone(alice_created, "+34600000001")
    validated = validate(alice_created, codes[2].code)
    assert (validated.status, validated.mobile_phone) == ("ACTIVATED", "+34600000001")


def test_a_second_code_within_a_minute_is_refused_until_when(alice_created, codes, clock):
    clock.go(59)
    with pytest.raises(errors.OtpTooSoon) as refused:
        request_otp(alice_created)
    sent_at = Otp.objects.get().sent_at
    assert refused.value.facts == {"retry_at": sent_at + timedelta(seconds=60)}
    assert len(codes) == 1


def test_a_second_code_may_be_asked_for_after_a_minute(alice_created, codes, clock):
    clock.go(60)
    request_otp(alice_created)
    assert len(codes) == 2


def test_another_number_has_a_minute_of_its_own(alice_created, codes):
    change_phone(alice_created)
    assert [sent.phone for sent in codes] == ["+34600000001", NEW]


def test_going_back_and_forth_does_not_get_round_the_minute(alice_created, codes):
    changed = change_phone(alice_created)
    with pytest.raises(errors.OtpTooSoon):
        change_phone(changed, "+34600000001")
    assert User.objects.get().mobile_phone == NEW
    assert len(codes) == 2


# --- A changed number ---------------------------------------------------------------------------


def test_the_old_number_holds_until_the_new_one_is_verified(alice, codes):
    changed = change_phone(alice)
    assert (changed.mobile_phone, changed.unverified_phone) == ("+34600000001", NEW)
    verified = validate(alice, codes[0].code)
    assert (verified.mobile_phone, verified.unverified_phone) == (NEW, "")
    assert verified.status == "ACTIVATED"


def test_a_wrong_code_leaves_the_old_number(alice, codes):
    change_phone(alice)
    assert isinstance(guess(User.objects.get(), wrong(codes[0].code)), errors.InvalidOtp)
    assert User.objects.get().mobile_phone == "+34600000001"


def test_verifying_a_new_number_opens_no_second_wallet(alice, codes):
    before = cast.first_wallet(alice)
    change_phone(alice)
    validate(alice, codes[0].code)
    assert list(type(before).objects.all()) == [before]


def test_a_number_that_changed_between_check_and_use_is_not_verified(alice, codes, clock):
    change_phone(alice)
    phone = otp.check(User.objects.get(), codes[0].code)
    change_phone(alice, "+34600000008")
    order = Activate(client_id=alice.client_id, by=cast.BY, user_id=alice.id, phone=phone)
    with pytest.raises(errors.OtpExpired):
        posting.submit(order)
    assert User.objects.get().mobile_phone == "+34600000001"


# --- Delivery -----------------------------------------------------------------------------------


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> str:
    """The next code to be made."""
    monkeypatch.setattr(secrets, "randbelow", lambda limit: 123456)
    return "123456"


@pytest.mark.django_db(transaction=True)
def test_a_code_is_sent_only_when_the_user_is_there_to_stay(codes):
    client = cast.a_client()
    with transaction.atomic():
        create(client)
        transaction.set_rollback(True)
    assert not codes
    with transaction.atomic():
        create(client)
        assert not codes
    assert len(codes) == 1


@pytest.mark.django_db(transaction=True)
def test_the_console_gets_one_line(settings, code, capsys):
    settings.OTP_BACKEND = "console"
    user = create(cast.a_client())
    assert capsys.readouterr().out == f"OTP 123456 for user {user.id}\n"


@pytest.mark.django_db(transaction=True)
def test_an_email_goes_to_the_user_alone(settings, code):
    settings.OTP_BACKEND = "email"
    create(cast.a_client(), email="alice@example.com")
    (letter,) = mail.outbox
    assert letter.recipients() == ["alice@example.com"]
    assert tells(code, str(letter.body))
    assert "10 minutes" in letter.body
    assert not tells(code, str(letter.subject))


@pytest.mark.django_db(transaction=True)
def test_a_user_without_an_address_gets_no_email_and_it_is_logged(settings, code, caplog):
    settings.OTP_BACKEND = "email"
    user = create(cast.a_client())
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
    create(cast.a_client())
    ((path, content_type, body),) = gateway.asked
    assert (path, content_type) == ("/send", "application/json")
    assert body["to"] == "+34600000001"
    assert tells(code, body["text"])
    assert set(body) == {"to", "text"}


def assert_created_and_logged(code: str, caplog: pytest.LogCaptureFixture) -> None:
    client = cast.a_client()
    user = create(client)
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
