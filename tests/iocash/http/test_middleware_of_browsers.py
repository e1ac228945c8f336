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


def test_caller_with_a_key_needs_no_session(api, no_sessions):
    assert api.get("wallets").status == 200


def test_wrong_key_gets_401_without_a_session_query(nobody, no_sessions):
    assert Api("iocash_" + "a" * 40).get("wallets").status == 401


@pytest.mark.parametrize("method", ["get", "head"])
def test_back_office_without_its_final_slash_redirects(method):
    answer = getattr(Browser(), method)("/admin")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.mark.parametrize("address", ["/api/v1/", "/api/v1/wallets/", "/api/docs/"])
def test_only_the_back_office_redirects_for_a_missing_slash(address):
    assert Browser().get(address).status_code == 404


def test_session_is_ignored_beside_a_key(staff):
    browser = Browser()
    browser.force_login(staff)
    answer = browser.get("/api/v1/wallets", headers={"Authorization": "Bearer garbage"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


def test_session_works_with_a_proxys_basic_authorization(staff):
    """Such a proxy forwards its own `Authorization` header to the back office."""
    browser = Browser(headers={"Authorization": "Basic YWxpY2U6c2VjcmV0"})
    browser.force_login(staff)
    assert browser.get("/admin/").status_code == 200
