"""Where HTTPS is served, credentials that come over plain HTTP are refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.people import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def served(settings: Any) -> None:
    """A server behind a proxy that speaks HTTPS, as in production."""
    settings.HTTPS = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


SECURE = {"X-Forwarded-Proto": "https"}


@pytest.mark.parametrize("proto", [None, "http"])
def test_key_over_http_is_refused(api, served, proto):
    headers = {"X-Forwarded-Proto": proto} if proto else {}
    answer = api.get("users", headers=headers)
    assert (answer.status, answer.code) == (403, "https_required")
    assert "revoke" in answer.json["detail"]


def test_invalid_key_over_http_gets_https_required(served):
    for secret in ("nobody", "a.b.c"):
        assert Api(secret).get("users").code == "https_required"


def test_request_with_a_key_over_http_changes_nothing(api, alice, served):
    assert api.patch(f"users/{alice.id}", {"firstName": "Alicia"}).code == "https_required"
    alice.refresh_from_db()
    assert alice.first_name == "Alice"


def test_key_over_https_is_served(api, served):
    assert api.get("users", headers=SECURE).status == 200


def test_request_without_a_key_gets_401_over_http(nobody, served):
    assert nobody.get("users").code == "not_authenticated"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/api/schema"])
def test_public_pages_are_served_over_http(nobody, served, path):
    assert nobody.get(path).status == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_served_with_a_key_over_http(api, served, path):
    assert api.get(path).status == 200
