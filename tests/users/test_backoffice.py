"""The door of the back office: passwords, guessing, and the second factor."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client as Browser
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.support.log_ins import PASSWORD, is_in, log_in, secret_on, shown_by, token_of
from users.unauthenticated import ip_address_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def required(settings: Any) -> None:
    settings.REQUIRE_SECOND_FACTOR = True


def test_correct_password_logs_in(supervisor):
    browser = Browser()
    assert log_in(browser).status_code == 302
    assert is_in(browser)


def test_five_wrong_passwords_lock_the_log_in_even_for_the_correct_one(supervisor):
    browser = Browser()
    answers = [log_in(browser, "wrong").status_code for _ in range(5)]
    assert answers == [200, 200, 200, 200, 429]
    locked = log_in(browser)
    assert locked.status_code == 429
    assert "Too many attempts" in locked.text
    assert not is_in(browser)


def test_lock_applies_to_one_user_name(supervisor):
    get_user_model().objects.create_superuser("other", password=PASSWORD)
    browser = Browser()
    for _ in range(5):
        log_in(browser, "wrong")
    assert log_in(browser, name="other").status_code == 302


# --- Where somebody is ---------------------------------------------------------------------------


def at(address: str) -> Browser:
    """Somebody whose requests have passed proxies, with this `X-Forwarded-For`."""
    return Browser(headers={"X-Forwarded-For": address})


@pytest.mark.parametrize(
    ("proxies", "passed", "found"),
    [
        (0, None, "127.0.0.1"),
        (0, "192.0.2.1", "127.0.0.1"),
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "203.0.113.9, 192.0.2.1", "192.0.2.1"),
        (2, "203.0.113.9, 192.0.2.1,198.51.100.7", "192.0.2.1"),
        (2, "192.0.2.1", "127.0.0.1"),
        (1, None, "127.0.0.1"),
        (1, "2001:DB8::1", "2001:db8::1"),
        (1, "fe80::1%eth0", "fe80::1"),
        (1, "192.0.2.1, unknown", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_client_address_is_read_from_the_outermost_trusted_proxy(
    settings, rf, proxies, passed, found
):
    settings.TRUSTED_PROXIES = proxies
    headers = {} if passed is None else {"X-Forwarded-For": passed}
    assert ip_address_of(rf.get("/admin/login/", headers=headers)) == found


def test_lock_applies_to_one_address(supervisor, settings):
    settings.TRUSTED_PROXIES = 1
    for _ in range(5):
        log_in(at("192.0.2.1"), "wrong")
    assert log_in(at("192.0.2.1")).status_code == 429
    assert log_in(at("192.0.2.2")).status_code == 302


def test_forged_forwarded_address_does_not_bypass_the_lock(supervisor, settings):
    settings.TRUSTED_PROXIES = 1
    answers = [
        log_in(at(f"203.0.113.{number}, 192.0.2.1"), "wrong").status_code for number in range(5)
    ]
    assert answers[-1] == 429
    assert log_in(at("203.0.113.9, 192.0.2.1")).status_code == 429


def test_forwarded_address_is_ignored_without_trusted_proxies(supervisor):
    for number in range(5):
        log_in(at(f"192.0.2.{number}"), "wrong")
    assert log_in(at("192.0.2.9")).status_code == 429


def test_enrolled_staff_need_the_second_factor(supervisor, device):
    for token in ("", "000000", "x"):
        browser = Browser()
        assert "second factor is missing or wrong" in log_in(browser, token=token).text
        assert not is_in(browser)
        TOTPDevice.objects.update(throttling_failure_count=0)
    browser = Browser()
    assert log_in(browser, token=token_of(device)).status_code == 302
    assert is_in(browser)


def test_token_works_once(supervisor, device):
    token = token_of(device)
    assert log_in(Browser(), token=token).status_code == 302
    assert "missing or wrong" in log_in(Browser(), token=token).text


@pytest.mark.slow
def test_required_second_factor_redirects_to_its_set_up(supervisor, required):
    browser = Browser()
    log_in(browser)
    assert not is_in(browser)
    led = browser.get("/admin/", follow=True)
    assert led.redirect_chain[-1][0] == "/admin/second-factor/"
    secret = secret_on(led)
    assert browser.post("/admin/second-factor/", {"token": "000000"}).status_code == 200
    assert not is_in(browser)
    browser.post("/admin/second-factor/", {"token": shown_by(secret)})
    assert is_in(browser)


def test_api_refuses_staff_without_the_required_second_factor(supervisor, required, alice):
    browser = Browser()
    log_in(browser)
    assert browser.get("/api/v1/users").status_code == 401


def test_second_factor_is_not_replaced_with_the_password_alone(supervisor, device):
    browser = Browser()
    browser.force_login(supervisor)
    assert browser.get("/admin/second-factor/").status_code == 403


def test_second_factor_set_up_needs_a_log_in():
    answer = Browser().get("/admin/second-factor/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/login/")
    assert not TOTPDevice.objects.exists()


def test_every_page_has_the_content_security_policy():
    policy = settings.CONTENT_SECURITY_POLICY
    assert "unsafe" not in policy
    for path in ("/", "/admin/login/", "/api/docs", "/nowhere", "/livez"):
        assert Browser().get(path).headers["Content-Security-Policy"] == policy
