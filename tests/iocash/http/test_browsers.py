"""Sessions are for people in browsers; a caller with credentials of its own passes by."""

from __future__ import annotations

import pytest
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.middleware.common import CommonMiddleware
from django.test import Client as Browser

from tests.support.people import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def no_sessions(monkeypatch):
    """Whoever needs a session, or what else is for people, fails."""
    for kind in (SessionMiddleware, MessageMiddleware, CommonMiddleware):
        monkeypatch.setattr(kind, "process_request", None)


def test_a_caller_with_a_key_needs_no_session(api, no_sessions):
    assert api.get("wallets").status == 200


def test_a_caller_with_a_wrong_key_needs_none_to_be_refused(nobody, no_sessions):
    assert Api("iocash_" + "a" * 40).get("wallets").status == 401


@pytest.mark.parametrize("method", ["get", "head"])
def test_back_office_without_its_final_slash_redirects(method):
    answer = getattr(Browser(), method)("/admin")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.mark.parametrize("address", ["/api/v1/", "/api/v1/wallets/", "/api/docs/"])
def test_nothing_else_redirects_to_an_address_with_another_slash(address):
    assert Browser().get(address).status_code == 404


def test_a_session_counts_for_nothing_beside_a_key(staff):
    browser = Browser()
    browser.force_login(staff)
    answer = browser.get("/api/v1/wallets", headers={"Authorization": "Bearer garbage"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


def test_people_behind_a_proxy_with_a_password_of_its_own_have_sessions(staff):
    """Such a proxy leaves its `Authorization` on the requests for the back office."""
    browser = Browser(headers={"Authorization": "Basic YWxpY2U6c2VjcmV0"})
    browser.force_login(staff)
    assert browser.get("/admin/").status_code == 200
