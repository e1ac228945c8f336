"""`/.well-known/security.txt` names the operator's contact, or is 404."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client as Browser

AT = "/.well-known/security.txt"


@pytest.fixture
def contact(settings: Any) -> Any:
    settings.SECURITY_CONTACT = ["mailto:security@pay.example", "https://pay.example/report"]
    settings.SECURITY_EXPIRES = date(2027, 6, 30)
    settings.SECURITY_POLICY = ""
    settings.SECURITY_LANGUAGES = ["es", "en"]
    return settings


def test_page_has_the_fields_of_the_rfc(contact):
    contact.SECURITY_POLICY = "https://pay.example/security"
    response = Browser().get(AT, secure=True)
    assert response.status_code == 200
    assert response.content.decode() == (
        "Contact: mailto:security@pay.example\n"
        "Contact: https://pay.example/report\n"
        "Expires: 2027-06-30T00:00:00Z\n"
        "Preferred-Languages: es, en\n"
        f"Canonical: https://testserver{AT}\n"
        "Policy: https://pay.example/security\n"
    )


def test_fields_without_a_value_are_left_out(contact):
    contact.SECURITY_LANGUAGES = []
    text = Browser().get(AT).content.decode()
    assert "Preferred-Languages" not in text
    assert "Policy" not in text


def test_page_is_plain_text_that_caches_may_keep(contact):
    headers = Browser().get(AT).headers
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Cache-Control"] == "public, max-age=86400"
    assert "Vary" not in headers


def test_page_reads_and_sets_no_session(contact):
    """No database is marked for this test: a session that is read would fail it."""
    browser = Browser()
    browser.cookies["sessionid"] = "a" * 32
    response = browser.get(AT)
    assert response.status_code == 200
    assert not response.cookies


def test_head_gets_no_body(contact):
    response = Browser().head(AT)
    assert (response.status_code, response.content) == (200, b"")


def test_other_methods_are_refused(contact):
    response = Browser().post(AT)
    assert response.json()["code"] == "method_not_allowed"
    assert response.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("missing", ["SECURITY_CONTACT", "SECURITY_EXPIRES"])
def test_page_is_404_without_a_contact_or_a_date(contact, missing):
    setattr(contact, missing, None)
    response = Browser().get(AT)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert "Cache-Control" not in response.headers
