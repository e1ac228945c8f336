"""Wrong log-ins: by name, by address, by both and altogether; and what they may cost."""

from __future__ import annotations

from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth import get_user_model
from django.test import Client as Browser
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.support.log_ins import PASSWORD, log_in
from users import log_ins
from users.unauthenticated import network_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def supervisor() -> Any:
    return get_user_model().objects.create_superuser("supervisor", password=PASSWORD)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names whose passwords were looked at."""
    names: list[str] = []
    check = log_ins.Passwords.authenticate

    def noted(self: Any, request: Any, username: str, **kwargs: Any) -> Any:
        names.append(username)
        return check(self, request, username=username, **kwargs)

    monkeypatch.setattr(log_ins.Passwords, "authenticate", noted)
    return names


def at(address: str) -> Browser:
    return Browser(REMOTE_ADDR=address)


def spent(count: int, *, name: str = "supervisor", address: str = "203.0.113.1") -> None:
    """As many wrong log-ins as that, just now."""
    AccessAttempt.objects.create(
        username=name,
        ip_address=address,
        user_agent="a robot",
        failures_since_start=count,
        attempt_time=timezone.now(),
    )


def been(name: str, address: str) -> None:
    """This member of staff has logged in from there."""
    AccessLog.objects.create(username=name, ip_address=address, attempt_time=timezone.now())


def status(address: str, password: str = PASSWORD, name: str = "supervisor") -> int:
    return int(log_in(at(address), password, name=name).status_code)


@pytest.mark.slow
def test_address_is_locked_for_every_name(hashed):
    for number in range(log_ins.BY_ADDRESS):
        status("192.0.2.1", "wrong", f"name{number}")
    before = len(hashed)
    assert status("192.0.2.1") == 429
    assert len(hashed) == before, "no password was hashed"
    assert status("192.0.2.2") == 302


@pytest.mark.slow
def test_ipv6_network_counts_as_one_address():
    for number in range(log_ins.BY_ADDRESS):
        status(f"2001:db8::{number:x}", "wrong", f"name{number}")
    assert status("2001:db8::ffff") == 429
    assert status("2001:db8:0:1::1") == 302


def test_name_is_locked_over_all_addresses(hashed):
    get_user_model().objects.create_superuser("other", password=PASSWORD)
    for number in range(log_ins.BY_NAME // 5):
        spent(5, address=f"203.0.113.{number}")
    assert status("192.0.2.1") == 429
    assert not hashed
    assert status("192.0.2.1", name="other") == 302


def test_locked_name_can_log_in_from_a_known_address():
    spent(log_ins.BY_NAME)
    been("supervisor", "192.0.2.1")
    assert status("192.0.2.1") == 302
    assert status("192.0.2.2") == 429


def test_known_address_is_locked_by_its_own_wrong_passwords():
    been("supervisor", "192.0.2.1")
    assert [status("192.0.2.1", "wrong") for _ in range(5)][-1] == 429
    assert status("192.0.2.1") == 429


def test_too_many_failures_lock_all_unknown_addresses(hashed):
    spent(log_ins.BY_ALL, name="somebody")
    assert status("192.0.2.1") == 429
    assert not hashed
    been("supervisor", "192.0.2.1")
    assert status("192.0.2.1") == 302


def test_lock_expires_after_the_cool_off(settings):
    spent(log_ins.BY_ALL)
    AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME)
    assert status("192.0.2.1") == 302


def test_locked_log_in_is_not_counted():
    for _ in range(8):
        status("192.0.2.1", "wrong")
    assert AccessAttempt.objects.get().failures_since_start == 5


def test_success_keeps_failures_of_other_names():
    status("192.0.2.1", "wrong", "somebody")
    status("192.0.2.1", "wrong")
    assert status("192.0.2.1") == 302
    assert [attempt.username for attempt in AccessAttempt.objects.all()] == ["somebody"]


def test_wrong_token_is_counted_as_a_wrong_password(supervisor):
    TOTPDevice.objects.create(user=supervisor, name="App", confirmed=True)
    answers = [log_in(at("192.0.2.1"), token="000000").status_code for _ in range(5)]
    assert answers == [200, 200, 200, 200, 429]


def test_refused_log_in_runs_few_queries(django_assert_max_num_queries):
    spent(log_ins.BY_ALL)
    browser = at("192.0.2.1")
    with django_assert_max_num_queries(5):
        assert log_in(browser).status_code == 429


def test_passwords_are_hashed_one_at_a_time(monkeypatch):
    monkeypatch.setattr(log_ins, "PATIENCE", 0.01)
    with log_ins.HASHING:
        busy = log_in(Browser(raise_request_exception=False, REMOTE_ADDR="192.0.2.1"))
    assert (busy.status_code, busy.headers["Retry-After"]) == (503, "1")
    assert "Too many log-ins" in busy.text
    assert not AccessAttempt.objects.exists()
    assert status("192.0.2.1") == 302


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::"),
        ("", None),
        ("unix:", None),
    ],
)
def test_network_is_computed_from_the_address(rf, address, network):
    assert network_of(rf.get("/", REMOTE_ADDR=address)) == network


@pytest.mark.parametrize("address", ["", "unix:"])
def test_log_in_without_an_address_is_counted(address):
    assert [status(address, "wrong") for _ in range(5)][-1] == 429
    assert status(address) == 429


def test_deactivated_staff_are_not_found_by_their_session(supervisor):
    assert log_ins.Passwords().get_user(supervisor.pk) == supervisor
    get_user_model().objects.update(is_active=False)
    assert log_ins.Passwords().get_user(supervisor.pk) is None
    assert log_ins.Passwords().get_user(0) is None
