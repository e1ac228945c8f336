"""Errors inside the back office have its look, its menu and a way back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from tests.support.backoffice import Office, worker

pytestmark = pytest.mark.django_db

MENU = 'id="office-menu"'


def answer_to(person: Any, path: str, **kwargs: Any) -> Any:
    browser = Browser(**kwargs)
    if person:
        browser.force_login(person)
    return browser.get(path)


def test_unknown_page_stays_in_the_back_office(staff):
    answer = answer_to(staff, "/admin/nowhere/")
    assert (answer.status_code, MENU in answer.text) == (404, True)
    assert "There is nothing at this address." in answer.text
    assert "not_found" in answer.text


def test_forbidden_page_stays_in_the_back_office():
    answer = answer_to(worker(), "/admin/users/user/")
    assert (answer.status_code, MENU in answer.text) == (403, True)
    assert "You don&#x27;t have permission" in answer.text or "You don't have" in answer.text


def test_refusal_names_the_request(staff):
    answer = answer_to(staff, "/admin/nowhere/", headers={"X-Request-Id": "the-request"})
    assert "<code>the-request</code>" in answer.text


def test_forged_form_is_refused_inside_the_back_office(staff):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(staff)
    answer = browser.post("/admin/account/", {"time_zone": "UTC"})
    assert (answer.status_code, MENU in answer.text, "csrf_failed" in answer.text) == (
        403,
        True,
        True,
    )


def test_crash_shows_no_menu(staff, monkeypatch):
    """The menu reads the database, which may be what failed."""

    def crash(*args: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr("wallets.dashboard.context", crash)
    browser = Browser(raise_request_exception=False)
    browser.force_login(staff)
    answer = browser.get("/admin/")
    assert (answer.status_code, MENU in answer.text) == (500, False)


def test_strangers_learn_nothing_about_addresses(db):
    answer = answer_to(None, "/admin/nowhere/")
    assert (answer.status_code, "/admin/login/" in answer["Location"]) == (302, True)


def test_member_without_the_second_factor_gets_the_page_of_strangers(supervisor, device, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    answer = answer_to(supervisor, "/admin/second-factor/")
    assert answer.status_code == 403
    assert [MENU in answer.text, "Go to the home page" in answer.text] == [False, True]


def test_error_outside_of_the_back_office_has_no_menu(staff):
    answer = answer_to(staff, "/nowhere", headers={"Accept": "text/html"})
    assert (answer.status_code, MENU in answer.text) == (404, False)


def test_logged_in_member_sees_the_office(staff):
    assert MENU in Office(staff).get("/admin/")
