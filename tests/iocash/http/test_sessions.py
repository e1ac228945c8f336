"""How long staff stay logged in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from iocash.http import sessions
from tests.support.approvals import password_reset_approved
from tests.support.log_ins import PASSWORD, is_in, log_in

pytestmark = pytest.mark.django_db

NEW = "another battery staple"


@pytest.fixture
def browser(supervisor: Any) -> Browser:
    return inside()


def inside() -> Browser:
    browser = Browser()
    assert log_in(browser).status_code == 302
    return browser


def later(**delta: float) -> None:
    """Let time pass: the rows of sessions, and what they remember, become older."""
    back = timedelta(**delta)
    for row in Session.objects.all():
        data = row.get_decoded()
        for name in (sessions.BEGUN, sessions.SEEN):
            data[name] -= back.total_seconds()
        row.session_data = sessions.SessionStore().encode(data)
        row.expire_date -= back
        row.save()


@pytest.mark.slow
def test_idle_session_expires(browser):
    later(minutes=59)
    assert is_in(browser)
    later(minutes=59)
    assert is_in(browser), "it was used"
    later(minutes=61)
    assert not is_in(browser)


@pytest.mark.slow
def test_session_expires_twelve_hours_after_the_log_in(browser):
    for _ in range(14):
        later(minutes=50)
        assert is_in(browser)
    later(minutes=21)
    assert not is_in(browser)


def test_log_in_after_expiry_starts_a_new_session(browser):
    later(hours=13)
    log_in(browser)
    later(minutes=50)
    assert is_in(browser)


def test_session_lifetime_is_configurable(browser, settings):
    settings.SESSION_IDLE_MINUTES = 5
    later(minutes=2)
    assert is_in(browser)
    later(minutes=6)
    assert not is_in(browser)


def test_session_is_not_saved_on_each_request(browser):
    is_in(browser)
    with CaptureQueriesContext(connection) as asked:
        is_in(browser)
    assert not [query for query in asked if "UPDATE" in query["sql"]]


def test_api_request_keeps_the_session_alive(browser):
    for _ in range(3):
        later(minutes=50)
        assert browser.get("/api/v1/users").status_code == 200


def test_forged_session_id_creates_no_row():
    browser = Browser()
    browser.cookies["sessionid"] = "a" * 32
    for path in ("/admin/login/", "/", "/api/v1/users"):
        browser.get(path)
    assert not Session.objects.exists()


def test_password_change_ends_other_sessions(browser):
    other = inside()
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert browser.post("/admin/password_change/", form).status_code == 302
    assert is_in(browser)
    assert not is_in(other)


def test_link_to_set_another_password_ends_sessions(browser, supervisor, staff):
    boss = Browser()
    boss.force_login(staff)
    password_reset_approved(supervisor, staff)
    address = f"/admin/auth/user/{supervisor.pk}/action/password-link/"
    assert boss.post(address, {"key": str(uuid7())}).status_code == 200
    assert not is_in(browser)
